"""What every operation on a project stands on: locks in one order, rights, evidence, and hand-overs.

Lock order: the project, its steps by number, whatever else is the project's; the audit chain last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.recording import Actor, record
from audit.workflow import OperationRefused, PermissionMissing, perform
from onboarding import checklist, evidence
from onboarding.models import Contact, Evidence, HandOver, Project, Step


class EvidenceMissing(OperationRefused):
    """A step lacks evidence; ``missing`` names it."""


class StepNotOpen(OperationRefused):
    """The step is not open: what it needs is not closed, or it is closed itself."""


class ProjectStopped(OperationRefused):
    """The project is on hold, cancelled, not eligible or live: its steps do not move."""


@dataclass(slots=True)
class Locked:
    """A project and its steps, locked until the transaction ends."""

    project: Project
    steps: dict[int, Step]

    def templates(self) -> tuple[checklist.StepTemplate, ...]:
        return checklist.steps(self.project.template_version)


def require(actor: Actor, permission: str) -> None:
    """Raise PermissionMissing unless ``actor`` is a person with the right, or no person at all."""
    if actor.account is not None and not actor.account.has_perm(permission):
        raise PermissionMissing(f"You may not do this: it needs the right “{permission}”.")


def lock(pk: int) -> Locked:
    """Lock a project and its steps, inside the caller's transaction. Raises OperationRefused if there is none."""
    project = Project.objects.select_for_update().filter(pk=pk).first()
    if project is None:
        raise OperationRefused("There is no such project.")
    steps = {step.number: step for step in project.steps.select_for_update().order_by("number")}
    for step in steps.values():
        step.project = project
    return Locked(project, steps)


def open_step(held: Locked, number: int) -> Step:
    """Return the step ``number`` if it is open. Raises StepNotOpen."""
    step = held.steps.get(number)
    if step is None:
        raise StepNotOpen("There are six steps, numbered 1 to 6.")
    if step.is_closed:
        raise StepNotOpen(f"{step} is closed already.")
    if not step.is_open:
        needs = [str(held.steps[n]) for n in step.template.needs if not held.steps[n].is_closed]
        raise StepNotOpen(f"{step} is not open yet.", missing=needs)
    return step


def check_under_way(held: Locked) -> None:
    """Raise ProjectStopped unless the project's steps may move."""
    if not held.project.under_way:
        state = held.project.get_state_display().lower()
        raise ProjectStopped(f"This project is “{state}”: its steps do not move.")


def check_evidence(step: Step, *, now: datetime) -> None:
    """Raise EvidenceMissing, naming what ``step`` lacks."""
    lacking = evidence.missing(step, now=now)
    if lacking:
        raise EvidenceMissing(f"{step} cannot be completed yet.", missing=lacking)


def move(
    held: Locked, number: int, name: str, *, actor: Actor, now: datetime, reason: str = "", **arguments: Any
) -> Step:
    """Take a transition of a step, and write the hand-over if its holder changed; return the step as it then is."""
    step = held.steps[number]
    data = {"project": held.project.pk, "step": number}
    moved = perform(step, name, actor=actor, now=now, reason=reason, data=data, **arguments)
    moved.project = held.project
    held.steps[number] = moved
    if moved.holder != step.holder:
        write_hand_over(moved, moved.holder, actor=actor, now=now, reason=reason)
    return moved


def write_hand_over(step: Step, to: str, *, actor: Actor, now: datetime, reason: str) -> None:
    """Write that from now on ``to`` has the step (customer, us, bank, hold, or nobody)."""
    last = step.hand_overs.order_by("at", "pk").last()
    HandOver.objects.create(
        step=step,
        from_holder=last.to_holder if last else "",
        to_holder=to,
        at=now,
        reason=reason,
        actor_kind=actor.kind,
        actor_key=actor.key,
    )


def progress(
    held: Locked, name: str, *, actor: Actor, now: datetime, reason: str = "", **arguments: Any
) -> Project:
    """Take a transition of the project itself; return it as it then is."""
    project = perform(held.project, name, actor=actor, now=now, reason=reason, **arguments)
    held.project = project
    for step in held.steps.values():
        step.project = project
    return project


def store_evidence(
    held: Locked,
    number: int,
    item: str,
    *,
    value: dict[str, Any],
    actor: Actor,
    now: datetime,
    contact: Contact | None = None,
    reason: str = "",
) -> Evidence:
    """Store evidence for an item in place of what was in force, record it, and let the turn follow.

    When the present holder has now brought everything asked of them, the turn is ours.
    """
    step = held.steps[number]
    step.evidence.filter(item=item, superseded_at=None).update(superseded_at=now)
    row = Evidence.objects.create(
        step=step, item=item, value=value, contact=contact, at=now, actor_kind=actor.kind, actor_key=actor.key
    )
    record(
        verb="onboarding.evidence_recorded",
        actor=actor,
        subject=held.project,
        now=now,
        reason=reason,
        data={"step": number, "item": item, "evidence": row.pk, "contact": contact.pk if contact else None},
    )
    _let_turn_follow(held, step, item, now=now, actor=actor)
    return row


def supersede(steps: Iterable[Step], *, now: datetime) -> None:
    """Set aside the evidence of reopened and invalidated steps that does not outlast a reopening."""
    for step in steps:
        passing = [item.key for item in step.template.items if not item.lasting]
        step.evidence.filter(item__in=passing, superseded_at=None).update(superseded_at=now)


def _let_turn_follow(held: Locked, step: Step, item: str, *, now: datetime, actor: Actor) -> None:
    template = step.template.item(item)
    if not step.is_open or not held.project.under_way or template is None or step.holder != template.provider:
        return
    if step.holder == checklist.US:
        return
    if any(lacking.provider == step.holder for lacking in evidence.missing_items(step, now=now)):
        return
    move(
        held, step.number, "take_in_hand", actor=actor, now=now, reason="everything asked for is here", at=now
    )
