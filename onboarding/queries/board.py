"""A project as we see it: each step with its holder, its age, its evidence and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from onboarding import checklist, clock, evidence
from onboarding.forecast import Forecast
from onboarding.models import Evidence, Project, Step
from onboarding.queries import timing
from onboarding.queries.status import current_step, steps_of

HOLDERS = {
    clock.CUSTOMER: "Customer",
    clock.US: "Us",
    clock.BANK: "J.P. Morgan",
    clock.HOLD: "On hold",
    clock.NOBODY: "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemLine:
    """One item of a step: its name, who brings it, whether it is there, and what is on record (keys and facts only)."""

    key: str
    name: str
    provider: str
    present: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardStep:
    """One step. ``age``: business days the holder has had it; ``totals``: business days per holder in words;
    ``customer_reads``: how the customer's page puts it."""

    number: int
    key: str
    title: str
    state: str
    words: str
    holder: str
    holder_words: str
    held: str
    customer_reads: str
    age: int
    overdue: bool
    next_action: str
    missing: tuple[str, ...]
    items: tuple[ItemLine, ...]
    totals: str
    done_on: date | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPage:
    """The project's page in the console."""

    state: str
    state_words: str
    steps: tuple[BoardStep, ...]
    forecast: Forecast
    promised: tuple[date, date] | None
    stop_reason: str
    review_on: date | None


@dataclass(frozen=True, slots=True)
class Reopening:
    """What reopening a step does to the others, by number."""

    invalid: tuple[int, ...]
    kept: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """A project in one line of the list."""

    holder: str
    holder_words: str
    age: int
    step: str
    next_action: str


def project_page(project: Project, *, now: datetime) -> ProjectPage:
    """Return all that the console shows of ``project``."""
    steps = steps_of(project)
    promised = (
        (project.promised_from, project.promised_to)
        if project.promised_from and project.promised_to
        else None
    )
    return ProjectPage(
        state=project.state,
        state_words=project.get_state_display(),
        steps=tuple(_board_step(project, step, now=now) for step in steps),
        forecast=timing.forecast_of(project, steps, now=now),
        promised=promised,
        stop_reason=project.stop_reason,
        review_on=project.review_on,
    )


def glance(project: Project, *, now: datetime) -> Glance:
    """Return whose turn it is and what comes next, without asking for evidence; steps may be prefetched."""
    steps = sorted(project.steps.all(), key=lambda step: step.number)
    for step in steps:
        step.project = project
    current = current_step(project, steps)
    if current is None:
        return Glance(holder="", holder_words="", age=0, step="", next_action="")
    holder = clock.HOLD if project.state == "on_hold" else current.holder
    return Glance(
        holder=holder,
        holder_words=HOLDERS[holder],
        age=timing.age(current, now=now),
        step=str(current),
        next_action="Resume" if holder == clock.HOLD else NEXT_ACT[(current.number, holder)],
    )


def reopening(step: Step) -> Reopening:
    """Return which steps the reopening of ``step`` makes invalid and which closed ones it keeps."""
    depending = checklist.depend_on(step.number, step.project.template_version)
    others = [other for other in step.project.steps.order_by("number") if other.number != step.number]
    invalid = tuple(
        other.number for other in others if other.number in depending and other.state != "not_ready"
    )
    kept = tuple(other.number for other in others if other.number not in depending and other.is_closed)
    return Reopening(invalid, kept)


def overdue(step: Step, age: int) -> bool:
    """Say whether the present holder has had the step longer than we allow ourselves, or than is usual for the bank."""
    if step.holder == clock.US:
        return age > step.template.our_days
    return age > (step.template.usual[1] if step.holder == clock.BANK else PATIENCE)


PATIENCE = 3
"""Business days a customer may take before somebody reminds them."""

_OURS = {
    1: "Check the eligibility",
    2: "Record the meeting and the project",
    3: "Submit the request and ask for API access",
    4: "Process the administrators",
    5: "Set the connection up",
    6: "Validate the data",
}
NEXT_ACT = {
    **{(number, clock.US): words for number, words in _OURS.items()},
    **{(number, clock.CUSTOMER): "Remind the customer" for number in _OURS},
    **{(number, clock.BANK): "Ask the customer to chase the bank" for number in _OURS},
}


def _board_step(project: Project, step: Step, *, now: datetime) -> BoardStep:
    given = timing.turns(step)
    holder = given[-1].holder if given else clock.NOBODY
    age = timing.age(step, now=now) if step.is_open else 0
    recorded = evidence.recorded(step)
    lacking = {item.key for item in evidence.missing_items(step, now=now)} if _asked(step) else set()
    items = tuple(
        _item(item, item.key not in lacking and _asked(step), recorded) for item in step.template.items
    )
    totals = clock.totals(given, zone=project.customer.zone, now=step.done_at or now)
    return BoardStep(
        number=step.number,
        key=step.template.key,
        title=step.template.title,
        state=step.state,
        words=step.get_state_display(),
        holder=holder,
        holder_words=HOLDERS[holder],
        held=timing.held_words(step, page="console", now=now) if step.is_open else "",
        customer_reads=timing.held_words(step, page="customer", now=now) if step.is_open else "",
        age=age,
        overdue=step.is_open and project.under_way and overdue(step, age),
        next_action=_next_action(step, items),
        missing=tuple(line.name for line in items if not line.present) if step.is_open else (),
        items=items,
        totals=", ".join(
            f"{HOLDERS[who].lower() if who != clock.BANK else HOLDERS[who]} {days}"
            for who, days in totals.items()
        ),
        done_on=step.done_at.astimezone(project.customer.zone).date() if step.done_at else None,
        note=step.note,
    )


def _asked(step: Step) -> bool:
    return step.is_open or step.is_closed


def _item(item: checklist.Item, present: bool, recorded: Mapping[str, Evidence]) -> ItemLine:
    row = recorded.get(item.key)
    return ItemLine(
        key=item.key,
        name=item.name,
        provider=HOLDERS[item.provider],
        present=present,
        said=_said(row) if row else "",
    )


def _said(row: Evidence) -> str:
    if row.value.get("waived"):
        return "waived"
    known = {**checklist.PLATFORMS, "portal": "on the status page", "phone": "by phone", "mail": "by mail"}
    words = [known.get(value, str(value)) for value in row.value.values() if isinstance(value, str) and value]
    if row.contact is not None:
        words.append(str(row.contact))
    return ", ".join([*words, f"recorded {row.at:%Y-%m-%d}"])


def _next_action(step: Step, items: tuple[ItemLine, ...]) -> str:
    if not step.is_open:
        return ""
    lacking = next((line for line in items if not line.present), None)
    return f"{lacking.provider}: {lacking.name}" if lacking else "Complete the step"


def customer_name(connection_id: int) -> str:
    """Return the name of the customer whose project a connection is attached to; nothing, if it is to none."""
    project = (
        Project.objects.filter(connection=connection_id).select_related("customer").order_by("-pk").first()
    )
    return project.customer.name if project else ""
