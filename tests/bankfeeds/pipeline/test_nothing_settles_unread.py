"""What an answer without content may not do: settle a day, erase one, or let a line go unaccounted for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from bankfeeds.models import BalanceObservation, Day, Line, Pull
from bankfeeds.pipeline import claim
from bankfeeds.pipeline.book import CountsDoNotAddUp, book_window
from tests.bankfeeds.jpmorgan.bodies import balances_body
from tests.bankfeeds.model_bank import ModelBank, Mood, Posting
from tests.bankfeeds.model_feed import FIRST, ModelFeed, model_feed
from tests.bankfeeds.model_promises import end_equal, ours
from tests.bankfeeds.pipeline.test_verdict_table import OPENING, a_line, answer
from tests.bankfeeds.pipeline.test_writing import ACTOR, NOW, a_pull, an_account

pytestmark = pytest.mark.django_db(transaction=True)
LATER = FIRST + timedelta(days=3)


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelFeed]:
    with model_feed(monkeypatch) as found:
        found.bank.books[found.accounts[0].given_number].put(
            Posting(uid=1, ident="T1", day=LATER, cents=1000, text="RENT")
        )
        yield found


def settled(feed: ModelFeed) -> list[Any]:
    days = Day.objects.filter(account=feed.accounts[0], state__in=["final", "proven"])
    return list(days.values_list("as_of_date", flat=True))


@pytest.mark.parametrize("silence", ["an empty list", "refused"])
def test_an_empty_answer_with_empty_balances_settles_no_day_that_was_never_read(
    feed: ModelFeed, monkeypatch: pytest.MonkeyPatch, silence: str
) -> None:
    if silence == "an empty list":
        monkeypatch.setattr(
            ModelBank, "_balances", lambda bank, asked: balances_body(account=next(iter(bank.books)))
        )
    mood = Mood(empty=True, refused_balances=silence == "refused")
    assert feed.pull(feed.accounts[0], mood=mood) == "booked"
    assert settled(feed) == []
    monkeypatch.undo()
    with pytest.MonkeyPatch.context() as again:
        again.setattr("bankfeeds.pipeline.fetch.bank", feed.bank.opened)
        feed.next_day()
        assert feed.pull(feed.accounts[0]) == "booked"
    assert len(settled(feed)) == (feed.bank.today - FIRST).days
    end_equal(feed.bank, feed.accounts)


def test_the_banks_word_that_there_was_no_activity_settles_its_days(feed: ModelFeed) -> None:
    feed.bank.books[feed.accounts[0].given_number].postings.clear()
    assert feed.pull(feed.accounts[0], mood=Mood(no_balances=True)) == "booked"
    assert len(settled(feed)) == (feed.bank.today - FIRST).days


@pytest.mark.parametrize("mood", [{"no_balances": True}, {"refused_balances": True}, {}])
def test_an_empty_answer_erases_no_booked_day(feed: ModelFeed, mood: dict[str, bool]) -> None:
    feed.pull(feed.accounts[0])
    before, days = ours(feed.accounts[0]), list(Day.objects.order_by("pk").values())
    feed.next_day()
    feed.pull(feed.accounts[0], mood=Mood(empty=True, **mood))
    assert ours(feed.accounts[0]) == before
    known = Day.objects.filter(pk__in=[day["id"] for day in days]).exclude(state="provisional")
    assert [day.state for day in known.filter(as_of_date=LATER)] == ["proven"]


def test_a_pull_commits_nothing_unless_every_line_read_is_accounted_for(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = an_account("counts")
    pull = a_pull(account)
    claim.claim(pull_id=pull.pk, owner="w", today=pull.today, actor=ACTOR, now=NOW)
    lines = [a_line("A", OPENING), a_line("B", OPENING)]
    reading = answer(lines, OPENING * 3, [], NOW)
    short = replace(reading, lines=replace(reading.lines, read=3))
    with pytest.raises(CountsDoNotAddUp):
        book_window(pull_id=pull.pk, owner="w", reading=short, actor=ACTOR, now=NOW)
    written = (Line, Day, BalanceObservation)
    assert [model.objects.filter(account=account).count() for model in written] == [0, 0, 0]
    fresh = Pull.objects.get(pk=pull.pk)
    assert (fresh.state, fresh.read, fresh.windows) == ("fetching", 0, 0)
    book_window(pull_id=pull.pk, owner="w", reading=reading, actor=ACTOR, now=NOW)
    assert [model.objects.filter(account=account).count() for model in written] == [2, 1, 1]


def test_the_database_itself_refuses_a_pull_whose_counts_do_not_add_up(db: None) -> None:
    pull = a_pull(an_account("refused"))
    with pytest.raises(IntegrityError, match="accounted_for"), transaction.atomic():
        Pull.objects.filter(pk=pull.pk).update(read=2, same=1)
