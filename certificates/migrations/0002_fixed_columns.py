"""Triggers that keep a key's identity and its ciphertext as they were written."""

from typing import Any

from django.db import migrations

from certificates import immutability


def install(apps: Any, schema_editor: Any) -> None:
    immutability.install(schema_editor.connection)


def remove(apps: Any, schema_editor: Any) -> None:
    immutability.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("certificates", "0001_initial")]
    operations = [migrations.RunPython(install, remove)]
