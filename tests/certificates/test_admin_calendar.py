"""The calendar of expiries: which ends it shows, in which week, to whom."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.urls import reverse

from certificates import operations
from certificates.models import Certificate
from tests.certificates.reading import read, told

Install = Callable[..., Certificate]
LIST = "admin:certificates_certificate_changelist"
CALENDAR = "/admin/certificates/certificate/calendar/"


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[None]:
    """The console reads the system's clock; the certificates here are made for the tests' day."""
    with time_machine.travel(now, tick=False):
        yield


@pytest.mark.parametrize("who", ["operator", "approver", "auditor"])
def test_the_calendar_shows_ends_in_their_weeks(as_: Any, install: Install, now: datetime, who: str) -> None:
    install("connection:ended", signing={"ends": now + timedelta(hours=1)})
    install("connection:soon", signing={"ends": datetime(2026, 6, 30, 23, tzinfo=UTC)})
    install("connection:later", signing={"ends": datetime(2027, 1, 15, tzinfo=UTC)})
    with time_machine.travel(now + timedelta(days=3), tick=False):
        text = read(as_(who), CALENDAR)
    assert told(
        text,
        "2 certificates in use end from today",
        "Ended and still in use ended OAuth assertion, test 3 Jun 2026 · 2 days ago",
        "June 2026 1 ends 1–7 Today, 6 Jun 2026 8–14 15–21 22–28 29–30 soon",
        "July 2026 none ends",
        "January 2027 1 ends 1–7 8–14 15–21 later OAuth assertion, test 15 Jan 2027 · 222 days",
        "February 2027 none ends 1–7 8–14 15–21 22–28 March 2027",
        "June 2027 none ends",
    ) == []  # fmt: skip
    assert "July 2027" not in text


def test_the_calendar_leaves_out_what_is_not_in_use_and_says_what_is_replaced(
    as_: Any, install: Install, now: datetime, actor: Any
) -> None:
    install(signing={"ends": now + timedelta(days=20)})
    successor = install(signing={"ends": now + timedelta(days=200)})
    operations.record_proof(pk=successor.key_id, proven="It let us in.", actor=actor, now=now)
    operations.retire_key(pk=install("connection:gone").key_id, actor=actor, now=now)
    text = read(as_("operator"), CALENDAR)
    assert ("23 Jun 2026 · replaced" in text, "20 Dec 2026 · 200 days" in text, "gone" in text) == (
        True,
        True,
        False,
    )


def test_a_crowded_week_leads_to_the_list(
    as_: Any, install: Install, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certificates.admin.calendar.MOST", 1)
    for label in ("one", "two", "three"):
        install(f"connection:{label}", signing={"ends": datetime(2026, 6, 10, tzinfo=UTC)})
    client = as_("operator")
    html = client.get(CALENDAR).content.decode()
    found = re.search(r'href="([^"]+)">and 2 more', html)
    assert found
    assert client.get(found[1].replace("&amp;", "&")).context["cl"].result_count == 3


def test_an_outsider_sees_neither_calendar_nor_list(as_: Any, install: Install) -> None:
    install()
    client = as_("outsider")
    assert [client.get(url).status_code for url in (CALENDAR, reverse(LIST))] == [403, 403]


def test_a_stranger_is_asked_to_sign_in(client: Any, db: Any) -> None:
    answer = client.get(CALENDAR)
    assert (answer.status_code, answer["Location"].startswith("/admin/login/")) == (302, True)
