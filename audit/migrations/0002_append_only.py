"""Triggers that refuse to change or remove audit entries."""

from typing import Any

from django.db import migrations

from audit import immutability


def install(apps: Any, schema_editor: Any) -> None:
    immutability.install(schema_editor.connection)


def remove(apps: Any, schema_editor: Any) -> None:
    immutability.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(install, remove)]
