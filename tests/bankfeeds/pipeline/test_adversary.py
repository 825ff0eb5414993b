"""What an adversary tries: a bank a day behind, ids used again, empty answers, and locks taken crosswise."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit.workflow import OperationRefused
from bankfeeds import operations
from bankfeeds.jpmorgan import wire
from bankfeeds.jpmorgan.errors import BankError, Decision
from bankfeeds.models import Day, Finding, Line, LineId, Pull, RawPage
from bankfeeds.models.finding import FindingKind
from bankfeeds.pipeline import book, claim, findings, plan, run
from bankfeeds.pipeline.book import book_window
from bankfeeds.pipeline.normalise import Lines
from bankfeeds.pipeline.plan import Window
from bankfeeds.pipeline.reading import Reading
from bankfeeds.records import PostedLine
from tests.bankfeeds.feeds import ACTOR, TODAY, Feed, feed
from tests.bankfeeds.pipeline.looking import assert_right, kinds

pytestmark = pytest.mark.django_db(transaction=True)
on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer at a time and no row locks"
)


@pytest.fixture
def harbor() -> Iterator[Feed]:
    with feed() as found:
        yield found


def answered(harbor: Feed, window: Window, lines: list[PostedLine]) -> None:
    """Book an answer for the window as a worker would, without balances."""
    pull = harbor.start(start=window.start, end=window.end)
    claim.claim(pull_id=pull.pk, owner="w", today=TODAY, actor=ACTOR, now=timezone.now())
    taken = Lines(lines=lines, rejections=[], repeated=0, read=len(lines), contradictions=())
    reading = Reading(window=window, lines=taken, balances=None, read_at=timezone.now())
    book_window(pull_id=pull.pk, owner="w", reading=reading, actor=ACTOR, now=timezone.now())
    claim.finish(Pull.objects.get(pk=pull.pk), owner="w", actor=ACTOR, now=timezone.now())


def posted(harbor: Feed, ident: str, day: Any, amount: str = "10.00") -> PostedLine:
    return PostedLine(
        transaction_id=ident,
        account_id=harbor.account.given_number,
        as_of_date=day,
        direction="CREDIT",
        amount=Decimal(amount),
        currency="USD",
        bai_code="195",
        bank_reference="",
        customer_reference="",
        description="PAYMENT",
        check_number="",
        value_date=None,
        reversal=False,
        narrative=(),
    )


def test_the_bank_is_a_day_behind_and_its_intraday_lines_are_not_booked(harbor: Feed) -> None:
    tomorrow = TODAY + timedelta(days=1)
    assert harbor.pull(today=tomorrow).state == "booked"
    assert not Line.objects.filter(as_of_date=TODAY).exists()
    assert not Day.objects.filter(as_of_date=TODAY, state__in=["final", "proven", "broken"]).exists()
    assert_right(harbor)
    harbor.bank.advance_to(tomorrow)
    assert harbor.pull(today=tomorrow).state == "booked"
    assert Day.objects.get(as_of_date=TODAY).state == "proven"
    assert_right(harbor)


def test_an_old_id_of_a_line_used_again_on_another_day_does_not_take_the_line_away(harbor: Feed) -> None:
    first, later = TODAY - timedelta(days=9), TODAY - timedelta(days=2)
    one, other = Window(start=first, end=first), Window(start=later, end=later)
    answered(harbor, one, [posted(harbor, "A", first)])
    line = Line.objects.get()
    LineId.objects.filter(line=line).update(current=False)
    LineId.objects.create(
        account=harbor.account, transaction_id="B", line=line, current=True, first_pull=line.first_pull
    )
    Line.objects.update(transaction_id="B")
    answered(harbor, other, [posted(harbor, "A", later, "77.00")])
    found = Line.objects.order_by("as_of_date").values_list("as_of_date", "transaction_id", "amount")
    assert list(found) == [(first, "B", Decimal("10.00")), (later, "A", Decimal("77.00"))]
    answered(harbor, one, [posted(harbor, "B", first)])
    assert (Line.objects.filter(state="booked").count(), kinds()) == (2, [])


def test_days_read_while_the_balances_were_refused_are_asked_for_again_however_old(harbor: Feed) -> None:
    harbor.bank.faults.add("empty_day", times=None, path="transactions")
    harbor.bank.faults.add("per_account_error", times=None, path="balances")
    assert harbor.pull().state == "booked"
    harbor.bank.faults.clear()
    assert harbor.pull().state == "booked"
    assert_right(harbor)


def test_an_empty_answer_without_pagination_is_an_empty_answer() -> None:
    for body in (b'{"data": []}', b'{"pagination": null, "data": []}'):
        page = wire.transactions_page(body)
        assert (page.pagination.total_pages, page.pagination.total_records, list(page.data)) == (0, 0, [])
    for body in (
        b"{}",
        b'{"data": null}',
        b'{"data": [{"transactionId": "A"}]}',
        b'{"errors": [], "data": 1}',
    ):
        with pytest.raises(wire.WireError):
            wire.transactions_page(body)


def test_a_line_replaced_by_one_of_the_same_amount_is_replaced(harbor: Feed) -> None:
    harbor.pull()
    row = harbor.bank_lines()[-1]
    harbor.bank.amend_line(harbor.account.given_number, row[0], customer_reference="CORRECTED")
    harbor.bank.renumber_day(harbor.account.given_number, row[1])
    harbor.pull()
    assert_right(harbor)


@pytest.mark.parametrize("errors", [b'{"errorCode": "GCA-024"}', b'[{"errorCode": "GCA-024"}]'])
def test_an_accounts_errors_may_be_a_list_or_a_single_one(errors: bytes) -> None:
    answer = wire.account_balances(b'{"accountId": "700100200", "errors": ' + errors + b"}")
    assert answer.faults == [("GCA-024", "")]


def test_the_quiet_days_before_a_broken_day_are_asked_for_with_it() -> None:
    monday = TODAY - timedelta(days=16)
    friday, saturday, sunday = (monday - timedelta(days=back) for back in (3, 2, 1))
    coverage = {
        friday: plan.Coverage(state="proven"),
        saturday: plan.Coverage(state="final", quiet=True),
        sunday: plan.Coverage(state="final", quiet=True),
        monday: plan.Coverage(state="broken"),
    }
    assert plan.doubtful(coverage, plan.Wish(today=TODAY)) == {saturday, sunday, monday}
    assert plan.doubtful(coverage, plan.Wish(today=TODAY, start=sunday)) == {sunday, monday}
    assert plan.doubtful(coverage, plan.Wish(today=TODAY, end=sunday)) == {saturday, sunday}


def test_a_command_with_other_limits_does_not_take_another_workers_pull_for_its_own(
    harbor: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    harbor.pull()
    day = TODAY - timedelta(days=2)
    other = harbor.start()
    claim.claim(pull_id=other.pk, owner="w", today=TODAY, actor=ACTOR, now=timezone.now())
    other.refresh_from_db()
    monkeypatch.setattr(
        time, "sleep", lambda _: claim.finish(other, owner="w", actor=ACTOR, now=timezone.now())
    )
    said = harbor.command("pull_feeds", "--today", str(TODAY), "--start", str(day), "--end", str(day))
    monkeypatch.undo()
    assert (said.code, Pull.objects.filter(window_start=day, state="booked").count()) == (0, 1)


def test_an_unexpected_error_is_no_exit_code_of_success(
    harbor: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(**_: Any) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(run, "book_window", surprise)
    said = harbor.command("pull_feeds", "--today", str(TODAY))
    assert (said.code, said.out) == (3, "")
    assert Pull.objects.get().state == "failed"


def test_the_lease_is_renewed_at_every_page(monkeypatch: pytest.MonkeyPatch) -> None:
    with feed("small-pages") as harbor:
        renewed: list[Any] = []

        def counted(**kwargs: Any) -> None:
            renewed.append(kwargs)
            book.renew_lease(**kwargs)

        monkeypatch.setattr(run, "renew_lease", counted)
        pull = harbor.pull()
        assert len(renewed) >= RawPage.objects.filter(pull=pull).count() > pull.windows * 2


# --- locks ---


def crosswise(worker: Any, other: Any, halfway: threading.Event, resume: threading.Event) -> list[Any]:
    """Run ``worker`` until it sets ``halfway``, then ``other`` beside it; return what they raised."""
    raised: list[Any] = []

    def run(call: Any) -> None:
        try:
            call()
        except OperationRefused:
            pass
        except BaseException as problem:
            raised.append(problem)
        finally:
            connection.close()

    first, second = threading.Thread(target=run, args=(worker,)), threading.Thread(target=run, args=(other,))
    first.start()
    assert halfway.wait(10)
    second.start()
    second.join(0.7)  # time to take its first lock and wait for the next
    resume.set()
    first.join(20)
    second.join(20)
    return raised


def paused(
    module: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[threading.Event, threading.Event]:
    halfway, resume = threading.Event(), threading.Event()
    original = getattr(module, name)

    def stop(*args: Any, **kwargs: Any) -> Any:
        if not halfway.is_set():
            halfway.set()
            resume.wait(10)
        return original(*args, **kwargs)

    monkeypatch.setattr(module, name, stop)
    return halfway, resume


@on_postgresql
def test_a_refusal_and_a_request_for_the_same_account_do_not_block_each_other(
    harbor: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull = harbor.start()
    pull = claim.claim(pull_id=pull.pk, owner="w", today=TODAY, actor=ACTOR, now=timezone.now())
    error = BankError(Decision.ASK, "The bank does not let us.", retry_after=timedelta(hours=1))
    events = paused(claim, "open_findings", monkeypatch)
    raised = crosswise(
        lambda: claim.refused(pull, error, owner="w", actor=ACTOR, now=timezone.now()),
        lambda: harbor.start(),
        *events,
    )
    assert raised == []


@on_postgresql
def test_a_pull_that_ends_and_a_person_who_closes_its_finding_do_not_block_each_other(
    harbor: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull = harbor.start()
    pull = claim.claim(pull_id=pull.pk, owner="w", today=TODAY, actor=ACTOR, now=timezone.now())
    cause = findings.Cause(kind=FindingKind.BANK_REFUSED, sentence="Refused.")
    with transaction.atomic():
        findings.open_findings(
            [cause], connection=harbor.connection, account=harbor.account, pull=pull, now=timezone.now()
        )
    pk = Finding.objects.get().pk
    events = paused(claim, "close_findings", monkeypatch)
    raised = crosswise(
        lambda: claim.finish(pull, owner="w", actor=ACTOR, now=timezone.now()),
        lambda: operations.resolve_finding(pk=pk, actor=ACTOR, now=timezone.now(), reason="Settled."),
        *events,
    )
    assert raised == []
