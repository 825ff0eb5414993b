"""Bad bytes from the bank's address: refused with a sentence, nothing booked of them, and the feed goes on.

What single pages and records look like to the reader is tested with ``jpmorgan.wire``; here a whole pull meets them.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bankfeeds import reports
from bankfeeds.jpmorgan.transport import Reply, TooLarge, Unreachable
from bankfeeds.models import Day, Line, Pull, RawPage, RejectedLine
from tests.bankfeeds.paper_bank import FIRST, ONE, TODAY, Customer, PaperBank, connect, open_for
from tests.bankfeeds.pipeline.looking import counts, kinds, ledger

pytestmark = pytest.mark.django_db

YESTERDAY = TODAY - ONE
UNREADABLE = "The bank's answer could not be read; nothing was taken from it."
MOVING = "The bank's pages kept moving while they were read; nothing was taken from them."
MANY = "The bank announces more than 500 pages for one account: ask a developer."
LARGE = "The bank's answer is larger than any that is expected."
CUT = "The bank could not be reached, or the connection was cut."
Spoiled = Callable[[bytes], Reply | bytes]


@pytest.fixture
def customer(monkeypatch: pytest.MonkeyPatch) -> Customer:
    """Return a customer with two booked lines, whose bank has posted a third one since."""
    bank = PaperBank()
    open_for(monkeypatch, bank)
    for ident, day in (("A", FIRST), ("B", YESTERDAY)):
        bank.post(ident, day)
    found = connect(bank)
    found.pull()
    bank.post("C", YESTERDAY, Decimal("30.00"), narrativeText={"REMARK": "CAFÉ"})
    return found


def assert_right(customer: Customer) -> None:
    assert customer.lines() == customer.banks()
    assert not Day.objects.exclude(state="proven").exclude(as_of_date=TODAY).exists()
    assert kinds() == []


def raised(error: Exception) -> Spoiled:
    def spoiled(_: bytes) -> bytes:
        raise error

    return spoiled


def said(old: bytes, new: bytes) -> Spoiled:
    """Change the first place that matches ``old``; it has to be there."""

    def spoiled(body: bytes) -> bytes:
        assert re.search(old, body)
        return re.sub(old, lambda _: new, body, count=1)

    return spoiled


def paging(**changes: str) -> Spoiled:
    """Put other values, as they are written, into what the page says of the whole."""

    def spoiled(body: bytes) -> bytes:
        for name, value in changes.items():
            body = said(rb'"%s":[0-9]+' % name.encode(), b'"%s":%s' % (name.encode(), value.encode()))(body)
        return body

    return spoiled


PAGE = b"<!DOCTYPE html><html><title>Maintenance</title><p>We are back soon.</html>"
ANYWHERE: dict[str, Spoiled] = {
    "nothing": lambda _: b"",
    "a maintenance page with status 200": lambda _: Reply(status=200, headers={"content-type": "text/html"}, body=PAGE),
    "half": lambda body: body[: len(body) // 2],
    "twice": lambda body: body + body,
    "UTF-16": lambda body: body.decode().encode("utf-16"),
    "UTF-32": lambda body: body.decode().encode("utf-32"),
    "UTF-8 with a mark": lambda body: b"\xef\xbb\xbf" + body,
    "a zero byte at the end": lambda body: body + b"\0",
    "a zero byte in a text": said(rb"USD", b"U\0SD"),
    "bytes that are no UTF-8": said(rb"USD", b"U\xc3\x28"),
    "half a pair of surrogates as bytes": said(rb"USD", b"\xed\xa0\x80"),
    "100,000 brackets": lambda _: b"[" * 100_000,
    "100,000 brackets, closed": lambda body: body[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "100,000 objects": lambda body: body[:-1] + b',"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    "NaN": lambda body: body[:-1] + b',"x":NaN}',
    "Infinity": lambda body: body[:-1] + b',"x":-Infinity}',
    "a number beyond all bounds": lambda body: body[:-1] + b',"x":1e999}',
    "a number of 10,000 digits": lambda body: body[:-1] + b',"x":' + b"9" * 10_000 + b"}",
    "random bytes": lambda _: random.Random(7).randbytes(20_000),
}  # fmt: skip
ON_A_PAGE: dict[str, tuple[Spoiled, str]] = {
    "latin-1": (lambda body: body.decode().encode("latin-1"), UNREADABLE),
    "its data twice": (lambda body: body[:-1] + b',"data":[]}', UNREADABLE),
    "its data twice, once escaped": (lambda body: body[:-1] + b',"d\\u0061ta":[]}', UNREADABLE),
    "no data": (lambda _: b'{"pagination":{"totalPages":1,"pageNumber":1,"totalRecords":2}}', MOVING),
    "fewer than nothing": (paging(totalRecords="-3"), UNREADABLE),
    "fewer pages than none": (paging(totalPages="-1"), UNREADABLE),
    "half a page": (paging(totalPages="1.5"), UNREADABLE),
    "more records than there are numbers": (paging(totalRecords="1e999"), UNREADABLE),
    "another page": (paging(pageNumber="2"), UNREADABLE),
    "a total that is too high": (paging(totalRecords="900"), MOVING),
    "a total that is too low": (paging(totalRecords="1"), MOVING),
    "a total of zero and no pages": (paging(totalRecords="0", totalPages="0"), MOVING),
    "pages without end": (paging(totalPages="9" * 30, totalRecords="9" * 30), MANY),
    "more than we read": (raised(TooLarge("The answer exceeds 33554432 bytes.")), LARGE),
    "a chunk that never came": (raised(Unreachable("IncompleteRead")), CUT),
}


# On pages all of them; where balances and the current day are read, enough to see that the same care is taken there.
PLACES = [
    (path, name)
    for path, step in (("transactions", 1), ("balances", 3), ("current", 6))
    for name in [*ANYWHERE][::step]
]


@pytest.mark.parametrize(("path", "name"), PLACES)
def test_an_answer_that_cannot_be_read_stops_the_pull_and_not_the_feed(
    path: str, name: str, customer: Customer
) -> None:
    spoiled = ANYWHERE[name]
    customer.bank.intraday = [customer.bank.row("NOW", TODAY)]
    assert_refused(customer, path, spoiled, UNREADABLE, times=1)


@pytest.mark.parametrize(("spoiled", "sentence"), ON_A_PAGE.values(), ids=ON_A_PAGE)
def test_a_page_that_is_not_what_it_says_stops_the_pull_and_not_the_feed(
    spoiled: Spoiled, sentence: str, customer: Customer
) -> None:
    assert_refused(
        customer, "transactions", spoiled, sentence, times=4
    )  # a walk is begun anew, and a call repeated


def assert_refused(customer: Customer, path: str, spoiled: Spoiled, sentence: str, *, times: int) -> None:
    before = ledger()
    for _ in range(times):
        customer.bank.spoil(path, spoiled)

    pull = customer.pull(start=YESTERDAY)

    assert (pull.state, pull.reason.startswith(sentence), pull.reason.endswith(".")) == ("failed", True, True)
    if path != "current":  # asked for last, when the days before it are booked
        assert ledger() == before
    assert not Line.objects.filter(as_of_date=TODAY).exists()
    customer.bank.mend()
    assert customer.pull().state == "booked"
    assert_right(customer)


def test_json_is_read_whatever_it_is_called(customer: Customer) -> None:
    customer.bank.spoil(
        "transactions", lambda body: Reply(status=200, headers={"content-type": "text/html"}, body=body)
    )
    assert counts(customer.pull()) == {"new": 1}
    assert_right(customer)


RECORDS: dict[str, tuple[bytes, bytes]] = {
    "10,000 digits": (rb'"amount":30.00', b'"amount":' + b"3" * 10_000),
    "10,000 places": (rb'"amount":30.00', b'"amount":30.' + b"0" * 9_999 + b"1"),
    "beyond all bounds": (rb'"amount":30.00', b'"amount":1e999'),
    "an exponent of twenty digits": (rb'"amount":30.00', b'"amount":1e-' + b"9" * 20),
    "a negative amount": (rb'"amount":30.00', b'"amount":-30.00'),
    "a text for an amount": (rb'"amount":30.00', b'"amount":"30.00"'),
    "two amounts": (rb'"amount":30.00', b'"amount":30.00,"amount":30.00'),
    "two amounts, one escaped": (rb'"amount":30.00', b'"amount":30.00,"am\\u006funt":31.00'),
    "a zero character": ("CAFÉ".encode(), b"CAF\\u0000"),
    "an id without end": (rb'"transactionId":"C"', b'"transactionId":"' + b"C" * 5_000 + b'"'),
    "a day that is none": (rb'"valueDate":"[0-9-]+"', b'"valueDate":"2026-02-30"'),
    "a currency that is none": (rb'"currency":\{"code":"USD"\},"amount"', b'"currency":{"code":"XXX"},"amount"'),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new"), RECORDS.values(), ids=RECORDS)
def test_a_bad_record_is_kept_whole_with_its_reason_and_holds_nothing_but_its_day(
    old: bytes, new: bytes, customer: Customer
) -> None:
    def spoiled(body: bytes) -> bytes:
        head, mark, record = body.rpartition(b',{"account"')  # the last record of the page is C
        return head + mark + said(old, new)(record)

    for _ in range(3):  # as often as the pull asks
        customer.bank.spoil("transactions", spoiled)

    assert counts(customer.pull(start=YESTERDAY)) == {"rejected": 1}

    kept = RejectedLine.objects.get()
    assert new.decode() in kept.raw
    assert (kept.reason.endswith("."), len(kept.reason) < 200) == (True, True)
    assert [ident for ident, _, _ in customer.lines()] == ["A", "B"]
    assert Day.objects.get(as_of_date=YESTERDAY).state == "broken"
    customer.bank.mend()
    assert counts(customer.pull()) == {"new": 1}
    assert_right(customer)


TEXTS = {
    "zero width": "PAY\u200bMENT\u2060 \ufeffX",
    "right to left": "INV \u202e70402\u202c \u05e9\u05dc\u05d5\u05dd",
    "combining": "Z\u0065\u0301\u0327 É",
    "beyond the first plane": "\U0001f4b8 \U00020000",
    "controls": "A\x01\x1bB\x7f\u0085C",
    "a formula": '=HYPERLINK("x")',
    "long": "ÄB" * 200_000,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_strange_text_is_kept_as_it_is(text: str, customer: Customer) -> None:
    customer.bank.posted[-1][2]["narrativeText"] = {"REMARK": text}

    assert counts(customer.pull()) == {"new": 1}

    line = Line.objects.get(transaction_id="C")
    assert (line.description, line.narrative) == (text, [["REMARK", text]])
    rows = json.loads("".join(reports.transactions_json(connection=customer.connection)))
    assert [row["description"] for row in rows if row["transaction_id"] == "C"] == [text]
    assert_right(customer)


def test_every_page_of_a_walk_that_was_broken_off_is_thrown_away(customer: Customer) -> None:
    customer.bank.page_size = 1
    customer.bank.spoil("transactions", lambda body: body)
    customer.bank.spoil("transactions", lambda body: body[:-1])
    before, pages = ledger(), RawPage.objects.filter(kind="transactions").count()

    assert customer.pull(start=YESTERDAY).state == "failed"

    assert ledger() == before
    assert (
        RawPage.objects.filter(kind="transactions").count() == pages
    )  # a replay would take them for an answer
    assert customer.pull().state == "booked"
    assert_right(customer)


NOISE = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"[", b"]", b"{", b"}", b'"', b",", b":", b"\\", b"\\u0000", b"null", b"-", b"1e9", b"0", b"\xff"]
    ),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(["transactions", "current", "balances"]), data=st.data())
def test_whatever_happens_to_the_bytes_the_next_whole_answer_makes_the_ledger_right(
    path: str, data: Any, customer: Customer
) -> None:
    def torn(body: bytes) -> bytes:
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(len(body), start + 40)))
        return body[:start] + data.draw(NOISE) + body[end:]

    customer.bank.spoil(path, torn)
    pull = customer.pull(start=YESTERDAY)
    assert pull.state in {"booked", "failed", "held"}
    assert pull.reason == "" or pull.reason.endswith(".")

    customer.bank.mend()
    Pull.objects.filter(state="held").update(state="failed")
    assert customer.pull().state == "booked"
    assert customer.lines() == customer.banks()
