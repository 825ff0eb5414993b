"""What happened, in the words of the customer's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from onboarding import clock
from onboarding.models import HandOver, Project, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the history."""

    on: date
    words: str


def history(project: Project, steps: Sequence[Step]) -> tuple[Event, ...]:
    """Return the hand-overs and completions of ``steps`` as the customer may read them, newest first."""
    found = [(project.requested_at, "You asked us to connect your accounts.")]
    for step in steps:
        found += [(row.at, words) for row in step.hand_overs.all() if (words := _told(step, row))]
    if project.live_at:
        found.append((project.live_at, "The connection is live."))
    found.sort(key=lambda event: event[0], reverse=True)
    return tuple(Event(on=at.astimezone(project.customer.zone).date(), words=words) for at, words in found)


def _told(step: Step, row: HandOver) -> str:
    name = f"step {step.number}, {_inside(step.template.title)}"
    if row.to_holder == clock.HOLD:
        return f"On hold: {name}."
    if row.to_holder == clock.NOBODY:
        return f"Done: {name}." if row.reason == DONE else f"Closed: {name}."
    began = not row.from_holder
    return f"{'Begun' if began else 'Handed over'}: {name}, {_TO[row.to_holder]}."


def _inside(title: str) -> str:
    return title if title.startswith("J.P.") else title[0].lower() + title[1:]


DONE = "done"
_TO = {clock.CUSTOMER: "with you", clock.US: "with us", clock.BANK: "with J.P. Morgan"}
