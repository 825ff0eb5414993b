"""manage.py rewrap_details: contacts' details and link tokens under the active key-encryption key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from audit.recording import Actor
from audit.workflow import OperationRefused
from onboarding import operations


class Command(BaseCommand):
    help = (
        "Put contacts' details and link tokens under the active key-encryption key, after rotate_keks and before "
        "an old version leaves the keyring. Safe to repeat."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            changed = operations.rewrap_sealed(actor=Actor.command("rewrap_details"), now=timezone.now())
        except OperationRefused as refusal:
            raise CommandError(refusal.sentence, returncode=2) from None
        self.stderr.write(f"{changed} rewrapped")
