"""manage.py warn_expiring_certificates: record and mail the notices due now."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from audit.recording import Actor
from certificates import operations


class Command(BaseCommand):
    help = (
        "Record and mail the expiry notices due now, each once; safe to repeat. Prints a line each. "
        "Exit 0: nothing new. Exit 1: a person must see the new notices."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        actor = Actor.command("warn_expiring_certificates")
        notices = operations.record_expiry_notices(now=timezone.now(), actor=actor)
        for notice in notices:
            self.stdout.write(operations.describe(notice))
        self.stderr.write(f"{len(notices)} new")
        if notices:
            sys.exit(1)
