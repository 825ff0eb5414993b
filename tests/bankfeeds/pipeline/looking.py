"""What tests of the pipeline look at after a pull."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils import timezone

from bankfeeds.models import BalanceObservation, Day, Finding, Line, LineId, LineRevision, Pull
from bankfeeds.pipeline.claim import new_owner
from bankfeeds.pipeline.run import run_pull
from tests.bankfeeds.feeds import ACTOR, TODAY, Feed


def counts(pull: Pull) -> dict[str, int]:
    names = ("new", "amended", "renumbered", "withdrawn", "repeated", "rejected", "held")
    return {name: getattr(pull, name) for name in names if getattr(pull, name)}


def kinds(state: str = "open") -> list[str]:
    return sorted(Finding.objects.filter(state=state).values_list("kind", flat=True))


def a_day(harbor: Feed, back: int = 0) -> date:
    """Return a posted day with at least two lines, ``back`` such days before the newest."""
    days = [row[1] for row in harbor.bank_lines()]
    full = sorted({day for day in days if days.count(day) >= 2}, reverse=True)
    return full[back]


def lines_of(harbor: Feed, day: date) -> list[Any]:
    return [row for row in harbor.bank.posted_lines(harbor.account.given_number) if row["as_of_date"] == day]


def ledger() -> list[dict[str, Any]]:
    return [
        *Line.objects.order_by("pk").values(),
        *LineId.objects.order_by("pk").values(),
        *LineRevision.objects.order_by("pk").values(),
        *Day.objects.exclude(state="provisional").order_by("pk").values(),
        *BalanceObservation.objects.order_by("pk").values(),
    ]


def assert_right(harbor: Feed) -> None:
    """The ledger is the bank's, each line once, and every day with business is proven."""
    assert harbor.our_lines() == harbor.bank_lines()
    current = LineId.objects.filter(current=True).values_list("transaction_id", flat=True)
    booked = Line.objects.values_list("transaction_id", flat=True)
    assert sorted(current) == sorted(booked)
    unproven = Day.objects.filter(stated=True).exclude(state__in=["proven", "provisional"])
    assert list(unproven.values_list("as_of_date", "state")) == []


def carry_out(pull_id: Any, owner: str = "") -> Pull:
    return run_pull(pull_id=pull_id, owner=owner or new_owner(), today=TODAY, actor=ACTOR, clock=timezone.now)
