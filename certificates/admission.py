"""Which keyring versions may seal, and which recovery key. A version's canary is laid here and nowhere else."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from audit.recording import Actor, record
from certificates import kek, permits
from certificates.kek import recovery
from certificates.models import Act, Approval, ApprovalState, Environment, KekCanary, KeyEnvelope

KEYRING = Actor.task("keyring")
"""Nobody in person: the process that seals first with a version."""


class VersionNotAdmitted(kek.KekError):
    """Production keys are held here, and nobody allowed this version to seal."""


def holds_production_keys() -> bool:
    """Say whether a production key is sealed here: then another keyring version takes two people."""
    return KeyEnvelope.objects.filter(key__environment=Environment.PRODUCTION).exists()


def target(provider: str, version: str) -> str:
    """Return what an approval calls this version."""
    return f"{provider} {version}"


def lay_canary(wrapped: kek.WrappedDek, *, now: datetime, recovery_key: str = "") -> KekCanary:
    """Store the first record wrapped under a version, record that it may seal, and return it.

    An approval that was needed is used up in the same transaction. ``recovery_key`` names the offline key that
    opens what a lost keyring sealed: then no console runs in which two people could allow it, and whoever
    holds that key may. Raises VersionNotAdmitted.
    """
    with transaction.atomic():
        takes_two = holds_production_keys() and not recovery_key
        permit = _locked_permit(wrapped) if takes_two else None
        known = KekCanary.objects.filter(provider=wrapped.provider, kek_version=wrapped.version).first()
        if known is not None:
            return known  # laid by somebody else while this one waited for the lock
        if takes_two:
            _spend(permit, wrapped, now)
        canary, created = KekCanary.objects.get_or_create(
            provider=wrapped.provider,
            kek_version=wrapped.version,
            defaults={"wrapped": wrapped.blob, "nonce": wrapped.nonce, "created_at": now},
        )
        if created:
            data = {"provider": wrapped.provider, "version": wrapped.version}
            data |= {"approval": str(permit.pk)} if permit else {}
            data |= {"recovery_key": recovery_key} if recovery_key else {}
            record(
                verb="certificates.keyring_version_admitted",
                actor=KEYRING,
                subject=canary,
                now=now,
                data=data,
            )
    return canary


def _locked_permit(wrapped: kek.WrappedDek) -> Approval | None:
    return (
        Approval.objects.select_for_update()
        .filter(
            act=Act.KEYRING,
            target=target(wrapped.provider, wrapped.version),
            state=ApprovalState.APPROVED,
        )
        .first()
    )


def _spend(permit: Approval | None, wrapped: kek.WrappedDek, now: datetime) -> None:
    if permit is None:
        raise VersionNotAdmitted(_refusal(wrapped))
    try:
        permits.spend(pk=permit.pk, act=Act.KEYRING, actor=KEYRING, now=now)
    except permits.ApprovalLapsed as lapsed:
        raise VersionNotAdmitted(
            f"{_refusal(wrapped)} An earlier approval lapsed: {lapsed.sentence}"
        ) from None


def _refusal(wrapped: kek.WrappedDek) -> str:
    what = f"Keyring version “{wrapped.version}” of provider “{wrapped.provider}”"
    if wrapped.provider == recovery.NAME:
        what = f"The recovery key {wrapped.version[:16]}…"
    return (
        f"{what} may not seal yet: production keys "
        "are held here, so one person asks for it under Approvals in the console and another allows it."
    )
