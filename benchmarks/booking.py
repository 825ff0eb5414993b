"""From raw page bytes to booked and proven lines, beside the floor a careful user would write, in one run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from audit.recording import Actor
from bankfeeds import operations
from bankfeeds.jpmorgan.client import Page
from bankfeeds.models import Account, Connection, Day, Line, Pull, WindowDigest
from bankfeeds.pipeline import claim, walk
from bankfeeds.pipeline.book import book_window
from bankfeeds.pipeline.normalise import BalanceAnswer
from bankfeeds.pipeline.plan import Window
from bankfeeds.pipeline.reading import Unread
from bankfeeds.records import DayBalance
from benchmarks import floor, peers

ACTOR = Actor.command("bench")
START = date(2026, 6, 1)
NOW = datetime(2026, 6, 8, 12, tzinfo=UTC)
PAGE_SIZE = 1000


def run(*, lines: int, rounds: int) -> Iterator[dict[str, Any]]:
    """Yield one row per measurement: what, lines per second (best round), ratio to the floor of the same kind."""
    bodies = _bodies(lines)
    balances = _balances(bodies)
    times: dict[str, list[float]] = {
        name: [] for name in ("floor", "floor again", "first", "again", "unread")
    }
    for turn in range(rounds):
        floor.prepare()
        times["floor"].append(_timed(lambda: floor.load(bodies)))
        times["floor again"].append(_timed(lambda: floor.load(bodies)))
        ours = account(turn)
        times["first"].append(_timed(lambda ours=ours: _book(ours, bodies, balances, 1)))
        WindowDigest.objects.all().delete()
        times["again"].append(_timed(lambda ours=ours: _book(ours, bodies, balances, 2)))
        times["unread"].append(_timed(lambda ours=ours: _book(ours, bodies, balances, 3)))
        _check(ours, len(bodies) * PAGE_SIZE)
    best = {name: min(found) for name, found in times.items()}
    yield _row(f"{floor.WHAT[connection.vendor]}, first", lines, best["floor"], best["floor"])
    yield _row("floor, the same lines again", lines, best["floor again"], best["floor again"])
    yield _row("page bytes to booked and proven, first import", lines, best["first"], best["floor"])
    yield _row("the same lines again, every line compared", lines, best["again"], best["floor again"])
    yield _row("the same bytes again, known by their digests", lines, best["unread"], best["floor again"])
    yield from peers.run(bodies, ours=best["first"])


def _check(account: Account, lines: int) -> None:
    """A fast import that is not right is no result."""
    again = Pull.objects.filter(account=account).order_by("-requested_at")[0]
    assert Line.objects.filter(account=account).count() == again.same == lines
    assert set(Day.objects.filter(account=account).values_list("state", flat=True)) == {"proven"}


def _row(what: str, lines: int, seconds: float, floor: float) -> dict[str, Any]:
    return {"what": what, "rate": lines / seconds, "ratio": floor / seconds}


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def account(turn: int | str) -> Account:
    row = Connection.objects.create(
        label=f"bench-{turn}", environment="test", auth="mtls", api_host="https://bank.invalid", client_id="BENCH",
        trust_roots="-", created_at=NOW,
    )  # fmt: skip
    Connection.objects.filter(pk=row.pk).update(state="testing")
    number = "000000700100200"
    return Account.objects.create(
        connection_id=row.pk, number=number.lstrip("0"), given_number=number, currency="USD"
    )


def _book(account: Account, bodies: list[bytes], balances: BalanceAnswer, turn: int) -> None:
    now = NOW + timedelta(hours=turn)
    window = Window(start=START, end=START + timedelta(days=4))
    pull = operations.start_pull(account=account, today=date(2026, 6, 8), actor=ACTOR, now=now)
    claim.claim(pull_id=pull.pk, owner="bench", today=date(2026, 6, 8), actor=ACTOR, now=now)
    pages = [
        Page(
            kind="transactions",
            request={
                "accountIds": account.given_number, "startDate": window.start.isoformat(),
                "endDate": window.end.isoformat(), "pageNumber": number,
            },
            body=body, received_at=now, number=number, total_pages=len(bodies), total_records=len(bodies) * PAGE_SIZE,
        )
        for number, body in enumerate(bodies, 1)
    ]  # fmt: skip
    reading = Unread(window=window, walk=walk.held(pages), balances=balances)
    book_window(pull_id=pull.pk, owner="bench", reading=reading, actor=ACTOR, now=now)
    claim.finish(pull, owner="bench", actor=ACTOR, now=now)


def _balances(bodies: list[bytes]) -> BalanceAnswer:
    moved: dict[date, Decimal] = {}
    for body in bodies:
        for line in json.loads(body, parse_float=Decimal)["data"]:
            day = date.fromisoformat(line["asOfDate"])
            amount = line["amount"] if line["debitCreditCode"] == "CREDIT" else -line["amount"]
            moved[day] = moved.get(day, Decimal(0)) + amount
    days, opening = [], Decimal("1000000.00")
    for day in sorted(moved):
        closing = opening + moved[day]
        days.append(
            DayBalance(
                account_id="000000700100200", as_of_date=day, opening_ledger=opening, closing_ledger=closing,
                currency="USD", current_day=False, recorded_at=None,
            )
        )  # fmt: skip
        opening = closing
    return BalanceAnswer(days=days, no_activity=False, error=None, rejections=[])


def _bodies(lines: int) -> list[bytes]:
    pages = max(1, lines // PAGE_SIZE)
    return [
        json.dumps(
            {
                "pagination": {
                    "pageSize": PAGE_SIZE, "totalPages": pages, "pageNumber": page + 1,
                    "totalRecords": pages * PAGE_SIZE,
                },
                "data": [record(page * PAGE_SIZE + index) for index in range(PAGE_SIZE)],
            }
        ).encode()
        for page in range(pages)
    ]  # fmt: skip


def record(number: int) -> dict[str, Any]:
    day = (START + timedelta(days=number % 5)).isoformat()
    credit = number % 2 == 0
    return {
        "account": {"accountId": "000000700100200", "accountName": "HARBOR KETTLE CO", "currency": {"code": "USD"}},
        "asOfDate": day, "valueDate": day, "debitCreditCode": "CREDIT" if credit else "DEBIT",
        "baiType": {"typeCode": "195" if credit else "495", "description": "MONEY TRANSFER", "btrsTypeCode": "195"},
        "currency": {"code": "USD", "description": "US DOLLAR"}, "amount": (number % 9973) + 0.25,
        "bankReferenceSearchable": {"standardValue": f"REF{number:09d}"},
        "customerReferenceSearchable": {"standardValue": f"INV-{number}"},
        "reversal": False, "checkNumber": 0, "shortDescription": "FED WIRE",
        "narrativeText": {"YOUR REF    ": f"INV-{number}", "REMARK      ": f"INVOICE {number} FOR KETTLES"},
        "transactionId": f"TXN-P-{number:09d}-1",
    }  # fmt: skip
