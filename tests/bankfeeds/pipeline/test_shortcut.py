"""The same bytes are not read twice, unless anything at all has changed since: then they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from audit.recording import Actor
from bankfeeds import operations
from bankfeeds.jpmorgan.client import Page
from bankfeeds.models import Account, Connection, Day, Finding, Line, LineId, LineRevision, Pull, WindowDigest
from bankfeeds.pipeline import claim, shortcut, walk
from bankfeeds.pipeline.book import book_window
from bankfeeds.pipeline.normalise import BalanceAnswer
from bankfeeds.pipeline.plan import Window
from bankfeeds.pipeline.reading import Unread, finished
from bankfeeds.records import DayBalance
from tests.bankfeeds.jpmorgan.bodies import ACCOUNT, page_body, record

pytestmark = pytest.mark.django_db

ACTOR = Actor.command("test")
NOW = datetime(2026, 1, 12, 12, tzinfo=UTC)
WINDOW = Window(start=date(2026, 1, 5), end=date(2026, 1, 9))
MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
OTHER = "2026-01-06"
PAGES = [
    page_body([record(1), record(2)], number=1, pages=2, total=3),
    page_body([record(3, asOfDate=OTHER)], number=2, pages=2, total=3),
]


class Bench:
    """One account, whose windows are answered and booked; ``read`` counts how often pages were looked into."""

    def __init__(self) -> None:
        row = Connection.objects.create(
            label="bench", environment="test", auth="mtls", api_host="https://bank.invalid", client_id="TEST",
            trust_roots="-", created_at=NOW,
        )  # fmt: skip
        Connection.objects.filter(pk=row.pk).update(state="testing")
        self.account = Account.objects.create(
            connection_id=row.pk, number=ACCOUNT.lstrip("0"), given_number=ACCOUNT, currency="USD"
        )
        self.read = 0
        self.now = NOW

    def answer(self, bodies: Sequence[bytes], window: Window = WINDOW, **changes: Any) -> Unread:
        """Return the bank's answer of now for the window."""
        self.now += timedelta(minutes=1)
        asked = {
            "accountIds": ACCOUNT, "startDate": window.start.isoformat(), "endDate": window.end.isoformat(),
        }  # fmt: skip
        pages = [
            Page(
                kind="transactions", request={**asked, "pageNumber": number}, body=body, received_at=self.now,
                number=number, total_pages=len(bodies), total_records=body_records(bodies),
            )
            for number, body in enumerate(bodies, 1)
        ]  # fmt: skip
        found = walk.held(pages)

        def counted() -> Iterator[Page]:
            self.read += 1
            return found.pages()

        return replace(
            Unread(window=window, walk=replace(found, pages=counted), balances=balances()), **changes
        )

    def book(self, answer: Unread) -> Pull:
        """Book the answer in a pull of its own."""
        pull = operations.start_pull(account=self.account, today=NOW.date(), actor=ACTOR, now=self.now)
        claim.claim(pull_id=pull.pk, owner="w", today=NOW.date(), actor=ACTOR, now=self.now)
        book_window(pull_id=pull.pk, owner="w", reading=answer, actor=ACTOR, now=self.now)
        return claim.finish(pull, owner="w", actor=ACTOR, now=self.now)

    def again(self, bodies: Sequence[bytes] = PAGES, **changes: Any) -> tuple[Pull, int]:
        """Book the answer; return the pull and how often its pages were looked into."""
        answer = self.answer(bodies, **changes)
        self.read = 0
        return self.book(answer), self.read


def body_records(bodies: Sequence[bytes]) -> int:
    return sum(body.count(b'"transactionId"') for body in bodies)


def balances(second: str = "12500.00") -> BalanceAnswer:
    """Return balances that prove both days of PAGES."""
    steps = [Decimal("1000.00"), Decimal("26000.00"), Decimal("26000.00") + Decimal(second)]
    days = [
        DayBalance(
            account_id=ACCOUNT, as_of_date=day, opening_ledger=steps[place], closing_ledger=steps[place + 1],
            currency="USD", current_day=False, recorded_at=None,
        )
        for place, day in enumerate((MONDAY, TUESDAY))
    ]  # fmt: skip
    return BalanceAnswer(days=days, no_activity=False, error=None, rejections=[])


@pytest.fixture
def bench() -> Bench:
    found = Bench()
    assert found.book(found.answer(PAGES)).new == 3
    assert dict(Day.objects.filter(stated=True).values_list("as_of_date", "state")) == {
        MONDAY: "proven",
        TUESDAY: "proven",
    }
    return found


def rows() -> list[Any]:
    return [
        list(model.objects.order_by("pk").values())
        for model in (Line, LineId, LineRevision, Day, Finding, WindowDigest)
    ]


def test_the_same_pages_are_not_read_again_and_nothing_is_written(bench: Bench) -> None:
    before = rows()

    pull, read = bench.again()

    assert (pull.read, pull.same, pull.windows, read) == (3, 3, 1, 0)
    assert rows() == before


def test_their_balances_are_judged_all_the_same(bench: Bench) -> None:
    _pull, read = bench.again(balances=balances("99.00"))

    assert read == 0
    assert Day.objects.get(as_of_date=TUESDAY).state == "broken"
    assert Finding.objects.get().kind == "broken_day"


def test_repeated_records_are_counted_as_in_the_first_reading() -> None:
    bench = Bench()
    pages = [page_body([record(1), record(2), record(3, asOfDate=OTHER), record(2)])]
    bench.book(bench.answer(pages))

    pull, read = bench.again(pages)

    assert (pull.read, pull.same, pull.repeated, read) == (4, 3, 1, 0)


def amended_elsewhere(bench: Bench) -> None:
    corrected = record(3, asOfDate=OTHER, shortDescription="CORRECTED", narrativeText=None)
    bench.book(bench.answer([page_body([corrected])], Window(start=TUESDAY, end=TUESDAY)))


def undone(_bench: Bench) -> None:
    LineId.objects.all().delete()
    Line.objects.all().delete()
    Day.objects.all().delete()


def renumbered(_bench: Bench) -> None:
    Line.objects.filter(as_of_date=TUESDAY).update(transaction_id="RENAMED")


def finding(bench: Bench) -> None:
    Finding.objects.create(
        connection=bench.account.connection, account=bench.account, kind="incomplete_answer", as_of_date=MONDAY,
        key=f"incomplete_answer/{bench.account.pk}/{MONDAY}/", sentence="-", opened_at=NOW,
    )  # fmt: skip


def lines(**changes: Any) -> Callable[[Bench], object]:
    return lambda _bench: Line.objects.filter(as_of_date=TUESDAY).update(**changes)


def days(**changes: Any) -> Callable[[Bench], object]:
    return lambda _bench: Day.objects.filter(as_of_date=TUESDAY).update(**changes)


SINCE: dict[str, Callable[[Bench], object]] = {
    "amended by another pull": amended_elsewhere,
    "withdrawn": lines(state="withdrawn"),
    "undone": undone,
    "another id in use": renumbered,
    "another content": lines(digest="0" * 64),
    "another amount by hand": lines(amount=Decimal("1.00")),
    "another direction by hand": lines(direction="DEBIT"),
    "moved to another day": lines(as_of_date=date(2026, 1, 7)),
    "a day counted otherwise": days(lines=7),
    "a day gone": lambda _bench: Day.objects.filter(as_of_date=TUESDAY).delete(),
    "a day in another currency": days(foreign=True),
    "a finding of these days": finding,
    "another currency of the account": lambda _bench: Account.objects.update(currency="EUR"),
    "read by other rules": lambda _bench: WindowDigest.objects.update(recipe=0),
    "never read whole": lambda _bench: WindowDigest.objects.all().delete(),
}


@pytest.mark.parametrize("change", SINCE.values(), ids=SINCE)
def test_they_are_read_again_when_anything_changed_since(
    change: Callable[[Bench], object], bench: Bench
) -> None:
    change(bench)

    pull, read = bench.again()

    assert read > 0
    assert pull.read == 3


def test_what_was_undone_comes_back_with_the_same_pages(bench: Bench) -> None:
    before = list(Line.objects.order_by("transaction_id").values_list("transaction_id", "digest", "state"))
    undone(bench)

    pull, _read = bench.again()

    assert pull.new == 3
    assert (
        list(Line.objects.order_by("transaction_id").values_list("transaction_id", "digest", "state"))
        == before
    )


OTHERWISE: dict[str, list[bytes]] = {
    "in another order": [PAGES[1], PAGES[0]],
    "one byte more": [PAGES[0] + b" ", PAGES[1]],
    "on other pages": [page_body([record(1), record(2), record(3, asOfDate=OTHER)])],
}


@pytest.mark.parametrize("bodies", OTHERWISE.values(), ids=OTHERWISE)
def test_pages_with_other_bytes_are_read_and_found_the_same(bodies: list[bytes], bench: Bench) -> None:
    pull, read = bench.again(bodies)

    assert read > 0
    assert (pull.same, pull.read) == (3, 3)


UNCLEAN: dict[str, list[dict[str, Any]]] = {
    "a rejected record": [record(1), record(2), record(3, asOfDate=OTHER), record(4, amount=None)],
    "a contradicting code": [record(1), record(2), record(3, asOfDate=OTHER, baiType={"typeCode": "495"})],
    "an answer in doubt": [record(1)],
}


@pytest.mark.parametrize("records", UNCLEAN.values(), ids=UNCLEAN)
def test_what_was_not_clean_is_read_again_every_time(records: list[dict[str, Any]], bench: Bench) -> None:
    bodies = [page_body(records)]
    bench.again(bodies)

    _pull, read = bench.again(bodies)

    assert read > 0
    assert not WindowDigest.objects.exists()


def test_an_older_answer_is_held_whatever_its_bytes(bench: Bench) -> None:
    late = bench.answer(PAGES)
    Day.objects.update(read_at=bench.now + timedelta(hours=1))

    pull = bench.book(late)

    assert (pull.read, pull.held, pull.same) == (3, 3, 0)


def test_an_answer_that_reaches_into_an_unfinished_day_is_read(bench: Bench) -> None:
    trimmed = finished(bench.answer(PAGES), TUESDAY)
    assert trimmed is not None
    WindowDigest.objects.update(end=trimmed.window.end)

    assert shortcut.known(bench.account, trimmed) is None
    assert (bench.book(trimmed).same, WindowDigest.objects.count()) == (2, 0)


def test_todays_provisional_set_is_never_taken_for_read(bench: Bench) -> None:
    today = Window(start=NOW.date(), end=NOW.date(), current_day=True)
    bodies = [page_body([record(9, asOfDate="2026-01-12")])]
    bench.book(bench.answer(bodies, today))

    assert not WindowDigest.objects.filter(start=NOW.date()).exists()


def test_windows_cut_otherwise_are_forgotten(bench: Bench) -> None:
    bench.book(bench.answer([PAGES[1]], Window(start=TUESDAY, end=TUESDAY)))

    assert list(WindowDigest.objects.values_list("start", "end")) == [(TUESDAY, TUESDAY)]
