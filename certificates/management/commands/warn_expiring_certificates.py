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
        "Record and mail the expiry notices and escalations due now, each once; safe to repeat. Prints a line "
        "per new notice. Exit 0: nothing new. Exit 1: a person must see the new notices or escalations."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        actor = Actor.command("warn_expiring_certificates")
        done = operations.watch_expiry(now=timezone.now(), actor=actor)
        for notice in done.new:
            self.stdout.write(operations.describe(notice))
        self.stderr.write(f"{len(done.new)} new, {len(done.escalated)} escalated, {done.sent} mails sent")
        if done.new or done.escalated:
            sys.exit(1)
