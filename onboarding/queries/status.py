"""The customer's page: everything it says, in its order, and nothing else. No name, address or document of anybody
at the customer's or the bank is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from bankfeeds import health as feeds
from onboarding import checklist, clock, evidence, links
from onboarding.calendars import add_business_days
from onboarding.forecast import Forecast
from onboarding.models import Project, Step
from onboarding.models.customer import CONFIRMING_ROLES
from onboarding.queries import timing
from onboarding.queries.history import Event, history

WRITE_AGAIN_AFTER = 5
"""Business days after which the customer hears from us even if nothing has changed."""
VALIDATION = 6
"""The number of the step in which the data is checked; its line tells how far the data is complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What the customer is asked to do. ``asks``: questions to put to somebody else, if any."""

    title: str
    detail: str = ""
    duration: str = ""
    who: str = ""
    asks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """One of the six. ``state`` is the machine's word, ``words`` what people read; ``held``: whose turn, how long."""

    number: int
    title: str
    state: str
    words: str
    done_on: date | None
    held: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalStatus:
    """The page. ``turn`` is customer, us, bank or empty (nobody's); without ``finish_from`` and ``finish_to``,
    ``finish_why`` says why; ``confirmable``: the customer's confirmation of the data is what is awaited."""

    customer: str
    title: str
    state: str
    sentence: str
    turn: str
    held: str
    action: Action | None
    confirmable: bool
    live_on: date | None
    ineligible: bool
    finish_from: date | None
    finish_to: date | None
    finish_why: str
    steps: tuple[StepLine, ...]
    next: str
    next_update: date | None
    manager_name: str
    manager_email: str = field(repr=False)
    manager_phone: str = field(repr=False)
    history: tuple[Event, ...]


def status_for(token: str, *, now: datetime) -> PortalStatus | None:
    """Return the page behind a link's token; None for a wrong or revoked one. Changes nothing."""
    link = links.find(token)
    if link is None:
        return None
    status = status_of(link.project, now=now)
    return replace(status, confirmable=status.confirmable and link.contact.role in CONFIRMING_ROLES)


def status_of(project: Project, *, now: datetime) -> PortalStatus:
    """Return what a customer may know about ``project``."""
    steps = steps_of(project)
    current = current_step(project, steps)
    dates = timing.forecast_of(project, steps, now=now)
    confirmable = current is not None and awaits_confirmation(project, current, now=now)
    manager = project.customer.account_manager
    return PortalStatus(
        customer=project.customer.name,
        title=project.title,
        state=project.state,
        sentence=_sentence(project, current),
        turn=_turn(project, current),
        held=timing.held_words(current, page="customer", now=now) if current else "",
        action=_action(project, current),
        confirmable=confirmable,
        live_on=_day(project, project.live_at),
        ineligible=project.state == "ineligible",
        finish_from=dates.earliest,
        finish_to=dates.latest,
        finish_why=_finish_why(project, dates),
        steps=tuple(_line(project, step, now=now) for step in steps),
        next=_next(project, current),
        next_update=_next_update(project, now=now),
        manager_name=manager.name if manager else "",
        manager_email=manager.email if manager else "",
        manager_phone=manager.phone if manager else "",
        history=history(project, steps),
    )


def steps_of(project: Project) -> list[Step]:
    """Return the six steps with their hand-overs, in order; each knows its project without a further query."""
    steps = list(project.steps.order_by("number").prefetch_related("hand_overs"))
    for step in steps:
        step.project = project
    return steps


def current_step(project: Project, steps: Sequence[Step]) -> Step | None:
    """Return the open step to speak of: one that waits on the customer, else on the bank, else the first."""
    if project.state in ("cancelled", "live"):
        return None
    rank = {clock.CUSTOMER: 0, clock.BANK: 1, clock.US: 2}
    return min(
        (step for step in steps if step.is_open),
        key=lambda step: (rank[step.holder], step.number),
        default=None,
    )


def awaits_confirmation(project: Project, step: Step, *, now: datetime) -> bool:
    """Say whether the customer may confirm the data now: it is their turn, and only that is missing."""
    return (
        project.state == "validation"
        and step.number == 6
        and step.holder == clock.CUSTOMER
        and evidence.only_confirmation_missing(step, now=now)
    )


def _sentence(project: Project, current: Step | None) -> str:
    if project.state == "live":
        return "Your J.P. Morgan accounts are connected."
    if project.state == "cancelled":
        return "This connection was cancelled."
    if project.state == "on_hold":
        return f"This is on hold: {project.stop_reason}"
    if project.state == "ineligible":
        return checklist.CHASE_CONNECT_REASON
    if current is None:
        return "We are looking after your request."
    return _SENTENCES.get((current.number, current.holder)) or _BY_HOLDER[current.holder].format(
        what=current.template.name
    )


_BY_HOLDER = {
    clock.CUSTOMER: "It is your turn: {what}.",
    clock.US: "We are working on {what}.",
    clock.BANK: "J.P. Morgan is working on {what}.",
}
_SENTENCES = {
    (1, clock.US): "We are checking whether your accounts can be connected.",
    (1, clock.CUSTOMER): "We need to know more about your J.P. Morgan set-up: it is your turn.",
    (
        2,
        clock.CUSTOMER,
    ): "You can be connected. Please arrange the meeting with J.P. Morgan: it is your turn.",
    (3, clock.US): "We are doing the technical setup with J.P. Morgan.",
    (4, clock.CUSTOMER): "Please name your security administrators: it is your turn.",
    (5, clock.BANK): "J.P. Morgan is reviewing the request.",
    (5, clock.US): "J.P. Morgan has answered; we are setting up the connection.",
    (6, clock.US): "Data is arriving. We are checking that it is complete and nothing is there twice.",
    (6, clock.CUSTOMER): "Your data is here. Please compare it and confirm it: it is your turn.",
}


def _turn(project: Project, current: Step | None) -> str:
    return "" if current is None or project.state == "on_hold" else str(current.holder)


def _action(project: Project, current: Step | None) -> Action | None:
    if project.state == "ineligible":
        return Action(
            title="Ask your J.P. Morgan representative about J.P. Morgan Access",
            duration="about 10 minutes",
            who="the person in touch with your J.P. Morgan representative",
            asks=checklist.CHASE_CONNECT_ASK,
        )
    if _turn(project, current) != clock.CUSTOMER or current is None:
        return None
    task = current.template.task
    detail = f"{current.note} {task.detail}".strip() if current.state == "returned" else task.detail
    return Action(title=task.title, detail=detail, duration=task.duration, who=task.who)


def _finish_why(project: Project, dates: Forecast) -> str:
    if project.state == "live":
        return "Everything was checked and confirmed on this day."
    return dates.why or "No finish is expected."


def _line(project: Project, step: Step, *, now: datetime) -> StepLine:
    return StepLine(
        number=step.number,
        title=step.template.title,
        state=step.state,
        words=_words(step),
        done_on=_day(project, step.done_at),
        held=timing.held_words(step, page="customer", now=now)
        if step.is_open and project.state != "cancelled"
        else "",
        note=_note(project, step),
    )


def _note(project: Project, step: Step) -> str:
    if step.state in ("returned", "reopened"):
        return str(step.note)
    if step.number == VALIDATION and project.state in ("validation", "live"):
        complete = feeds.complete_to(project.connection) if project.connection else None
        return f"Your data is complete to {complete.day} {complete:%B %Y}." if complete else ""
    return ""


def _words(step: Step) -> str:
    # Nobody at the customer or with us can begin what lies with the bank.
    return "Waiting" if (step.state, step.holder) == ("ready", "bank") else _STATES[step.state]


_STATES = {
    "not_ready": "Not started",
    "ready": "Ready to begin",
    "in_hand": "In hand",
    "waiting": "Waiting",
    "returned": "Returned",
    "reopened": "Opened again",
    "done": "Done",
    "waived": "Not needed",
}


def _next(project: Project, current: Step | None) -> str:
    if project.state == "live":
        return "The feed now runs by itself. If a line looks wrong to you, tell your account manager."
    if project.state == "cancelled":
        return "Nothing more happens. To take it up again, ask your account manager."
    if project.state == "on_hold":
        return f"Nothing happens until the hold ends.{_review(project.review_on)}"
    if project.state == "ineligible":
        return "Once your accounts are on J.P. Morgan Access, we go on with the meeting."
    return _NEXT[current.number] if current else ""


def _review(day: date | None) -> str:
    return f" We look at it again on {day:%A} {day.day} {day:%B}." if day else ""


_NEXT = {
    1: "Next is a meeting of you, your J.P. Morgan representative and us.",
    2: "After the meeting we do the technical setup, and you name your security administrators.",
    3: "When this and the security administrators are settled, J.P. Morgan reviews the request.",
    4: "When this and the technical setup are settled, J.P. Morgan reviews the request.",
    5: "Once J.P. Morgan approves, we set the connection up and data begins to arrive.",
    6: "Once the data is checked and you have confirmed it, the connection is live.",
}


def _next_update(project: Project, *, now: datetime) -> date | None:
    if not (project.under_way or project.state in ("ineligible", "on_hold")):
        return None
    day = timing.today(project, now=now)
    sent = (
        project.messages.filter(state="sent").order_by("-sent_at").values_list("sent_at", flat=True).first()
    )
    told = (sent or project.requested_at).astimezone(project.customer.zone).date()
    due = add_business_days(told, WRITE_AGAIN_AFTER)
    return due if due > day else add_business_days(day, 1)


def _day(project: Project, at: datetime | None) -> date | None:
    return at.astimezone(project.customer.zone).date() if at else None
