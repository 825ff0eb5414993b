"""Thresholds crossed, however often and late somebody looks."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from certificates.notices import THRESHOLDS, escalates_at, slept_over, threshold_due, week_of

ENDS = datetime(2026, 12, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "threshold"),
    [
        (timedelta(days=90, seconds=1), None),
        (timedelta(days=90), 90),
        (timedelta(days=89), 90),
        (timedelta(days=60), 60),
        (timedelta(days=20), 30),
        (timedelta(days=14, hours=1), 30),
        (timedelta(days=7), 7),
        (timedelta(hours=25), 7),
        (timedelta(hours=24), 1),
        (timedelta(seconds=1), 1),
        (timedelta(0), 0),
        (timedelta(days=-400), 0),
    ],
)
def test_the_smallest_threshold_crossed_is_due(left: timedelta, threshold: int | None) -> None:
    assert threshold_due(not_after=ENDS, now=ENDS - left) == threshold


def test_an_unreliable_schedule_loses_no_threshold() -> None:
    """Down a third of the days, never three in a row: with gaps shorter than the thresholds' none is skipped."""
    chance = random.Random(7)
    for _ in range(200):
        noticed, down = set(), 0
        for hour in range(0, 120 * 24, 24):
            down = down + 1 if down < 2 and chance.random() < 0.33 else 0
            due = threshold_due(not_after=ENDS, now=ENDS - timedelta(days=110) + timedelta(hours=hour))
            if not down and due is not None:
                noticed.add(due)
        assert noticed >= set(THRESHOLDS) - {1}


def test_what_the_schedule_slept_over_is_named_and_what_was_never_due_is_not() -> None:
    week = timedelta(days=7)
    asleep = slept_over(not_after=ENDS, since=ENDS - timedelta(days=365), due=7, told={90, 60})
    late = slept_over(not_after=ENDS, since=ENDS - timedelta(days=20), due=30, told=())
    both = slept_over(not_after=ENDS, since=ENDS - timedelta(days=20), due=1, told={30})
    none = slept_over(not_after=ENDS, since=ENDS - week, due=7, told=())
    assert (asleep, late, both, none) == ([30, 14], [], [14, 7], [])


@pytest.mark.parametrize(
    ("threshold", "patience"),
    [(90, None), (60, None), (30, None), (14, 3), (7, 1), (1, 1), (0, 0)],
)
def test_the_nearer_the_end_the_sooner_an_unanswered_notice_is_escalated(
    threshold: int, patience: int | None
) -> None:
    expected = None if patience is None else ENDS + timedelta(days=patience)
    assert escalates_at(threshold=threshold, recorded_at=ENDS) == expected


def test_a_week_begins_on_monday_and_belongs_to_the_year_of_its_thursday() -> None:
    days = [(2026, 12, 27, 23), (2026, 12, 28, 0), (2027, 1, 3, 23), (2027, 1, 4, 0)]
    assert [week_of(datetime(*day, tzinfo=UTC)) for day in days] == [
        "2026-W52",
        "2026-W53",
        "2026-W53",
        "2027-W01",
    ]
