"""Scheduled work: the hourly looks at what ends, at what was replaced, and at requests nobody decided."""

from __future__ import annotations

from django.utils import timezone

from audit.recording import Actor
from certificates import operations


def warn_expiring_certificates() -> int:
    """Run the monitor: record and mail the notices due now; return how many were new."""
    return len(operations.watch_expiry(now=timezone.now()).new)


def retire_expired_keys() -> int:
    """Retire standby keys whose overlap is over or whose certificates have ended; return how many."""
    return len(operations.retire_expired(actor=Actor.task("retire_expired_keys"), now=timezone.now()))


def lapse_approvals() -> int:
    """Close the requests and unused approvals whose time is over; return how many."""
    return len(operations.lapse_overdue(actor=Actor.task("lapse_approvals"), now=timezone.now()))
