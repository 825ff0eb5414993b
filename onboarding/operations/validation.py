"""Step 6: the customer is asked, and confirms that the data is right."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from audit.recording import Actor
from audit.workflow import OperationRefused
from onboarding import checklist, evidence, milestones
from onboarding.models import Contact, Project, Step
from onboarding.models.customer import CONFIRMING_ROLES
from onboarding.operations import turns
from onboarding.operations.outbox import queue_milestone

HEARD_BY = {"phone": "by phone", "mail": "by mail", "meeting": "in a meeting"}


class ConfirmationRefused(OperationRefused):
    """This contact cannot confirm, or not in this way."""


def ask_for_confirmation(*, pk: int, actor: Actor, now: datetime, reason: str = "") -> Step:
    """Give the checked data to the customer to confirm, and queue the mail that asks.

    Raises EvidenceMissing while anything but the confirmation is missing, StepNotOpen or ProjectStopped.
    """
    turns.require(actor, "onboarding.hand_over_step")
    with transaction.atomic():
        held = turns.lock(pk)
        step = turns.open_step(held, 6)
        turns.check_under_way(held)
        _check_rest(step, now=now)
        if step.holder == checklist.CUSTOMER:
            return step
        return _ask(held, actor=actor, now=now, reason=reason)


def offer_confirmation(held: turns.Locked, *, actor: Actor, now: datetime) -> None:
    """Ask the customer at once, inside the caller's transaction, if nothing but their confirmation is missing."""
    step = held.steps[6]
    if step.is_open and step.holder == checklist.US and evidence.only_confirmation_missing(step, now=now):
        _ask(held, actor=actor, now=now, reason="the data is checked")


def offer_confirmations(*, actor: Actor, now: datetime) -> int:
    """Ask every customer whose data has meanwhile been checked; return how many. Safe to repeat."""
    asked = 0
    waiting = Step.objects.filter(number=6, holder="us", project__state="validation").values_list(
        "project", flat=True
    )
    for pk in list(waiting):
        with transaction.atomic():
            held = turns.lock(pk)
            if held.project.state == "validation":
                offer_confirmation(held, actor=actor, now=now)
                asked += held.steps[6].holder == checklist.CUSTOMER
    return asked


def record_confirmation(
    *, pk: int, contact_id: int, heard: str, actor: Actor, now: datetime, reason: str = ""
) -> Project:
    """Record that a named contact confirmed the data to one of us: ``heard`` is phone, mail or meeting.

    It is marked as not given on the page. Raises ConfirmationRefused, EvidenceMissing, StepNotOpen or ProjectStopped.
    """
    turns.require(actor, "onboarding.record_evidence")
    with transaction.atomic():
        held = turns.lock(pk)
        contact = held.project.customer.contacts.filter(
            pk=contact_id, removed_at=None, role__in=CONFIRMING_ROLES
        ).first()
        if contact is None or heard not in HEARD_BY:
            raise ConfirmationRefused(
                "Name one of the customer's own people, and how you heard it from them."
            )
        store_confirmation(held, contact, how=heard, code=None, actor=actor, now=now, reason=reason)
    return held.project


def store_confirmation(
    held: turns.Locked,
    contact: Contact,
    *,
    how: str,
    code: int | None,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> None:
    """Store the confirmation, inside the caller's transaction; the turn is ours again."""
    step = turns.open_step(held, 6)
    turns.check_under_way(held)
    _check_rest(step, now=now)
    value = {"how": how, "code": code, "second_hand": how != "portal"}
    turns.store_evidence(
        held, 6, checklist.CONFIRMATION, value=value, contact=contact, actor=actor, now=now, reason=reason
    )


def _ask(held: turns.Locked, *, actor: Actor, now: datetime, reason: str) -> Step:
    step = turns.move(held, 6, "wait", actor=actor, now=now, reason=reason, holder=checklist.CUSTOMER, at=now)
    round_ = f"-{held.project.reopenings}" if held.project.reopenings else ""
    queue_milestone(held.project, f"{milestones.PLEASE_CONFIRM}{round_}", actor=actor, now=now)
    return step


def _check_rest(step: Step, *, now: datetime) -> None:
    rest = [item.name for item in evidence.missing_items(step, now=now) if item.key != checklist.CONFIRMATION]
    if rest:
        raise turns.EvidenceMissing("The data is not ready to be confirmed.", missing=rest)
