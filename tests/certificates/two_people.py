"""Acts that take two people, as two people do them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from audit.recording import Actor
from certificates import operations
from certificates.models import Act, Approval, KeyPair


def prove(key: KeyPair, *, now: datetime) -> None:
    """The bank let us in with this key."""
    operations.record_proof(pk=key.pk, proven="It let us in.", actor=Actor.task("prover"), now=now)


def ask(act: Act, key: KeyPair, *, by: Any, now: datetime, reason: str = "It is time.") -> Approval:
    return operations.request_approval(act=act, pk=key.pk, reason=reason, actor=Actor.user(by), now=now)


def activate(key: KeyPair, people: dict[str, Any], *, now: datetime) -> KeyPair:
    """Prove a production key; the operator asks for its activation, the approver allows it."""
    prove(key, now=now)
    asked = ask(Act.ACTIVATE, key, by=people["operator"], now=now)
    operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now)
    return KeyPair.objects.get(pk=key.pk)


def destroy(key: KeyPair, people: dict[str, Any], *, now: datetime, reason: str = "Over.") -> KeyPair:
    """The operator asks for a key's destruction, the approver allows it."""
    asked = ask(Act.DESTROY, key, by=people["operator"], now=now, reason=reason)
    operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now)
    return KeyPair.objects.get(pk=key.pk)
