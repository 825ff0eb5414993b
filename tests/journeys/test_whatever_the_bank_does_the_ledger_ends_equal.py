"""A bank does whatever a bank does, workers die at any moment; after the last clean pull the ledger is the bank's.

The walks here are always the same few. HYPOTHESIS_PROFILE=long makes longer ones, as many as MODEL_WALKS says
(2,000), each with new luck; with MODEL_SHRINK=1 a walk that fails is cut down to the steps that matter, which takes
long. What they find becomes a test by name in tests/bankfeeds/pipeline/test_found_by_the_model.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from audit.queries import verify
from bankfeeds.models import Account
from tests.bankfeeds.model_bank import Book, Mood, Posting
from tests.bankfeeds.model_feed import (
    CALLS,
    ONE,
    Accident,
    ModelFeed,
    model_feed,
)
from tests.bankfeeds.model_promises import end_equal, hold_every_promise

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
WALKS = int(os.environ.get("MODEL_WALKS", "2000" if LONG else "20"))
SHRINK = os.environ.get("MODEL_SHRINK") == "1"

which = st.sampled_from([0, 0, 0, 1])
ago = st.integers(0, 8)
some = st.integers(0, 30)
cents = st.sampled_from([1000, -1000, 2500, -1500])
texts = st.sampled_from(["RENT", "FEES"])
moods = st.fixed_dictionaries(
    {"page_size": st.sampled_from([1, 2, 3, 1000])},
    optional={
        "empty": st.booleans(),
        "left_out": st.integers(0, 3),
        "twice": st.booleans(),
        "refused_balances": st.booleans(),
        "no_balances": st.booleans(),
        "turned": st.booleans(),
    },
)
accidents = st.one_of(
    st.builds(Accident, what=st.sampled_from(CALLS), at=st.integers(1, 12)),
    st.builds(Accident, what=st.just("killed in the database"), at=st.integers(1, 250)),
)


class WhateverTheBankDoes(RuleBasedStateMachine):
    """The bank's acts and the feed's, in any order."""

    monkeypatch: pytest.MonkeyPatch

    def __init__(self) -> None:
        super().__init__()
        self.opened = model_feed(self.monkeypatch, accounts=2)
        self.feed: ModelFeed = self.opened.__enter__()
        self.older: list[Book] = []

    def teardown(self) -> None:
        self.feed.bank.behind = False
        for book in self.feed.bank.books.values():
            for one in list(book.postings.values()):
                book.change(one.uid, listed=True, garbled=False)
        self.feed.settle()
        hold_every_promise(self.feed.bank, self.feed.accounts)
        end_equal(self.feed.bank, self.feed.touched)
        for account in self.feed.touched:
            # A week later all days are read again: an answer that leaves lines out takes nothing from what was right.
            self.feed.next_day(7)
            self.feed.pull(account, mood=Mood(left_out=2))

    # --- the bank ---

    def book(self, number: int) -> Book:
        return list(self.feed.bank.books.values())[number]

    def a_line(self, account: int, pick: int) -> Posting | None:
        lines = sorted(self.book(account).postings.values(), key=lambda one: one.uid)
        return lines[-1 - pick % len(lines)] if lines else None

    @rule(account=which, ago=ago, cents=cents, text=texts, count=st.integers(1, 4))
    def posts(self, account: int, ago: int, cents: int, text: str, count: int) -> None:
        for _ in range(count):
            uid = next(self.feed.uids)
            day = self.feed.bank.today - ago * ONE
            self.book(account).put(Posting(uid=uid, ident=f"T{uid}", day=day, cents=cents, text=text))

    @rule(account=which, pick=some)
    def posts_late_under_an_id_given_up(self, account: int, pick: int) -> None:
        used = {one.ident for one in self.book(account).postings.values()}
        given_up = sorted({ident for ident, _ in self.feed.bank.ever[self.book(account).number]} - used)
        if given_up:
            uid, ident = next(self.feed.uids), given_up[pick % len(given_up)]
            day = self.feed.bank.today - (pick % 6) * ONE
            self.book(account).put(Posting(uid=uid, ident=ident, day=day, cents=4000, text="AGAIN"))

    @rule(account=which, pick=some, listed=st.booleans(), garbled=st.booleans())
    def lists_or_hides(self, account: int, pick: int, listed: bool, garbled: bool) -> None:
        if line := self.a_line(account, pick):
            self.book(account).change(line.uid, listed=listed, garbled=garbled)

    @rule(account=which, pick=some, most=st.integers(1, 6))
    def renumbers(self, account: int, pick: int, most: int) -> None:
        if line := self.a_line(account, pick):
            for one in self.book(account).on(line.day)[:most]:
                self.book(account).change(one.uid, ident=f"T{next(self.feed.uids)}")

    @rule(account=which, pick=some, cents=cents, text=texts)
    def amends(self, account: int, pick: int, cents: int, text: str) -> None:
        if line := self.a_line(account, pick):
            self.book(account).change(line.uid, cents=cents, text=text)

    @rule(account=which, pick=some, ago=ago)
    def moves_to_another_day(self, account: int, pick: int, ago: int) -> None:
        if line := self.a_line(account, pick):
            self.book(account).change(line.uid, day=self.feed.bank.today - ago * ONE)

    @rule(account=which, pick=some)
    def withdraws(self, account: int, pick: int) -> None:
        if line := self.a_line(account, pick):
            del self.book(account).postings[line.uid]

    @rule(account=which, pick=some, text=texts)
    def replaces_by_an_equal_amount(self, account: int, pick: int, text: str) -> None:
        if line := self.a_line(account, pick):
            del self.book(account).postings[line.uid]
            uid = next(self.feed.uids)
            self.book(account).change_to(line, uid=uid, ident=f"T{uid}", text=text)

    @rule(account=which, ago=ago, off=st.sampled_from([0, 0, 500]))
    def misstates_or_corrects(self, account: int, ago: int, off: int) -> None:
        day = self.feed.bank.today - ago * ONE
        self.book(account).wrong.pop(day, None)
        if off and day < self.feed.bank.today:
            self.book(account).wrong[day] = off

    @rule(account=which, ago=ago, silent=st.booleans(), quiet=st.booleans())
    def states_or_not(self, account: int, ago: int, silent: bool, quiet: bool) -> None:
        day, book = self.feed.bank.today - ago * ONE, self.book(account)
        book.silent = book.silent | {day} if silent else book.silent - {day}
        book.states_quiet_days = quiet

    @rule(account=which)
    def keeps_an_older_book(self, account: int) -> None:
        self.older = [*self.older, self.book(account).copy()][-3:]

    @rule(rename=st.booleans(), behind=st.booleans(), days=st.sampled_from([1, 1, 3]))
    @precondition(lambda self: self.feed.bank.today < self.feed.bank.first + 14 * ONE)
    def a_day_ends(self, rename: bool, behind: bool, days: int) -> None:
        """Pending becomes posted, under the same ids or under others."""
        if rename:
            for book in self.feed.bank.books.values():
                for one in book.on(self.feed.bank.today):
                    book.change(one.uid, ident=f"T{next(self.feed.uids)}")
        self.feed.next_day(days)
        self.feed.bank.behind = behind

    # --- the feed ---

    def account(self, number: int) -> Account:
        return self.feed.accounts[number]

    @rule(account=which)
    def a_pull(self, account: int) -> None:
        self.feed.pull(self.account(account))

    @rule(account=which, accident=accidents, page_size=st.sampled_from([1, 2, 1000]))
    def a_pull_with_an_accident(self, account: int, accident: Accident, page_size: int) -> None:
        self.feed.pull(self.account(account), accident=accident, mood=Mood(page_size=page_size))

    @rule(account=which, mood=moods)
    def a_pull_with_bad_answers(self, account: int, mood: dict[str, Any]) -> None:
        self.feed.pull(self.account(account), mood=Mood(**mood))

    @rule(account=which, pick=some, lines_only=st.booleans(), late=st.booleans())
    def a_pull_answered_from_an_older_book(
        self, account: int, pick: int, lines_only: bool, late: bool
    ) -> None:
        own = [book for book in self.older if book.number == self.book(account).number]
        if own:
            old = own[pick % len(own)]
            mood = Mood(lines=old, balances=None if lines_only else old)
            self.feed.pull(self.account(account), mood=mood, behind=72 if late else 0)

    @rule(account=which)
    def a_person_answers(self, account: int) -> None:
        self.feed.answer(self.account(account))

    @invariant()
    def every_promise_holds(self) -> None:
        hold_every_promise(self.feed.bank, self.feed.accounts)


@pytest.fixture
def walks(transactional_db: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[RuleBasedStateMachine]]:
    WhateverTheBankDoes.monkeypatch = monkeypatch
    yield WhateverTheBankDoes


def test_after_the_last_clean_pull_the_ledger_equals_the_banks(
    walks: type[RuleBasedStateMachine],
) -> None:
    run_state_machine_as_test(
        walks,
        settings=settings(
            max_examples=WALKS,
            stateful_step_count=30 if LONG else 14,
            derandomize=not LONG,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink] if SHRINK else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert verify().broken is None
