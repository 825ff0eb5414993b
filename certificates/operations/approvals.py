"""Four eyes: one person asks, another decides, and what was allowed is done at once or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

from django.db import IntegrityError, transaction

from audit.recording import Actor, record
from audit.workflow import OperationRefused, PermissionMissing, SomebodyWasFirst, TransitionRefused, perform
from certificates import custody, permits
from certificates.models import ENDED, UNDECIDED, Act, Approval, ApprovalState, KeyPair
from certificates.operations import export, keyring, lifecycle
from certificates.permits import ApprovalLapsed, SecondPersonNeeded


class ApprovalRefused(OperationRefused):
    """This cannot be asked for now."""


def request_approval(
    *, act: str, pk: uuid.UUID | str | None = None, target: str = "", reason: str, actor: Actor, now: datetime
) -> Approval:
    """Ask another person to allow ``act`` on the key ``pk``, or on the keyring version ``target``; return the request.

    It lapses after 72 hours, or when its target changes. Raises SecondPersonNeeded for machines,
    PermissionMissing, SomebodyWasFirst where it was asked for already, or what the act itself would refuse with.
    """
    permits.check_person(actor, permits.MAY_ASK)
    if not reason.strip():
        raise ApprovalRefused("Say why: whoever decides reads it.")
    with transaction.atomic():
        key = _locked_key(act, pk)
        target = _checked_target(Act(act), key, target, now)
        for earlier in Approval.objects.filter(act=act, target=target, state__in=UNDECIDED):
            if not _lapsed(earlier, actor, now):
                raise SomebodyWasFirst("This was asked for already, and nobody decided yet.")
        approval = Approval(
            act=act,
            key=key,
            target=target,
            seen=permits.fingerprint(act, key=key, target=target),
            requested_by=permits.named(actor),
            requested_at=now,
            expires_at=now + permits.LASTS,
            reason=reason.strip(),
        )
        _insert(approval)
        record(verb="certificates.approval.request", actor=actor, subject=approval, now=now, reason=reason,
               data={"act": act, "target": target, "seen": approval.seen})  # fmt: skip
    return approval


def approve(*, pk: uuid.UUID | str, actor: Actor, now: datetime, reason: str = "") -> Approval:
    """Allow what another person asked for, and do it in the same transaction; return the approval.

    An export waits for its requester, a keyring version for its first use. Raises SecondPersonNeeded for whoever
    asked (and, for an activation, whoever installed the certificate), PermissionMissing, SomebodyWasFirst,
    ApprovalLapsed (which stays on record), or what the act itself refuses with; then the request still stands.
    """
    return _decide(pk, _allow, actor, now, reason)


def decline(*, pk: uuid.UUID | str, actor: Actor, now: datetime, reason: str = "") -> Approval:
    """Say no to what another person asked for. Raises as ``approve``."""
    return _decide(pk, _refuse, actor, now, reason)


def withdraw(*, pk: uuid.UUID | str, actor: Actor, now: datetime, reason: str = "") -> Approval:
    """Take one's own request back, also after it was allowed and before it is used.

    Raises PermissionMissing for everybody else, or TransitionRefused.
    """
    permits.check_person(actor, permits.MAY_ASK)
    with transaction.atomic():
        approval = _locked(pk)
        if approval.requested_by != permits.named(actor):
            raise PermissionMissing("Only whoever asked may withdraw the request. Decline it instead.")
        return perform(approval, "withdraw", actor=actor, now=now, reason=reason)


def lapse_overdue(*, actor: Actor, now: datetime) -> list[Approval]:
    """Close every request and unused approval whose time is over; return them."""
    lapsed = []
    for approval in Approval.objects.filter(state__in=UNDECIDED, expires_at__lte=now).order_by("pk"):
        try:
            lapsed.append(_lapse(approval, permits.void_because(approval, now=now), actor, now))
        except TransitionRefused:
            continue  # decided, withdrawn or lapsed by somebody else in between
    return lapsed


def _decide(
    pk: uuid.UUID | str, decision: Callable[..., Approval], actor: Actor, now: datetime, reason: str
) -> Approval:
    with transaction.atomic():
        approval = _locked(pk)
        _check_decider(approval, actor)
        why = permits.void_because(approval, now=now)
        if why:
            _lapse(approval, why, actor, now)
        else:
            approval = decision(approval, actor, now, reason)
    # Raised after the commit: that the request lapsed, and why, stays on record.
    if why:
        raise ApprovalLapsed(f"{why} The request lapsed; somebody has to ask again.")
    return approval


def _allow(approval: Approval, actor: Actor, now: datetime, reason: str) -> Approval:
    approval = perform(
        approval, "approve", actor=actor, now=now, reason=reason, by=permits.named(actor), at=now
    )
    if approval.act == Act.ACTIVATE:
        lifecycle.activate_approved(approval=approval.pk, actor=actor, now=now)
    elif approval.act == Act.DESTROY:
        lifecycle.destroy_approved(approval=approval.pk, actor=actor, now=now)
    elif approval.act == Act.KEYRING:
        custody.begin(target=approval.target, now=now)
    return Approval.objects.get(pk=approval.pk)


def _refuse(approval: Approval, actor: Actor, now: datetime, reason: str) -> Approval:
    return perform(approval, "decline", actor=actor, now=now, reason=reason, by=permits.named(actor), at=now)


def _check_decider(approval: Approval, actor: Actor) -> None:
    permits.check_person(actor, permits.MAY_DECIDE, permits.RIGHTS[Act(approval.act)])
    if approval.requested_by == permits.named(actor):
        raise SecondPersonNeeded("You asked for this; somebody else must decide.")
    if approval.state != ApprovalState.REQUESTED:
        raise SomebodyWasFirst(f"This request is not open any more: it is “{approval.get_state_display()}”.")


def _locked(pk: uuid.UUID | str) -> Approval:
    # The owner's keys first, as every act on them does: a request and a decision about one key cannot deadlock.
    found = Approval.objects.select_related("key").get(pk=pk)
    if found.key is not None:
        lifecycle.lock_owner(scope=found.key.scope)
        if found.act == Act.DESTROY:
            lifecycle.lock_seal(found.key)
    return Approval.objects.select_for_update(of=("self",)).select_related("key").get(pk=pk)


def _locked_key(act: str, pk: uuid.UUID | str | None) -> KeyPair | None:
    if act == Act.KEYRING:
        return None
    if pk is None:
        raise ApprovalRefused("Say which key it is about.")
    key = KeyPair.objects.get(pk=pk)
    lifecycle.lock_owner(scope=key.scope)
    key.refresh_from_db()
    return key


def _checked_target(act: Act, key: KeyPair | None, target: str, now: datetime) -> str:
    if key is None:
        keyring.check_version(target)
        return target
    if act == Act.ACTIVATE:
        lifecycle.check_activation(key, now=now)
    elif act == Act.EXPORT:
        export.check_export(key)
    elif key.state not in ENDED:
        raise ApprovalRefused(
            f"{key.common_name} is {key.get_state_display()}: only a retired, rejected or compromised key "
            "is destroyed."
        )
    return str(key.pk)


def _insert(approval: Approval) -> None:
    try:
        with transaction.atomic():
            approval.save(force_insert=True)
    except IntegrityError:
        raise SomebodyWasFirst("Somebody else asked for this just now: look again.") from None


def _lapsed(approval: Approval, actor: Actor, now: datetime) -> bool:
    why = permits.void_because(approval, now=now)
    if why:
        _lapse(approval, why, actor, now)
    return bool(why)


def _lapse(approval: Approval, why: str, actor: Actor, now: datetime) -> Approval:
    return perform(approval, "lapse", actor=actor, now=now, reason=why)
