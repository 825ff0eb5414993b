"""A feed on the model bank: pulls as a worker makes them, with accidents at chosen moments, and what must hold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database

from audit.recording import Actor
from audit.workflow import OperationRefused
from bankfeeds import operations
from bankfeeds.jpmorgan import transport
from bankfeeds.models import Account, Connection, Line, Pull
from bankfeeds.pipeline import diff, fetch
from bankfeeds.pipeline.book import LeaseLost
from bankfeeds.pipeline.claim import NotClaimed
from bankfeeds.pipeline.run import run_pull
from tests.bankfeeds.model_bank import ModelBank, Mood, reply
from tests.bankfeeds.model_promises import by_day, ours

ACTOR = Actor.command("test")
ONE = timedelta(days=1)
FIRST = date(2026, 5, 18)
START = date(2026, 5, 26)
BRAKE = 4  # the flood brake stops at 20 lines; no need to make so many
_numbers = itertools.count(1)


class KilledError(BaseException):
    """The worker's process ends here; nothing of ours catches it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accident:
    """What befalls a worker at its ``at``-th call of the bank, or at its ``at``-th statement to the database."""

    what: str
    at: int = 1


CALLS = ("killed", "cut", "down", "busy", "forbidden", "rubbish", "taken over", "moves")


@dataclass
class ModelFeed:
    """A connection to the model bank with its accounts, and the hour."""

    bank: ModelBank
    accounts: list[Account]
    hour: datetime
    uids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def clock(self) -> datetime:
        self.hour += timedelta(seconds=1)
        return self.hour

    @property
    def touched(self) -> list[Account]:
        """Return the accounts in whose books the bank ever did anything."""
        return [one for one in self.accounts if self.bank.books[one.given_number].ever_used]

    def next_day(self, days: int = 1) -> None:
        self.bank.today += days * ONE
        self.hour += timedelta(days=days)

    # --- pulls ---

    def pull(
        self, account: Account, *, mood: Mood | None = None, accident: Accident | None = None, behind: int = 0
    ) -> str:
        """Start a pull and work on it once; return its state, or what kept it from being worked on.

        ``behind``: hours the worker's clock is slow.
        """
        self.hour += timedelta(hours=2)
        self.bank.mood, self.bank.calls = mood or Mood(), 0
        right = self._right_days(account)
        clock = (lambda: self.clock() - timedelta(hours=behind)) if behind else self.clock
        try:
            pull = operations.start_pull(account=account, today=self.bank.today, actor=ACTOR, now=self.hour)
            with self._befallen(accident, pull):
                worked = run_pull(
                    pull_id=pull.pk,
                    owner=f"w{next(_numbers)}",
                    today=self.bank.today,
                    actor=ACTOR,
                    clock=clock,
                )
            return str(worked.state)
        except (KilledError, LeaseLost, NotClaimed, OperationRefused) as end:
            return type(end).__name__
        finally:
            told = self.bank.mood.tells_true_balances
            self.bank.mood, self.bank.meanwhile = Mood(), lambda call: None
            if told:
                now = by_day(ours(account))
                kept = by_day(self.bank.truth(account.given_number))
                spoilt = [
                    day for day, lines in right.items() if kept.get(day) == lines and now.get(day) != lines
                ]
                assert not spoilt, f"{spoilt} were the bank's, and its balances say so, but are no longer"

    def _right_days(self, account: Account) -> dict[date, list[Any]]:
        """Return the lines of the days that are the bank's and that it states honest balances for."""
        book, here = self.bank.books[account.given_number], by_day(ours(account))
        truth = by_day(self.bank.truth(account.given_number))
        return {
            day: lines
            for day, lines in here.items()
            if lines == truth.get(day) and book.stated(day) and not book.wrong.keys() & {day - ONE, day}
        }

    def answer(self, account: Account, answer: str = "") -> None:
        """Answer a held pull as the bank would, or as ``answer`` says."""
        held = Pull.objects.filter(account=account, state="held").first()
        if held is not None:
            operations.answer_held_pull(
                pk=held.pk,
                answer=answer or self.true_answer(account),
                actor=ACTOR,
                now=self.clock(),
                reason="The bank said so.",
            )

    def true_answer(self, account: Account) -> str:
        """Say "same_lines" while any line of ours goes by an id that its line no longer has at the bank."""
        ours = set(
            Line.objects.filter(account=account, state="booked").values_list("transaction_id", flat=True)
        )
        theirs = {one.ident for one in self.bank.books[account.given_number].postings.values()}
        return "same_lines" if ours - theirs else "really_new"

    def settle(self) -> None:
        """Pull without any trouble until a deep reading has taken place. An account nothing befell needs none."""
        for days in (1, 8):
            self.next_day(days)
            for account in self.touched:
                for _ in range(6):
                    if self.pull(account) == "booked":
                        break
                    self.hour += timedelta(hours=2)
                    self.answer(account)
                else:
                    pytest.fail(f"No clean pull ends: {Pull.objects.filter(account=account).first()}")

    @contextmanager
    def _befallen(self, accident: Accident | None, pull: Pull) -> Iterator[None]:
        if accident is None:
            yield
        elif accident.what == "killed in the database":
            with database.execute_wrapper(_dies_at(accident.at)):
                yield
        else:
            self.bank.meanwhile = lambda call: self._befall(accident, pull, call)
            yield

    def _befall(self, accident: Accident, pull: Pull, call: int) -> transport.Reply | None:
        if accident.what == "down" and call >= accident.at:
            return reply(503)
        if call != accident.at:
            return None
        if accident.what == "killed":
            raise KilledError
        if accident.what == "cut":
            raise transport.Unreachable("cut")
        if accident.what == "taken over":
            self.bank.meanwhile = lambda call: None
            self.hour += timedelta(minutes=10)
            run_pull(pull_id=pull.pk, owner="another", today=self.bank.today, actor=ACTOR, clock=self.clock)
        if accident.what == "moves":
            self.move(pull.account.given_number)
        return {
            "busy": reply(429, **{"retry-after": "3600"}),
            "forbidden": reply(403),
            "rubbish": reply(200, b"<html>"),
        }.get(accident.what)

    def move(self, number: str) -> None:
        """Let a line go and another come between two pages, so that the total stays what it was."""
        book = self.bank.books[number]
        for one in list(book.postings.values())[:1]:
            del book.postings[one.uid]
            uid = next(self.uids)
            book.change_to(one, uid=uid, ident=f"T{uid}", text="MOVED")


def _dies_at(number: int) -> Any:
    count = itertools.count(1)

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if next(count) == number:
            raise KilledError
        return run(sql, params, many, context)

    return execute


@contextmanager
def model_feed(monkeypatch: pytest.MonkeyPatch, accounts: int = 1) -> Iterator[ModelFeed]:
    """Set up a feed on a new model bank whose first day is ``FIRST``."""
    numbers = [f"00000070010020{n}" for n in range(accounts)]
    bank = ModelBank(numbers, today=START, first=FIRST)
    monkeypatch.setattr(fetch, "bank", bank.opened)
    monkeypatch.setattr(diff, "MOST_SUSPECTS", BRAKE)
    hour = datetime(START.year, START.month, START.day, 6, tzinfo=UTC)
    row = Connection.objects.create(
        label=f"model-{next(_numbers)}", environment="test", auth="mtls", api_host="https://bank.invalid",
        client_id="MODEL", trust_roots="-", created_at=hour, history_start=FIRST,
    )  # fmt: skip
    Connection.objects.filter(pk=row.pk).update(state="testing")
    found = [
        Account.objects.create(connection_id=row.pk, number=number.lstrip("0"), given_number=number)
        for number in numbers
    ]
    yield ModelFeed(bank, found, hour)
