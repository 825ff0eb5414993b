"""From an installed certificate to a key that is gone."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from audit.recording import Actor
from audit.workflow import OperationRefused, PermissionMissing, perform
from certificates.models import Certificate, KeyEnvelope, KeyPair, KeyState

OVERLAP = timedelta(days=14)
"""How long a replaced key stays on standby before it retires by itself."""


class ActivationRefused(OperationRefused):
    """This key must not become the active one."""


class SecondPersonNeeded(PermissionMissing):
    """Whoever installed a production certificate may not activate it."""


def activate_key(*, pk: uuid.UUID | str, actor: Actor, now: datetime, reason: str = "") -> KeyPair:
    """Make a certified or standby key the active one; the one before stands by, in the same transaction.

    In production only a person with the right may, and not the one who installed the certificate. Raises
    SecondPersonNeeded, ActivationRefused, PermissionMissing or TransitionRefused.
    """
    with transaction.atomic():
        key = KeyPair.objects.get(pk=pk)
        lock_owner(scope=key.scope)
        key.refresh_from_db()
        _check_second_person(key, actor)
        certificate = Certificate.objects.filter(key=key).first()
        if certificate is not None and not certificate.in_date(now=now):
            raise ActivationRefused(
                f"Its certificate is valid from {certificate.not_before:%Y-%m-%d} "
                f"to {certificate.not_after:%Y-%m-%d}, not now."
            )
        if key.state in (KeyState.CERTIFIED, KeyState.STANDBY):
            stand_others_by(key, actor=actor, now=now)
        return perform(key, "activate", actor=actor, now=now, reason=reason, at=now)


def retire_key(*, pk: uuid.UUID | str, actor: Actor, now: datetime, reason: str = "") -> KeyPair:
    """Take a key out of use for good. Raises TransitionRefused."""
    return perform(KeyPair.objects.get(pk=pk), "retire", actor=actor, now=now, reason=reason, at=now)


def mark_compromised(*, pk: uuid.UUID | str, actor: Actor, now: datetime, reason: str = "") -> KeyPair:
    """Stop every use of a key that somebody else may hold. Raises TransitionRefused."""
    return perform(KeyPair.objects.get(pk=pk), "compromise", actor=actor, now=now, reason=reason, at=now)


def destroy_key(*, pk: uuid.UUID | str, actor: Actor, now: datetime, reason: str = "") -> KeyPair:
    """Remove the sealed private key and keep the facts. Raises TransitionRefused.

    Backups made before still open until the keyring version that sealed them is destroyed too.
    """
    with transaction.atomic():
        key = KeyPair.objects.select_for_update().get(pk=pk)
        KeyEnvelope.objects.filter(key=key).delete()
        return perform(key, "destroy", actor=actor, now=now, reason=reason, at=now)


def retire_expired(*, actor: Actor, now: datetime) -> list[KeyPair]:
    """Retire the standby keys whose overlap is over or whose certificates have ended; active ones are a person's."""
    over = Q(standby_until__lte=now) | Q(certificate__not_after__lte=now)
    ended = KeyPair.objects.filter(over, state=KeyState.STANDBY)
    retired = []
    for key in ended.order_by("pk"):
        with transaction.atomic():
            lock_owner(scope=key.scope)
            # Asked again under the lock: somebody may have fallen back to it a moment ago.
            if ended.filter(pk=key.pk).exists():
                reason = "Its successor took over."
                retired.append(perform(key, "retire", actor=actor, now=now, reason=reason, at=now))
    return retired


def lock_owner(*, scope: str) -> None:
    """Lock every key of one owner, in one order, before the audit chain: no two installations deadlock."""
    list(KeyPair.objects.select_for_update().filter(scope=scope).order_by("pk").values_list("pk"))


def stand_others_by(key: KeyPair, *, actor: Actor, now: datetime) -> None:
    """Put the active keys of the same owner, use and environment on standby; the caller holds their locks."""
    others = KeyPair.objects.filter(
        scope=key.scope, use=key.use, environment=key.environment, state=KeyState.ACTIVE
    ).exclude(pk=key.pk)
    for other in others.order_by("pk"):
        perform(other, "stand_by", actor=actor, now=now, data={"successor": str(key.pk)}, until=now + OVERLAP)


def _check_second_person(key: KeyPair, actor: Actor) -> None:
    if key.is_test:
        return
    if actor.kind != "user" or actor.account is None:
        raise SecondPersonNeeded("A production key is activated by a person in the console.")
    if key.installed_by == f"{actor.kind}:{actor.key}":
        raise SecondPersonNeeded("You installed this certificate; somebody else must activate it.")
