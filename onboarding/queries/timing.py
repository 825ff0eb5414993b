"""Clocks and forecast of a project, from its hand-overs and those of finished projects."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from onboarding import checklist, clock, forecast
from onboarding.models import Project, Step

COMPARED = 50
"""How many of the last finished projects the forecast looks at."""


def turns(step: Step) -> list[clock.Turn]:
    """Return the hand-overs of a step in order (prefetched ones cost no query)."""
    rows = sorted(step.hand_overs.all(), key=lambda row: (row.at, row.pk))
    return [clock.Turn(row.to_holder, row.at) for row in rows]


def age(step: Step, *, now: datetime) -> int:
    """Return for how many business days the present holder has had the step."""
    return clock.age(turns(step), zone=step.project.customer.zone, now=now)


def held_words(step: Step, *, page: str, now: datetime) -> str:
    """Return who has the step and for how long, as the customer's ``page`` or the console's says it."""
    given = turns(step)
    holder = given[-1].holder if given else clock.NOBODY
    return clock.words(holder, clock.age(given, zone=step.project.customer.zone, now=now), page=page)


def today(project: Project, *, now: datetime) -> date:
    """Return the date at the customer's."""
    return now.astimezone(project.customer.zone).date()


def durations() -> dict[int, tuple[int, ...]]:
    """Return by step number how many business days it took in the last finished projects, time on hold left out."""
    found: dict[int, list[int]] = {}
    finished = Project.objects.filter(state="live").order_by("-live_at")[:COMPARED]
    steps = Step.objects.filter(project__in=list(finished), state="done").select_related("project__customer")
    for step in steps.prefetch_related("hand_overs"):
        given = turns(step)
        days = clock.elapsed(given, zone=step.project.customer.zone, now=given[-1].at)
        found.setdefault(step.number, []).append(days)
    return {number: tuple(days) for number, days in found.items()}


def forecast_of(project: Project, steps: Sequence[Step], *, now: datetime) -> forecast.Forecast:
    """Return between which dates the project will be finished, or why there is no date."""
    if project.state == "on_hold":
        return forecast.none(f"There is no date while this is on hold: {project.stop_reason}")
    if project.state == "ineligible":
        return forecast.none("There is no date until the accounts can be reached through J.P. Morgan Access.")
    if not project.under_way:
        return forecast.none("")
    history = durations()
    by_number = {step.number: step for step in steps}
    groups = [
        [
            _stage(by_number[number], history.get(number, ()), now=now)
            for number in group
            if _unfinished(by_number[number])
        ]
        for group in checklist.SIDE_BY_SIDE
    ]
    return forecast.finish([group for group in groups if group], today=today(project, now=now))


def _unfinished(step: Step) -> bool:
    return not step.is_closed


def _stage(step: Step, history: tuple[int, ...], *, now: datetime) -> forecast.Stage:
    template = step.template
    waited = clock.elapsed(turns(step), zone=step.project.customer.zone, now=now) if step.is_open else 0
    return forecast.Stage(name=template.name, waited=waited, history=history, published=template.usual)
