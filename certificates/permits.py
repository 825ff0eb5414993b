"""What an approval permits: one act, on exactly what was seen, once, before it lapses."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model

from audit import chain
from audit.recording import Actor
from audit.workflow import OperationRefused, PermissionMissing, perform
from certificates.models import (
    Act,
    Approval,
    ApprovalState,
    Certificate,
    KekCanary,
    KeyEnvelope,
    KeyPair,
    KeyState,
)

LASTS = timedelta(hours=72)
"""How long a request may wait for its second person, and an allowed act for its use."""

RIGHTS = {
    Act.ACTIVATE: "certificates.activate_keypair",
    Act.EXPORT: "certificates.export_keypair",
    Act.DESTROY: "certificates.destroy_keypair",
    Act.KEYRING: "certificates.change_keyring",
}
"""The act's own right: whoever allows an act must be one who may do it."""
MAY_ASK = "certificates.request_approval"
MAY_DECIDE = "certificates.decide_approval"


class SecondPersonNeeded(PermissionMissing):
    """One person asks for this act, and another allows it."""


class ApprovalLapsed(OperationRefused):
    """The request does not count any more; the sentence says why. Somebody has to ask again."""


def named(actor: Actor) -> str:
    """Return the actor as approvals and certificates name people."""
    return f"{actor.kind}:{actor.key}"


def check_person(actor: Actor, *rights: str) -> None:
    """Let only a person with an active account and every one of ``rights`` pass, as the database has them now.

    Raises SecondPersonNeeded for machines, PermissionMissing for people.
    """
    if actor.kind != "user" or actor.account is None or str(actor.account.pk) != actor.key:
        raise SecondPersonNeeded("This takes two people, each signed in at the console.")
    account = _active(actor.key)
    if account is None:
        raise PermissionMissing("Your account is not active any more.")
    for right in rights:
        if not account.has_perm(right):
            raise PermissionMissing(f"You may not do this: it needs the right “{right}”.")


def fingerprint(act: str, *, key: KeyPair | None = None, target: str = "") -> str:
    """Return the SHA-256 (64 hex) of the facts that whoever allows ``act`` sees of its target."""
    facts = _facts_of_key(key) if key is not None else _facts_of_version(target)
    if key is not None and act == Act.ACTIVATE:
        facts["replaces"] = _active_beside(key)
    return hashlib.sha256(chain.canonical({"act": str(act), **facts}).encode()).hexdigest()


def void_because(approval: Approval, *, now: datetime) -> str:
    """Return why an undecided or unused approval does not count any more, or nothing."""
    if approval.expires_at <= now:
        return f"It ran out on {approval.expires_at:%Y-%m-%d %H:%M} UTC."
    if not _may(approval.requested_by, MAY_ASK):
        return "Whoever asked may not ask any more."
    if approval.decided_by and not _may(approval.decided_by, MAY_DECIDE, RIGHTS[Act(approval.act)]):
        return "Whoever allowed it may not allow it any more."
    if fingerprint(approval.act, key=approval.key, target=approval.target) != approval.seen:
        return "What it is about changed since it was asked for."
    return ""


def spend(*, pk: uuid.UUID | str, act: Act, actor: Actor, now: datetime) -> Approval:
    """Use up an approval in the transaction that does its act; return it.

    The caller holds the locks of the key's owner. Raises SecondPersonNeeded unless exactly this act was allowed
    by two people and not used yet, and ApprovalLapsed.
    """
    approval = Approval.objects.select_for_update(of=("self",)).select_related("key").get(pk=pk)
    if approval.act != act or approval.state != ApprovalState.APPROVED or not _may_use(approval, actor):
        raise SecondPersonNeeded(
            "This takes two people: one asks for it, another allows it, and then it is done once."
        )
    if why := void_because(approval, now=now):
        raise ApprovalLapsed(f"{why} Ask again.")
    return perform(approval, "use", actor=actor, now=now, at=now)


def _may_use(approval: Approval, actor: Actor) -> bool:
    if approval.act == Act.KEYRING:
        return True  # whichever process seals first
    return named(actor) == (approval.requested_by if approval.act == Act.EXPORT else approval.decided_by)


def _may(name: str, *rights: str) -> bool:
    account = _active(name.removeprefix("user:"))
    return account is not None and bool(account.has_perms(rights))


def _active(pk: str) -> Any:
    return get_user_model().objects.filter(pk=pk, is_active=True).first() if pk.isdecimal() else None


def _facts_of_key(key: KeyPair) -> dict[str, str]:
    # Not the copy at hand: its state may be from before the lock. A later proof is no change of what was seen.
    row = KeyPair.objects.get(pk=key.pk)
    certificate = Certificate.objects.filter(key=row).first()
    return {
        "key": str(row.pk),
        "state": str(row.state),
        "spki": row.spki_sha256,
        "environment": row.environment,
        "certificate": certificate.sha256 if certificate else "none",
        "not_after": certificate.not_after.isoformat() if certificate else "none",
    }


def _active_beside(key: KeyPair) -> str:
    same = KeyPair.objects.filter(scope=key.scope, use=key.use, environment=key.environment)
    others = same.filter(state=KeyState.ACTIVE).exclude(pk=key.pk).order_by("pk")
    return " ".join(str(pk) for pk in others.values_list("pk", flat=True))


def _facts_of_version(target: str) -> dict[str, str]:
    provider, _, version = target.partition(" ")
    canary = KekCanary.objects.filter(provider=provider, kek_version=version).first()
    return {
        "provider": provider,
        "version": version,
        "canary": hashlib.sha256(bytes(canary.wrapped)).hexdigest() if canary else "none",
        "rows": str(KeyEnvelope.objects.filter(provider=provider, kek_version=version).count()),
    }
