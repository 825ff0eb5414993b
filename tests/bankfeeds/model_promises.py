"""What must hold of a ledger fed by the model bank: at any moment, and at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from bankfeeds.models import Account, Day, Finding, Line, LineId, ProvisionalLine, Pull
from bankfeeds.pipeline import plan
from tests.bankfeeds.model_bank import Content, ModelBank, signed_cents


def ours(account: Account) -> list[tuple[str, Content]]:
    """Return id and content of every booked line, sorted as ``ModelBank.truth``."""
    rows = Line.objects.filter(account=account, state="booked").values_list(
        "transaction_id", "as_of_date", "direction", "amount", "description"
    )
    return sorted(
        (ident, (day, signed_cents(direction, amount), text)) for ident, day, direction, amount, text in rows
    )


def by_day(lines: Sequence[tuple[str, Content]]) -> dict[date, list[Any]]:
    found: dict[date, list[Any]] = {}
    for line in lines:
        found.setdefault(line[1][0], []).append(line)
    return found


def hold_every_promise(bank: ModelBank, accounts: Sequence[Account]) -> None:
    """Whatever has happened: no line twice, none invented, every count adds up, and a proven day foots."""
    for account in accounts:
        booked = ours(account)
        assert set(booked) <= bank.ever[account.given_number], "a line the bank never gave"
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


def end_equal(bank: ModelBank, accounts: Sequence[Account]) -> None:
    """The ledger is the bank's record and every day is proven; where no balance can prove it, a finding says so.

    A removal that moves nothing (lines that cancel each other) foots with and without: it is told, not made.
    """
    for account in accounts:
        book, findings = bank.books[account.given_number], told(account)
        lacking = Counter(bank.truth(account.given_number))
        surplus = Counter(ours(account))
        lacking, surplus = lacking - surplus, surplus - lacking
        states = dict(Day.objects.filter(account=account).values_list("as_of_date", "state"))
        for day in plan.days_between(bank.first, bank.last_posted):
            gone = [line for line in surplus if line[1][0] == day]
            late = [line for line in lacking if line[1][0] == day]
            doubtful = not book.stated(day) or bool(book.wrong.keys() & {day - plan.ONE, day})
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
