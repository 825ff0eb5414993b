"""manage.py send_milestones: send the mails that are due."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from onboarding import operations, queries


class Command(BaseCommand):
    help = (
        "Send every milestone mail that is due, each once; safe to repeat and to run twice at once. "
        "Exit 0: nothing is left over. Exit 1: a mail failed or was cut off, and a person must decide."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        sent = operations.send_pending_messages(now=now)
        undecided = queries.undecided_mails(now=now)
        self.stderr.write(f"{sent} sent, {undecided} to decide about")
        if undecided:
            sys.exit(1)
