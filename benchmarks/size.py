"""Memory and speed as a history grows: a whole pull of many windows, from a bank in the same process.

Everything of a pull takes place but the wire: planning, packing and storing raw pages, the flood brake, booking and
proving. The bank makes its pages as they are asked for, so that its own memory does not count.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from bankfeeds import operations
from bankfeeds.jpmorgan.client import Client, Page
from bankfeeds.models import Account, Line
from bankfeeds.pipeline import claim, run
from benchmarks import booking

TODAY = date(2026, 6, 8)
NOW = datetime(2026, 6, 8, 12, tzinfo=UTC)
NUMBER = "000000700100200"
FEW, PER_DAY = 100_000, 2_000


class Bank:
    """Answers with ``per_day`` lines on every day; odd lines take 0.25, even ones bring 1.25."""

    def __init__(self, per_day: int) -> None:
        self.per_day = per_day

    def transactions(
        self,
        *,
        account: str,
        start: date,
        end: date,
        current_day: bool = False,
        keep: Callable[[Page], Page] = lambda page: page,
    ) -> list[Page]:
        """Return the pages of the window."""
        total = 0 if current_day else ((end - start).days + 1) * self.per_day
        pages = max(1, -(-total // booking.PAGE_SIZE))
        return [keep(self._page(account, start, end, number, pages, total)) for number in range(1, pages + 1)]

    def balances(self, *, account: str, start: date, end: date) -> Page:
        """Return the balances that prove the days."""
        days = []
        for place in range((end - start).days + 1):
            day = start + timedelta(days=place)
            opening = 10**9 + (day - date(2020, 1, 1)).days * self.per_day // 2
            days.append(
                {
                    "asOfDate": day.isoformat(), "currentDay": False,
                    "openingLedgerAmount": opening, "endingLedgerAmount": opening + self.per_day // 2,
                }
            )  # fmt: skip
        answer = {"accountList": [{"accountId": account, "currency": {"code": "USD"}, "balanceList": days}]}
        asked = {
            "startDate": start.isoformat(), "endDate": end.isoformat(), "accountList": [{"accountId": account}],
        }  # fmt: skip
        return self._told("balances", asked, answer, 1, 1, 1)

    def _page(self, account: str, start: date, end: date, number: int, pages: int, total: int) -> Page:
        first = (number - 1) * booking.PAGE_SIZE
        lines = range(first, min(first + booking.PAGE_SIZE, total))
        said = {"pageSize": 1000, "totalPages": pages, "pageNumber": number, "totalRecords": total}
        answer = {"pagination": said, "data": [self._line(start, place) for place in lines]}
        asked = {
            "accountIds": account, "startDate": start.isoformat(), "endDate": end.isoformat(), "pageNumber": number,
        }  # fmt: skip
        return self._told("transactions", asked, answer, number, pages, total)

    def _line(self, start: date, place: int) -> dict[str, Any]:
        day = start + timedelta(days=place // self.per_day)
        number = (day - date(2020, 1, 1)).days * self.per_day + place % self.per_day
        told = booking.record(number) | {"asOfDate": day.isoformat(), "valueDate": day.isoformat()}
        return told | {"amount": 1.25 if number % 2 == 0 else 0.25}

    def _told(self, kind: Any, asked: Any, answer: Any, number: int, pages: int, total: int) -> Page:
        return Page(
            kind=kind, request=asked, body=json.dumps(answer).encode(), received_at=NOW, number=number,
            total_pages=pages, total_records=total,
        )  # fmt: skip


def run_all(*, lines: int, per_day: int) -> Iterator[dict[str, Any]]:
    """Yield the peak memory at 100,000 and at ``lines`` lines, and the rate of the last tenth of each."""
    account = booking.account("size")
    peak = _Peak()
    peak.start()
    start = peak.most()
    found = []
    for wanted in (min(FEW, lines), lines):
        rate = _pull(account, Bank(per_day), wanted)
        found.append((wanted, rate, peak.most()))
    (few, slow, before), (many, fast, after) = found
    assert Line.objects.count() == many // per_day * per_day
    yield {
        "what": "memory of the process before the first line",
        "rate": start,
        "unit": "MiB",
        "ratio": start / before,
    }
    for wanted, most in ((few, before), (many, after)):
        what = f"peak memory of the process at {wanted:,} lines"
        yield {"what": what, "rate": most, "unit": "MiB", "ratio": most / before}
    for wanted, rate in ((few, slow), (many, fast)):
        yield {"what": f"whole pull, rate at {wanted:,} booked lines", "rate": rate, "ratio": rate / slow}


class _Peak(threading.Thread):
    """Looks twenty times a second at what the process holds for itself, without mapped files: SQLite maps its own."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._most = 0.0

    def run(self) -> None:
        while True:
            self.most()
            time.sleep(0.05)

    def most(self) -> float:
        """Return the most so far, in MiB."""
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                self._most = max(self._most, int(line.split()[1]) / 1024)
        return self._most


def _pull(account: Account, bank: Bank, lines: int) -> float:
    """Read as many days back as hold ``lines``; return the lines a second of its last five windows."""
    start = date(2021, 1, 1)
    end = start + timedelta(days=lines // bank.per_day - 1)
    pull = operations.start_pull(
        account=account, today=TODAY, actor=booking.ACTOR, now=NOW, start=start, end=end
    )
    claim.claim(pull_id=pull.pk, owner="bench", today=TODAY, actor=booking.ACTOR, now=NOW)
    errand = run._Errand(pull, account, "bench", booking.ACTOR, lambda: NOW)
    booked: list[tuple[float, int]] = []
    original = run.book_window

    def timed(**given: Any) -> Any:
        began = time.perf_counter()
        found = original(**given)
        if found.new:
            booked.append((time.perf_counter() - began, found.new))
        return found

    run.book_window = cast(Any, timed)
    try:
        run._carry_out(errand, cast(Client, bank))
    finally:
        run.book_window = original
    claim.finish(pull, owner="bench", actor=booking.ACTOR, now=NOW)
    last = booked[-5:]
    return sum(new for _, new in last) / sum(seconds for seconds, _ in last)
