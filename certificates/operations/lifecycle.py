"""From an installed certificate to a key that is gone."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from audit.queries import history
from audit.recording import Actor
from audit.workflow import OperationRefused, perform
from certificates import permits, profiles
from certificates.models import Act, Approval, Certificate, KeyEnvelope, KeyPair, KeyState
from certificates.permits import SecondPersonNeeded

PROOF_LASTS = timedelta(days=7)
"""How old the bank's last welcome for a key may be when the key becomes active."""
READY = (KeyState.CERTIFIED, KeyState.STANDBY)
"""May become active."""


class ActivationRefused(OperationRefused):
    """This key must not become the active one."""


@dataclass(frozen=True, slots=True)
class Destroyed:
    """A key whose private half is gone here, and what sealed it; the version is empty if nothing was sealed."""

    key: KeyPair
    provider: str
    kek_version: str

    @property
    def sentence(self) -> str:
        """Return what the destruction does not reach."""
        return backups_sentence(self.provider, self.kek_version)


def activate_key(*, pk: uuid.UUID | str, actor: Actor, now: datetime, reason: str = "") -> KeyPair:
    """Make a certified or standby key of the test environment the active one; the one before stands by.

    A key that takes over from another must have been proven at the bank. A production key takes two people:
    SecondPersonNeeded. Raises ActivationRefused, PermissionMissing or TransitionRefused as well.
    """
    with transaction.atomic():
        key = _with_owner_locked(pk)
        if not key.is_test:
            raise SecondPersonNeeded(
                "A production key takes two people: ask for its activation; another person allows it."
            )
        certificate = Certificate.objects.filter(key=key).first()
        if certificate is not None:
            _check_date(certificate, now)
        if key.state in READY and certificate is not None and _active_beside(key).exists():
            _check_proof(key, certificate, now)
        return _put_in_use(key, actor=actor, now=now, reason=reason)


def check_activation(key: KeyPair, *, now: datetime) -> None:
    """Refuse what must not become the active production key now; the caller holds the owner's locks.

    Raises ActivationRefused.
    """
    if key.is_test:
        raise ActivationRefused("A key of the test environment takes one person: activate it directly.")
    certificate = Certificate.objects.filter(key=key).first()
    if key.state not in READY or certificate is None:
        raise ActivationRefused(
            f"{key.common_name} is {key.get_state_display()}: only a certified or standby key becomes active."
        )
    _check_date(certificate, now)
    _check_proof(key, certificate, now)


def activate_approved(*, approval: uuid.UUID | str, actor: Actor, now: datetime) -> KeyPair:
    """Make a production key the active one, as one person asked and ``actor`` allowed; the one before stands by.

    Raises SecondPersonNeeded, also for whoever installed the certificate, ApprovalLapsed, ActivationRefused,
    PermissionMissing or TransitionRefused.
    """
    with transaction.atomic():
        key = _with_owner_locked(_key_of(approval))
        if key.installed_by == permits.named(actor):
            raise SecondPersonNeeded("You installed this certificate; somebody else must activate it.")
        check_activation(key, now=now)
        permit = permits.spend(pk=approval, act=Act.ACTIVATE, actor=actor, now=now)
        return _put_in_use(key, actor=actor, now=now, reason=permit.reason, approval=permit)


def retire_key(*, pk: uuid.UUID | str, actor: Actor, now: datetime, reason: str = "") -> KeyPair:
    """Take a key out of use for good. Raises TransitionRefused."""
    return perform(KeyPair.objects.get(pk=pk), "retire", actor=actor, now=now, reason=reason, at=now)


def mark_compromised(*, pk: uuid.UUID | str, actor: Actor, now: datetime, reason: str = "") -> KeyPair:
    """Stop every use of a key that somebody else may hold. Raises TransitionRefused."""
    return perform(KeyPair.objects.get(pk=pk), "compromise", actor=actor, now=now, reason=reason, at=now)


def destroy_approved(*, approval: uuid.UUID | str, actor: Actor, now: datetime) -> Destroyed:
    """Remove the sealed private key and keep the facts, as one person asked and ``actor`` allowed.

    Backups made before still open until the keyring version that sealed them is destroyed too: the version is
    returned and on record. Raises SecondPersonNeeded, ApprovalLapsed, PermissionMissing or TransitionRefused.
    """
    with transaction.atomic():
        key = _with_owner_locked(_key_of(approval))
        lock_seal(key)
        permit = permits.spend(pk=approval, act=Act.DESTROY, actor=actor, now=now)
        sealed = sealed_under(key)
        KeyEnvelope.objects.filter(key=key).delete()
        data = {"approval": str(permit.pk), "provider": sealed[0], "kek_version": sealed[1]}
        key = perform(key, "destroy", actor=actor, now=now, reason=permit.reason, data=data, at=now)
    return Destroyed(key, *sealed)


def sealed_under(key: KeyPair) -> tuple[str, str]:
    """Return the provider and version that seal, or last sealed, this key; empty if nothing was sealed."""
    envelope = KeyEnvelope.objects.filter(key=key).first()
    if envelope is not None:
        return envelope.provider, envelope.kek_version
    gone = history(key).filter(verb="certificates.keypair.destroy").first()
    facts = json.loads(gone.data) if gone else {}
    return facts.get("provider", ""), facts.get("kek_version", "")


def backups_sentence(provider: str, kek_version: str) -> str:
    """Return what destroying a key sealed under this version does not reach."""
    if not kek_version:
        return "No sealed private key was stored here."
    return (
        f"Backups made before hold it sealed under version “{kek_version}” of “{provider}”, "
        "and open until that version is destroyed too."
    )


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


def lock_seal(key: KeyPair) -> None:
    """Lock a key's envelope before the audit chain, as the rotation of its seal does."""
    list(KeyEnvelope.objects.select_for_update().filter(key=key).values_list("pk"))


def stand_others_by(key: KeyPair, *, actor: Actor, now: datetime) -> None:
    """Put the active keys of the same owner, use and environment on standby, for the days the bank's profile says.

    The caller holds their locks.
    """
    until = now + timedelta(days=profiles.profile(key.environment).overlap_days)
    for other in _active_beside(key).order_by("pk"):
        perform(other, "stand_by", actor=actor, now=now, data={"successor": str(key.pk)}, until=until)


def _put_in_use(
    key: KeyPair, *, actor: Actor, now: datetime, reason: str, approval: Approval | None = None
) -> KeyPair:
    if key.state in READY:
        stand_others_by(key, actor=actor, now=now)
    data = {"approval": str(approval.pk)} if approval else None
    return perform(key, "activate", actor=actor, now=now, reason=reason, data=data, at=now)


def _key_of(approval: uuid.UUID | str) -> uuid.UUID:
    pk = Approval.objects.values_list("key", flat=True).get(pk=approval)
    if pk is None:
        raise SecondPersonNeeded("This approval is not about a key.")
    return pk


def _with_owner_locked(pk: uuid.UUID | str) -> KeyPair:
    key = KeyPair.objects.get(pk=pk)
    lock_owner(scope=key.scope)
    key.refresh_from_db()
    return key


def _active_beside(key: KeyPair) -> QuerySet[KeyPair]:
    return KeyPair.objects.filter(
        scope=key.scope, use=key.use, environment=key.environment, state=KeyState.ACTIVE
    ).exclude(pk=key.pk)


def _check_date(certificate: Certificate, now: datetime) -> None:
    if not certificate.in_date(now=now):
        raise ActivationRefused(
            f"Its certificate is valid from {certificate.not_before:%Y-%m-%d} "
            f"to {certificate.not_after:%Y-%m-%d}, not now."
        )


def _check_proof(key: KeyPair, certificate: Certificate, now: datetime) -> None:
    if key.proven_at is None or key.proven_at < certificate.installed_at:
        raise ActivationRefused(f"{key.common_name} was never tried at the bank: prove it first.")
    if key.proven_at + PROOF_LASTS < now:
        raise ActivationRefused(
            f"The bank last let us in with {key.common_name} on {key.proven_at:%Y-%m-%d}, more than "
            f"{PROOF_LASTS.days} days ago: prove it again first."
        )
