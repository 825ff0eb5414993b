"""Thresholds crossed, however often and late somebody looks."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from certificates.notices import THRESHOLDS, threshold_due

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
