"""Closing findings by a person's word."""

from __future__ import annotations

from datetime import datetime

from audit.recording import Actor
from audit.workflow import OperationRefused, perform
from bankfeeds.models import Finding


def resolve_finding(*, pk: int, actor: Actor, now: datetime, reason: str) -> Finding:
    """Close a finding whose cause is gone. Raises OperationRefused without a reason or when it is not open."""
    return _close(pk, "resolve", actor, now, reason)


def accept_finding(*, pk: int, actor: Actor, now: datetime, reason: str) -> Finding:
    """Close a finding whose cause stays and is answered for. Raises OperationRefused as ``resolve_finding`` does."""
    return _close(pk, "accept", actor, now, reason)


def _close(pk: int, name: str, actor: Actor, now: datetime, reason: str) -> Finding:
    if not reason.strip():
        raise OperationRefused("Say why the finding is closed.", missing=["a reason"])
    return perform(Finding.objects.get(pk=pk), name, actor=actor, now=now, reason=reason, at=now, why=reason)
