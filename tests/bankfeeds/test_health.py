"""What the health pages know: outcomes of pulls, the order of trouble, and how little is asked for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bankfeeds import health
from bankfeeds.models import Connection, Finding, Pull
from tests.bankfeeds.keptdays import account, booked, connection, days
from tests.bankfeeds.test_lateness import BEGAN, DUE, LAST_READ, LATE, feed

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("pull", "kind"),
    [
        ({"state": "booked", "read": 4, "same": 4}, health.QUIET),
        ({"state": "booked", "read": 4, "same": 3, "new": 1}, health.CHANGED),
        ({"state": "booked", "withdrawn": 1}, health.CHANGED),
        ({"state": "failed"}, health.FAILED),
        ({"state": "failed", "retry_at": LATE}, health.WAITS),
        ({"state": "held"}, health.HELD),
        ({"state": "undone"}, health.UNDONE),
        ({"state": "queued"}, health.WAITS),
        ({"state": "fetching"}, health.WAITS),
    ],
)
def test_a_pull_came_to_one_of_six_outcomes(pull: dict[str, Any], kind: str) -> None:
    assert health.outcome(Pull(**pull)) == kind


def test_feeds_in_trouble_come_first() -> None:
    feed("pppp", last=DUE - timedelta(days=1))
    Connection.objects.update(label="d-late")
    failing = feed("pppp")
    booked(failing, LAST_READ + timedelta(hours=1), state="failed", reason="The bank said no.")
    noted = feed("pppp")
    Finding.objects.create(connection=noted.connection, account=noted, kind="broken_day", key="x", sentence="x",
                           opened_at=LATE)  # fmt: skip
    for label, state in (("b-fine", "active"), ("a-fine", "testing"), ("a-draft", "draft"), ("a-paused", "paused"),
                         ("a-closed", "closed")):  # fmt: skip
        connection(label, state)
    found = [(one.label, one.rank, one.findings, one.failing) for one in health.standings(now=LATE)]
    assert found == [
        ("d-late", health.LATE, 0, ""),
        (failing.connection.label, health.FAILS, 0, "The bank said no."),
        (noted.connection.label, health.FINDS, 1, ""),
        ("a-fine", health.FINE, 0, ""),
        ("b-fine", health.FINE, 0, ""),
        ("a-paused", health.PAUSED, 0, ""),
        ("a-draft", health.DRAFT, 0, ""),
        ("a-closed", health.CLOSED, 0, ""),
    ]


def test_an_account_shows_its_last_forty_pulls_oldest_first() -> None:
    mine = feed("pppp")
    for n in range(45):
        booked(mine, LAST_READ + timedelta(minutes=n + 1))
    found = health.account_healths(mine.connection, [mine], now=LATE)[0]
    assert [pull.requested_at for pull in found.pulls] == [
        LAST_READ + timedelta(minutes=n + 1) for n in range(5, 45)
    ]
    assert (found.late, len(found.days)) == (None, 4)
    assert found.awaited is not None
    assert found.awaited[0] == DUE + timedelta(days=1)


def test_complete_to_is_that_of_the_account_furthest_behind() -> None:
    mine = feed("pppp")
    assert health.complete_to(mine.connection) == DUE
    days(account(mine.connection, "9"), "pp", last=DUE - timedelta(days=1))
    assert health.complete_to(mine.connection) == DUE - timedelta(days=1)
    account(mine.connection, "10")
    assert health.complete_to(mine.connection) is None


def test_many_feeds_cost_as_many_queries_as_few(django_assert_max_num_queries: Any) -> None:
    for n in range(60):
        one = account(connection(f"feed-{n:03}"), str(1000 + n))
        booked(one, BEGAN)
        booked(one, LAST_READ, state="failed", reason="No.")
    with django_assert_max_num_queries(20):
        everyone = health.standings(now=LATE)
        rows = health.feed_rows(everyone[:50], now=LATE)
    assert [row.standing.label for row in rows] == [f"feed-{n:03}" for n in range(50)]
    assert {len(row.late) for row in rows} == {1}
