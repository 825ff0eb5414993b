"""manage.py restore_triggers: put the triggers back that keep keys and ciphertexts as they were written."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection, transaction

from certificates import immutability


class Command(BaseCommand):
    help = "Put the triggers of keys and envelopes in place again, after check certificates.E004. Safe to repeat."
    requires_system_checks: list[str] = []  # the check it answers stops every other command

    def handle(self, *args: Any, **options: Any) -> None:
        missing = immutability.missing(connection)
        with transaction.atomic():
            immutability.remove(connection)
            immutability.install(connection)
        self.stderr.write(f"{len(missing)} restored" + "".join(f"\n{table}" for table in missing))
