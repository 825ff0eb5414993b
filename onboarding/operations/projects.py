"""A project's life: requested, held, resumed, cancelled, and the connection it is for."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction

from audit.recording import Actor, record
from audit.workflow import OperationRefused
from bankfeeds.models import Connection
from onboarding import checklist, milestones, queries
from onboarding.models import Customer, Message, Project, Step
from onboarding.operations import turns
from onboarding.operations.outbox import queue_milestone

UNDO_CANCEL = timedelta(days=30)


class ProjectRefused(OperationRefused):
    """The facts given do not make a project, or contradict one that exists."""


def request_project(
    *, customer: Customer, title: str = "", actor: Actor, now: datetime, connection: Connection | None = None
) -> Project:
    """Open a project with its six steps, the first of them with us, and queue the first mail; return the project.

    Raises ProjectRefused when this customer has one of that title.
    """
    turns.require(actor, "onboarding.add_project")
    title = title.strip() or f"J.P. Morgan accounts of {customer.name}"[:120]
    if Project.objects.filter(customer=customer, title=title).exists():
        raise ProjectRefused(f"{customer.name} has a project of that title already.")
    try:
        with transaction.atomic():
            project = Project.objects.create(
                customer=customer,
                title=title,
                template_version=checklist.NEWEST,
                requested_at=now,
                connection=connection,
            )
            Step.objects.bulk_create(Step(project=project, number=step.number) for step in checklist.steps())
            held = turns.lock(project.pk)
            turns.move(held, 1, "make_ready", actor=actor, now=now, holder=checklist.step(1).holder, at=now)
            _promise(held.project, now=now)
            queue_milestone(held.project, milestones.REQUESTED, actor=actor, now=now)
            record(verb="onboarding.project_requested", actor=actor, subject=project, now=now,
                   data={"customer": customer.pk, "template": project.template_version})  # fmt: skip
    except IntegrityError:
        raise ProjectRefused(f"{customer.name} has a project of that title already.") from None
    return held.project


def attach_connection(
    *, pk: int, connection: Connection, actor: Actor, now: datetime, reason: str = ""
) -> Project:
    """Say which connection the project sets up. Raises ProjectRefused when it is another customer's, or closed."""
    turns.require(actor, "onboarding.attach_connection")
    with transaction.atomic():
        held = turns.lock(pk)
        turns.check_under_way(held)
        others = Project.objects.filter(connection=connection).exclude(customer=held.project.customer)
        if others.exists():
            raise ProjectRefused(f"The connection {connection.label} belongs to another customer.")
        if connection.state == "closed":
            raise ProjectRefused(f"The connection {connection.label} is closed.")
        held.project.connection = connection
        held.project.save(update_fields=["connection"])
        record(verb="onboarding.connection_attached", actor=actor, subject=held.project, now=now, reason=reason,
               data={"connection": connection.pk})  # fmt: skip
    return held.project


def hold_project(*, pk: int, review_on: date, actor: Actor, now: datetime, reason: str) -> Project:
    """Stop every clock until somebody resumes. ``reason`` is read by the customer. Raises OperationRefused."""
    if not reason.strip():
        raise ProjectRefused("A hold needs a reason; the customer reads it.")
    with transaction.atomic():
        held = turns.lock(pk)
        turns.progress(held, "hold", actor=actor, now=now, reason=reason, why=reason, review_on=review_on)
        _stop_clocks(held, actor=actor, now=now, reason=reason)
    return held.project


def resume_project(*, pk: int, actor: Actor, now: datetime, reason: str = "") -> Project:
    """End the hold: every open step goes back to whom it was with. Raises OperationRefused."""
    with transaction.atomic():
        held = turns.lock(pk)
        turns.progress(held, "resume", actor=actor, now=now, reason=reason)
        _start_clocks(held, actor=actor, now=now, reason=reason)
    return held.project


def cancel_project(*, pk: int, actor: Actor, now: datetime, reason: str) -> Project:
    """End the project without a feed: clocks stop, links die, queued mails are dropped. Raises OperationRefused."""
    if not reason.strip():
        raise ProjectRefused("A cancellation needs a reason.")
    with transaction.atomic():
        held = turns.lock(pk)
        was_held = held.project.state == "on_hold"
        # Links and mails before the chain: whoever revokes or sends locks them in this order.
        revoked = held.project.links.filter(revoked_at=None).update(revoked_at=now)
        dropped = Message.objects.filter(project=held.project, state="queued").update(state="dropped")
        turns.progress(held, "cancel", actor=actor, now=now, reason=reason, why=reason, at=now)
        if not was_held:
            _stop_clocks(held, actor=actor, now=now, reason=reason)
        record(verb="onboarding.project_silenced", actor=actor, subject=held.project, now=now,
               data={"links": revoked, "mails": dropped})  # fmt: skip
    return held.project


def reinstate_project(*, pk: int, actor: Actor, now: datetime, reason: str = "") -> Project:
    """Take a cancellation back, within 30 days; links are issued anew. Raises OperationRefused."""
    with transaction.atomic():
        held = turns.lock(pk)
        cancelled = held.project.cancelled_at
        if cancelled is not None and now > cancelled + UNDO_CANCEL:
            raise ProjectRefused("It was cancelled more than 30 days ago: open a new project.")
        turns.progress(held, "reinstate", actor=actor, now=now, reason=reason)
        _start_clocks(held, actor=actor, now=now, reason=reason)
    return held.project


def _promise(project: Project, *, now: datetime) -> None:
    status = queries.status_of(project, now=now)
    project.promised_from, project.promised_to = status.finish_from, status.finish_to
    project.save(update_fields=["promised_from", "promised_to"])


def _stop_clocks(held: turns.Locked, *, actor: Actor, now: datetime, reason: str) -> None:
    for step in held.steps.values():
        if step.is_open:
            turns.write_hand_over(step, "hold", actor=actor, now=now, reason=reason)


def _start_clocks(held: turns.Locked, *, actor: Actor, now: datetime, reason: str) -> None:
    for step in held.steps.values():
        if step.is_open:
            turns.write_hand_over(step, step.holder, actor=actor, now=now, reason=reason)
