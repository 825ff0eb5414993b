"""Between which two dates a project will be finished: 50th to 85th percentile of finished projects, nearest rank.

A step that is under way is judged by those that took at least as long as it has taken. With fewer than eight finished
samples a step falls back to the published ranges (1–4 weeks for the bank's approval, 2–6 weeks in all).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from onboarding.calendars import add_business_days

ENOUGH = 8
"""Finished samples a step needs before history speaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A step still to finish. ``waited``, ``history`` and ``published`` (shortest, longest) are in business days.

    ``name`` is said to the customer, as in “J.P. Morgan's approval”.
    """

    name: str
    waited: int = 0
    history: tuple[int, ...] = ()
    published: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Two dates and why; without dates, why there are none. ``slow``: longer than in most projects."""

    earliest: date | None
    latest: date | None
    why: str
    slow: bool = False
    by_history: bool = False


def none(why: str) -> Forecast:
    """Return a forecast without dates."""
    return Forecast(None, None, why)


def finish(groups: Sequence[Sequence[Stage]], *, today: date) -> Forecast:
    """Return when the last of ``groups`` ends; the stages within one group run side by side.

    Without dates when a stage has taken longer than any before it.
    """
    low = high = 0
    slow = published = 0
    slow_stage = ""
    for group in groups:
        ranges = []
        for stage in group:
            left = _left(stage)
            if left is None:
                return Forecast(None, None, _unheard_of(stage), slow=True)
            ranges.append(left)
            published += len(stage.history) < ENOUGH
            if stage.waited and stage.waited > _middle(stage):
                slow, slow_stage = slow + 1, stage.name
        low += max((first for first, _ in ranges), default=0)
        high += max((last for _, last in ranges), default=0)
    why = _why(slow_stage, published=bool(published))
    return Forecast(
        add_business_days(today, low),
        add_business_days(today, high),
        why,
        bool(slow),
        by_history=not published,
    )


def percentile(samples: Sequence[int], percent: int) -> int:
    """Return the ``percent``-th percentile by nearest rank. ``samples`` must not be empty."""
    ordered = sorted(samples)
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


def _left(stage: Stage) -> tuple[int, int] | None:
    if len(stage.history) < ENOUGH:
        shortest, longest = stage.published
        return None if stage.waited > longest else (max(shortest - stage.waited, 0), longest - stage.waited)
    comparable = [days for days in stage.history if days >= stage.waited]
    if not comparable:
        return None
    return percentile(comparable, 50) - stage.waited, percentile(comparable, 85) - stage.waited


def _middle(stage: Stage) -> int:
    return percentile(stage.history, 50) if len(stage.history) >= ENOUGH else stage.published[1]


def _unheard_of(stage: Stage) -> str:
    return (
        f"There is no date at the moment: {stage.name} has already taken {stage.waited} business days, "
        "longer than in any project we can compare with."
    )


def _why(slow_stage: str, *, published: bool) -> str:
    said = (
        f"{slow_stage[0].upper()}{slow_stage[1:]} is taking longer than in most projects. "
        if slow_stage
        else ""
    )
    if published:
        return (
            f"{said}Based on the published times, 1–4 weeks for J.P. Morgan's approval and 2–6 weeks in all: "
            "there are too few finished projects yet to say it more exactly."
        )
    return f"{said}Based on how long finished projects took: half were done by the first date, 85 of 100 by the second."
