"""The gate of the steps: completed with evidence, handed over, returned, waived, reopened."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from audit.recording import Actor, record
from audit.workflow import OperationRefused
from onboarding import checklist, milestones, queries
from onboarding.models import Project, Step
from onboarding.operations import turns
from onboarding.operations.outbox import queue_milestone
from onboarding.operations.validation import offer_confirmation
from onboarding.queries.history import DONE


class HandOverRefused(OperationRefused):
    """The step is with that holder already, or there is no such holder."""


class ReasonMissing(OperationRefused):
    """The act needs a reason."""


def complete_step(*, pk: int, number: int, actor: Actor, now: datetime, reason: str = "") -> Project:
    """Complete step ``number`` of project ``pk``, open what needed it, move the project on and queue the mail.

    Raises StepNotOpen, EvidenceMissing (naming what is missing), ProjectStopped or TransitionRefused; then nothing
    has changed.
    """
    turns.require(actor, "onboarding.complete_step")
    with transaction.atomic():
        held = turns.lock(pk)
        step = turns.open_step(held, number)
        turns.check_evidence(step, now=now)
        turns.check_under_way(held)
        turns.move(held, number, "complete", actor=actor, now=now, reason=DONE, at=now)
        _open_next(held, actor=actor, now=now)
        _move_project(held, actor=actor, now=now)
        queue_milestone(held.project, step.template.milestone, actor=actor, now=now)
        if number == 5:
            offer_confirmation(held, actor=actor, now=now)
    return held.project


def waive_step(*, pk: int, number: int, actor: Actor, now: datetime, reason: str) -> Project:
    """Close a step without its evidence, on an approver's word. Raises as ``complete_step``, or ReasonMissing."""
    turns.require(actor, "onboarding.waive_step")
    _check_reason(reason)
    with transaction.atomic():
        held = turns.lock(pk)
        turns.open_step(held, number)
        turns.check_under_way(held)
        turns.move(held, number, "waive", actor=actor, now=now, reason=reason, at=now, why=reason)
        _open_next(held, actor=actor, now=now)
        _move_project(held, actor=actor, now=now)
    return held.project


def hand_over(*, pk: int, number: int, to: str, actor: Actor, now: datetime, reason: str = "") -> Step:
    """Give an open step to ``to``: customer, us or bank. Raises HandOverRefused, StepNotOpen or ProjectStopped."""
    turns.require(actor, "onboarding.hand_over_step")
    with transaction.atomic():
        held = turns.lock(pk)
        step = turns.open_step(held, number)
        turns.check_under_way(held)
        if to not in (checklist.CUSTOMER, checklist.US, checklist.BANK):
            raise HandOverRefused("A step is with the customer, with us or with the bank.")
        if step.holder == to:
            raise HandOverRefused(f"{step} is there already.")
        if to == checklist.US:
            return turns.move(held, number, "take_in_hand", actor=actor, now=now, reason=reason, at=now)
        return turns.move(held, number, "wait", actor=actor, now=now, reason=reason, holder=to, at=now)


def return_step(*, pk: int, number: int, actor: Actor, now: datetime, reason: str) -> Step:
    """Send a step back to the customer, who reads ``reason``. Raises as ``hand_over``, or ReasonMissing."""
    turns.require(actor, "onboarding.hand_over_step")
    _check_reason(reason)
    with transaction.atomic():
        held = turns.lock(pk)
        turns.open_step(held, number)
        turns.check_under_way(held)
        return turns.move(held, number, "send_back", actor=actor, now=now, reason=reason, at=now, why=reason)


def reopen_step(*, pk: int, number: int, actor: Actor, now: datetime, reason: str) -> Project:
    """Reopen a closed step, with us. Steps that need it become “not ready” and lose the evidence that a reopening
    does not outlast; the others are kept (``queries.reopening`` shows both beforehand). One correction mail goes out.

    Raises StepNotOpen, ReasonMissing or TransitionRefused; then nothing has changed.
    """
    turns.require(actor, "onboarding.reopen_step")
    _check_reason(reason)
    with transaction.atomic():
        held = turns.lock(pk)
        step = held.steps.get(number)
        if step is None or not step.is_closed:
            raise turns.StepNotOpen("Only a closed step can be reopened.")
        falls = queries.reopening(step)
        turns.supersede([held.steps[n] for n in (number, *falls.invalid)], now=now)
        for n in falls.invalid:
            turns.move(held, n, "invalidate", actor=actor, now=now, reason=reason)
        turns.move(held, number, "reopen", actor=actor, now=now, reason=reason, at=now, why=reason)
        turns.progress(held, "go_back", actor=actor, now=now, reason=reason, to=_standing(held))
        queue_milestone(
            held.project,
            f"{milestones.CORRECTION}-{held.project.reopenings}",
            actor=actor,
            now=now,
            reason=reason,
        )
        record(verb="onboarding.step_reopened", actor=actor, subject=held.project, now=now, reason=reason,
               data={"step": number, "invalid": list(falls.invalid), "kept": list(falls.kept)})  # fmt: skip
    return held.project


def _open_next(held: turns.Locked, *, actor: Actor, now: datetime) -> None:
    for template in held.templates():
        step = held.steps[template.number]
        if step.state == "not_ready" and all(held.steps[n].is_closed for n in template.needs):
            turns.move(
                held, template.number, "make_ready", actor=actor, now=now, holder=template.holder, at=now
            )


def _move_project(held: turns.Locked, *, actor: Actor, now: datetime) -> None:
    standing = _standing(held)
    if standing == checklist.LIVE:
        turns.progress(held, "go_live", actor=actor, now=now, at=now)
    elif standing != held.project.state:
        turns.progress(held, f"open_{standing}", actor=actor, now=now)


def _standing(held: turns.Locked) -> str:
    """Return the state a project with such steps is in: the key of its first unfinished step."""
    return next((t.key for t in held.templates() if not held.steps[t.number].is_closed), checklist.LIVE)


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing("This needs a reason.")
