"""What walks of the model bank have brought to light, each cut down to the steps that matter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.bankfeeds.model_bank import Book, Mood, Posting
from tests.bankfeeds.model_feed import FIRST, ModelFeed, model_feed
from tests.bankfeeds.model_promises import end_equal, ours, told

pytestmark = pytest.mark.django_db(transaction=True)
DAY = FIRST + timedelta(days=4)


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelFeed]:
    with model_feed(monkeypatch) as found:
        yield found


def book(feed: ModelFeed) -> Book:
    return feed.bank.books[feed.accounts[0].given_number]


def test_a_line_withdrawn_from_a_day_the_bank_no_longer_states_stays_and_is_told(feed: ModelFeed) -> None:
    """The balances last stated still prove the line, and a bank that falls silent takes nothing back."""
    book(feed).states_quiet_days = False
    book(feed).put(Posting(uid=1, ident="T1", day=DAY, cents=1000, text="RENT"))
    feed.pull(feed.accounts[0])
    del book(feed).postings[1]
    book(feed).spoken.clear()
    feed.next_day()
    feed.pull(feed.accounts[0])
    assert ours(feed.accounts[0]) == [("T1", (DAY, 1000, "RENT"))]
    assert told(feed.accounts[0]) == {DAY: {"incomplete_answer"}}


def test_lines_that_cancel_each_other_and_vanish_together_stay_and_are_told(feed: ModelFeed) -> None:
    """The day foots with them and without: that they are gone is not proven."""
    for uid, cents in ((1, 1000), (2, -1000)):
        book(feed).put(Posting(uid=uid, ident=f"T{uid}", day=DAY, cents=cents, text="RENT"))
    feed.pull(feed.accounts[0])
    book(feed).postings.clear()
    feed.next_day()
    feed.pull(feed.accounts[0])
    assert [ident for ident, _ in ours(feed.accounts[0])] == ["T1", "T2"]
    assert told(feed.accounts[0]) == {DAY: {"incomplete_answer"}}


def test_a_stale_answer_that_foots_withdraws_a_line_until_the_next_true_one(feed: ModelFeed) -> None:
    older = book(feed).copy()
    book(feed).put(Posting(uid=1, ident="T1", day=DAY, cents=1000, text="RENT"))
    feed.pull(feed.accounts[0])
    feed.pull(feed.accounts[0], mood=Mood(lines=older, balances=older))
    assert ours(feed.accounts[0]) == []
    assert told(feed.accounts[0]) == {DAY: {"withdrawn_line"}}
    feed.settle()
    end_equal(feed.bank, feed.accounts)
    assert told(feed.accounts[0]) == {}
