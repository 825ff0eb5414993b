"""The health pages: who may open them, what they say in words, and what they never show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.urls import reverse

from bankfeeds.models import Account, Day, Finding, Line
from tests.bankfeeds.keptdays import account, booked, connection, days
from tests.bankfeeds.test_lateness import DUE, LAST_READ, LATE, feed

pytestmark = pytest.mark.django_db

FEEDS = "admin:bankfeeds_connection_feeds"


@pytest.fixture(autouse=True)
def at_the_moment() -> Iterator[None]:
    with time_machine.travel(LATE, tick=False):
        yield


@pytest.fixture
def mine() -> Account:
    found = feed("qqppbppb")
    booked(found, LAST_READ + timedelta(minutes=5), read=3, new=2, same=1)
    return found


def health_of(of: Account) -> str:
    return reverse("admin:bankfeeds_connection_health", args=[of.connection_id])


def test_whoever_may_view_connections_may_see_how_they_are(mine: Account, as_: Any) -> None:
    for person, status in (("operator", 200), ("auditor", 200), ("outsider", 403)):
        client = as_(person)
        assert [client.get(page).status_code for page in (health_of(mine), reverse(FEEDS))] == [status] * 2
    assert as_("operator").get(reverse("admin:bankfeeds_connection_health", args=[10**9])).status_code == 404


def test_the_page_says_in_words_what_it_draws(mine: Account, as_: Any) -> None:
    html = as_("operator").get(health_of(mine)).content.decode()
    assert mine.given_number not in html
    for words in (
        "Complete to 29 May 2026.",
        "2 Jun 2026 was to be proven by 3 Jun 2026, 11:00 EDT (15:00 UTC) and is not: it does not foot by 12.34 USD.",
        "1 Jun 2026 was expected to be proven by 2 Jun 2026, 11:00 EDT (15:00 UTC).",
        "3 Jun 2026, 10:35 UTC: booked, with changes (2 new)",
        "3 Jun 2026, 10:30 UTC: booked, nothing new",
        "6 days since 28 May 2026: 4 proven, 2 broken.",
        "Tue 2 Jun 2026: does not foot, or cannot be proven, 1 line",
        "6 lines on 6 days since 6 Mar 2026; the most, 1, on 2 Jun 2026.",
        "Last 100.00 USD on 2 Jun 2026; lowest 100.00 USD",
    ):
        assert words in html, words
    assert "style=" not in html.split("lk-cert", 1)[1]


def test_a_day_links_to_its_page_and_that_page_to_the_lines_under_suspicion(mine: Account, as_: Any) -> None:
    client, day = as_("operator"), Day.objects.get(account=mine, as_of_date=DUE)
    url = reverse("admin:bankfeeds_day_change", args=[day.pk])
    assert f'<a href="{url}" tabindex="-1">' in client.get(health_of(mine)).content.decode()
    pull = booked(mine, LATE)
    line = Line.objects.create(
        account=mine, as_of_date=DUE, direction="CREDIT", amount="12.34", currency="USD", transaction_id="EXAMPLE-1",
        digest="0" * 64, first_pull=pull, last_changed_pull=pull,
    )  # fmt: skip
    finding = Finding.objects.create(
        connection=mine.connection, account=mine, kind="broken_day", as_of_date=DUE, key="x", sentence="x",
        data={"difference": "12.34", "suspects": ["EXAMPLE-1"]}, opened_at=LATE,
    )  # fmt: skip
    html = client.get(url).content.decode()
    for model, row in (("line", line), ("finding", finding)):
        assert reverse(f"admin:bankfeeds_{model}_change", args=[row.pk]) in html
    assert "it does not foot by 12.34 USD" in html


def test_the_list_tells_trouble_first_and_why(mine: Account, as_: Any) -> None:
    fine = account(connection("a-fine"), "1")
    days(fine, "ppp", last=DUE)
    html = as_("auditor").get(reverse(FEEDS)).content.decode()
    assert html.index(mine.connection.label) < html.index("a-fine")
    assert "it does not foot by 12.34 USD" in html
    assert "1 in order" in html


def test_an_empty_house_is_said_kindly(as_: Any) -> None:
    assert "There is no feed yet." in as_("operator").get(reverse(FEEDS)).content.decode()


def test_a_paused_and_an_unread_feed_have_a_page_too(as_: Any) -> None:
    paused = account(connection("quiet", "paused"), "1")
    html = as_("operator").get(health_of(paused)).content.decode()
    for words in (
        "Nothing has been read.",
        "The connection is paused: no day is awaited.",
        "No day has been read.",
    ):
        assert words in html


def test_a_page_of_many_accounts_and_a_year_of_days_costs_few_queries(
    as_: Any, django_assert_max_num_queries: Any
) -> None:
    house = connection()
    for n in range(8):
        one = account(house, str(1000 + n))
        days(one, "p" * 300 + "b", last=date(2026, 6, 2))
        booked(one, LAST_READ)
    client = as_("operator")
    with django_assert_max_num_queries(30):
        assert client.get(reverse("admin:bankfeeds_connection_health", args=[house.pk])).status_code == 200
