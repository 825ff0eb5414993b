"""A feed on the model bank: pulls as a worker makes them, with accidents at chosen moments, and what must hold."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database

from audit.recording import Actor
from audit.workflow import OperationRefused
from bankfeeds import operations
from bankfeeds.jpmorgan import transport
from bankfeeds.models import Account, Connection, Day, Finding, Line, LineId, ProvisionalLine, Pull
from bankfeeds.pipeline import diff, fetch, plan
from bankfeeds.pipeline.book import LeaseLost
from bankfeeds.pipeline.claim import NotClaimed
from bankfeeds.pipeline.run import run_pull
from tests.bankfeeds.model_bank import Content, ModelBank, Mood, reply, signed_cents

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
            self.bank.mood, self.bank.meanwhile = Mood(), lambda call: None

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
        touched = [one for one in self.accounts if self.bank.books[one.given_number].ever_used]
        for days in (1, 8):
            self.next_day(days)
            for account in touched:
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


# --- what must hold ---


def ours(account: Account) -> list[tuple[str, Content]]:
    """Return id and content of every booked line, sorted as ``ModelBank.truth``."""
    rows = Line.objects.filter(account=account, state="booked").values_list(
        "transaction_id", "as_of_date", "direction", "amount", "description"
    )
    return sorted(
        (ident, (day, signed_cents(direction, amount), text)) for ident, day, direction, amount, text in rows
    )


def hold_every_promise(feed: ModelFeed) -> None:
    """Whatever has happened: no line twice, none invented, every count adds up, and a proven day foots."""
    for account in feed.accounts:
        booked = ours(account)
        assert set(booked) <= feed.bank.ever[account.given_number], "a line the bank never gave"
        assert len({ident for ident, _ in booked}) == len(booked), "a line twice"
        current = LineId.objects.filter(account=account, current=True)
        lines = Line.objects.filter(account=account)
        assert sorted(current.values_list("line_id", "transaction_id")) == sorted(
            lines.values_list("pk", "transaction_id")
        )
        for pull in Pull.objects.filter(account=account):
            fates = pull.same + pull.new + pull.amended + pull.renumbered + pull.repeated
            assert pull.read == fates + pull.rejected + pull.held
        _days_are_what_is_booked(account, booked)


def _days_are_what_is_booked(account: Account, booked: Sequence[tuple[str, Content]]) -> None:
    moved: Counter[date] = Counter()
    count: Counter[date] = Counter()
    for _, (day, cents, _text) in booked:
        moved[day] += cents
        count[day] += 1
    read = Day.objects.filter(account=account).exclude(state__in=["missing", "provisional"])
    for day in read:
        seen = (day.lines, int((day.credits - day.debits) * 100))
        assert seen == (count[day.as_of_date], moved[day.as_of_date]), f"the sums of {day}"
        if day.state == "proven":
            assert day.opening is not None
            assert day.closing is not None
            assert day.opening + Decimal(moved[day.as_of_date]) / 100 == day.closing, f"{day} is not proven"
    known = set(read.values_list("as_of_date", flat=True))
    assert set(count) <= known, "lines on a day nobody has read"
    mixed = ProvisionalLine.objects.filter(account=account, as_of_date__in=known)
    assert not mixed.exists(), "provisional lines on a booked day"


def told(account: Account) -> dict[date, set[str]]:
    """Return the kinds of the open findings by day."""
    found: dict[date, set[str]] = {}
    for day, kind in Finding.objects.filter(
        account=account, state="open", as_of_date__isnull=False
    ).values_list("as_of_date", "kind"):
        found.setdefault(day, set()).add(kind)
    return found


def end_equal(feed: ModelFeed) -> None:
    """The ledger is the bank's record and every day is proven; where no balance can prove it, a finding says so.

    A removal that moves nothing (lines that cancel each other) foots with and without: it is told, not made.
    """
    for account in feed.accounts:
        if not feed.bank.books[account.given_number].ever_used:
            continue
        book, findings = feed.bank.books[account.given_number], told(account)
        lacking = Counter(feed.bank.truth(account.given_number))
        surplus = Counter(ours(account))
        lacking, surplus = lacking - surplus, surplus - lacking
        states = dict(Day.objects.filter(account=account).values_list("as_of_date", "state"))
        for day in plan.days_between(FIRST, feed.bank.last_posted):
            gone = [line for line in surplus if line[1][0] == day]
            late = [line for line in lacking if line[1][0] == day]
            doubtful = not book.stated(day) or bool(book.wrong.keys() & {day - ONE, day})
            if gone or late:
                assert findings.get(day, set()) & {"incomplete_answer", "unproven_change"}, (
                    day,
                    gone,
                    late,
                    findings,
                )
                nets = sum(c[1] for _, c in gone) == sum(c[1] for _, c in late)
                assert doubtful or nets, (day, gone, late)
            if day in book.wrong and book.stated(day):
                assert "broken_day" in findings.get(day, set()), (day, states.get(day), findings)
            elif not doubtful:
                assert states.get(day) == "proven", (day, states.get(day), findings)
