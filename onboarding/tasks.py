"""What the queue's workers run. Each reads the clock, makes one call, and may be called twice or not at all."""

from __future__ import annotations

from django.utils import timezone

from audit.recording import Actor
from onboarding import operations


def send_milestones() -> int:
    """Every minute: send the mails that are due; return how many were sent."""
    return operations.send_pending_messages(now=timezone.now())


def offer_confirmations() -> int:
    """Every ten minutes: ask customers whose data is checked to confirm it; return how many were asked."""
    return operations.offer_confirmations(actor=Actor.task("offer_confirmations"), now=timezone.now())
