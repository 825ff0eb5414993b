"""The ledger is rebuilt from raw pages.

Every answer of the bank is kept as it came. After a bad week at the bank, a ledger that is made anew from these answers
alone exports to the same bytes as ours, and an answer that somebody has altered is named instead.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.utils import timezone

from audit.models import AuditEntry
from audit.recording import Actor
from bankfeeds import operations, schedule
from bankfeeds.models import Account, BalanceObservation, Connection, Day, Line, Pull, RawPage
from bankfeeds.replay import FeedMoved, replay
from tests.bankfeeds.feeds import Outcome, command
from tests.journeys.feed import TUESDAY, WEDNESDAY, Feed, an_hour_later, assert_right

pytestmark = pytest.mark.django_db

FRIDAY_BEFORE, MONDAY, THURSDAY = date(2026, 5, 29), date(2026, 6, 1), date(2026, 6, 4)
LAST_WEEK = (date(2026, 5, 27), date(2026, 5, 28), FRIDAY_BEFORE, MONDAY)


def replayed(harbor: Feed, *more: str) -> Outcome:
    return command("replay_pulls", "--connection", harbor.label, *more)


def export(harbor: Feed, form: str = "json") -> str:
    return command("export_transactions", "--connection", harbor.label, "--format", form).out


def assert_rebuilt(harbor: Feed) -> None:
    """The raw pages make the same ledger, to the byte; and making it has left no trace."""
    tables = (Line, Day, Pull, Account, Connection, AuditEntry)
    before = [table.objects.count() for table in tables]
    for form in ("json", "csv"):
        said = replayed(harbor, "--format", form)
        assert (said.code, said.out) == (0, export(harbor, form)), said.err
        assert [line for line in said.err.splitlines() if ": equal; " not in line] == []
    assert [table.objects.count() for table in tables] == before


@pytest.mark.parametrize(
    "trouble",
    [{"kind": "empty_day", "path": "transactions"}, {"kind": "per_account_error", "path": "balances"}],
    ids=lambda trouble: str(trouble["kind"]),
)
def test_after_a_bad_day(trouble: dict[str, str], harbor: Feed) -> None:
    harbor.bank.advance_to(WEDNESDAY)
    harbor.bank.faults.add(**trouble)
    harbor.pull()
    harbor.bank.faults.clear()
    with an_hour_later():
        harbor.pull()

    assert_right(harbor)
    assert_rebuilt(harbor)


def test_after_a_bad_week_in_which_everything_happened(harbor: Feed) -> None:
    harbor.bank.advance_to(WEDNESDAY)
    harbor.bank.faults.add("late_line", path="transactions", day=FRIDAY_BEFORE)
    harbor.bank.faults.add("amend", path="transactions", day=MONDAY)
    harbor.bank.faults.add("repeat_across_pages", path="transactions")
    harbor.pull()
    harbor.bank.faults.add("withdraw", path="transactions", day=MONDAY)
    harbor.bank.faults.add("renumber", path="transactions", day=FRIDAY_BEFORE)
    with an_hour_later():
        harbor.pull()
        harbor.bank.advance_to(THURSDAY)
        harbor.pull()
        harbor.pull()

    assert {hit.kind for hit in harbor.bank.faults.hits} == {
        "late_line", "amend", "repeat_across_pages", "withdraw", "renumber",
    }  # fmt: skip
    counted = Pull.objects.aggregate(*map(Sum, ("amended", "renumbered", "withdrawn", "repeated")))
    assert all(counted.values()), counted
    assert_right(harbor)
    assert_rebuilt(harbor)


def test_after_a_day_that_the_bank_ended_later_than_the_calendar(harbor: Feed) -> None:
    """The bank still calls Tuesday the current day when we ask on Wednesday, and books one line of it after that."""
    early = command("pull_feeds", "--connection", harbor.label, "--today", WEDNESDAY.isoformat())
    assert early.code == 0
    harbor.bank.add_late_line(harbor.bank.account_ids[0], TUESDAY, amount=Decimal("17.00"))
    harbor.bank.advance_to(WEDNESDAY)
    harbor.pull()

    assert_right(harbor)
    assert_rebuilt(harbor)


def test_what_a_killed_worker_had_read_but_not_booked_is_not_booked_either(
    harbor: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies with the bank's answer on disk; by the next one the bank has taken a line of it back."""
    from bankfeeds.pipeline import run

    harbor.bank.advance_to(WEDNESDAY)
    day = MONDAY + timedelta(days=1)
    account = harbor.bank.account_ids[0]
    line = harbor.bank.add_late_line(account, day, amount=Decimal("17.00"))["transaction_id"]

    def dies(**_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(run, "book_window", dies)
        assert harbor.pull().code == 3
    harbor.bank.withdraw_line(account, line)
    with an_hour_later():
        harbor.pull()

    assert line not in export(harbor)
    pulls = Pull.objects.filter(account__given_number=account).order_by("requested_at")
    assert [[turn.get("windows") for turn in pull.claims] for pull in pulls] == [[None], [0, None]]
    assert_rebuilt(harbor)


@pytest.mark.parametrize("answer", ["same_lines", "really_new"])
def test_with_the_answer_a_person_gave_for_a_held_pull(answer: str, harbor: Feed) -> None:
    harbor.bank.advance_to(WEDNESDAY)
    for account in harbor.bank.account_ids:
        for day in LAST_WEEK:
            harbor.bank.renumber_day(account, day)
    harbor.pull()
    held = list(Pull.objects.filter(state="held"))
    assert held
    assert_rebuilt(harbor)
    for pull in held:
        operations.answer_held_pull(
            pk=pull.pk,
            answer=answer,
            actor=Actor.command("test"),
            now=timezone.now(),
            reason="The bank told us.",
        )
    harbor.pull()

    assert_rebuilt(harbor)


def test_answers_that_changed_nothing_are_forgotten_and_not_missed(harbor: Feed) -> None:
    harbor.pull()
    unchanged = list(Pull.objects.filter(new=0, state="booked"))
    harbor.bank.advance_to(WEDNESDAY)
    harbor.bank.faults.add("withdraw", path="transactions", day=MONDAY)
    harbor.pull()
    schedule.prune(actor=Actor.command("test"), now=timezone.now() + timedelta(days=36))
    assert unchanged
    assert not RawPage.objects.filter(pull__in=unchanged).exists()

    assert_rebuilt(harbor)


def test_balances_that_settled_a_later_question_outlive_the_prune(harbor: Feed) -> None:
    """A quiet pull brings the balances that prove a withdrawal to the next, which the bank gives no balances."""
    harbor.bank.faults.add("withdraw", path="balances", day=MONDAY)
    harbor.pull()
    quiet = Pull.objects.get(pk__in=BalanceObservation.objects.values("pull"), new=0)
    assert quiet.read == quiet.same
    harbor.bank.faults.add("per_account_error", path="balances", times=None)
    with an_hour_later():
        harbor.pull()
    assert [row["state"] for row in harbor.exported()].count("withdrawn") == 1
    schedule.prune(actor=Actor.command("test"), now=timezone.now() + timedelta(days=36))

    assert_rebuilt(harbor)


TAMPERED: dict[str, Callable[[bytes], bytes]] = {
    "an amount was changed": lambda body: zlib.compress(
        zlib.decompress(body).replace(b'"amount"', b'"Amount"', 1)
    ),
    "a byte was lost": lambda body: body[:-1],
}


@pytest.mark.parametrize("how", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_page_that_somebody_has_altered_is_named(how: Callable[[bytes], bytes], harbor: Feed) -> None:
    page = RawPage.objects.filter(kind="transactions", request__has_key="startDate").order_by("pk")[1]
    RawPage.objects.filter(pk=page.pk).update(body=how(bytes(page.body)))

    said = replayed(harbor)

    assert (said.code, said.out) == (1, "")
    assert said.err == (
        f"harbor-kettle: Raw page {page.pk} (transactions, page {page.number}, received "
        f"{page.received_at:%Y-%m-%d %H:%M:%S} UTC, {page.pull}) is not what the bank sent: "
        "its SHA-256 does not match its bytes."
    )


@pytest.mark.parametrize("kind", ["transactions", "balances"])
def test_a_page_that_is_gone_is_missed(kind: str, harbor: Feed) -> None:
    pages = RawPage.objects.filter(kind=kind).order_by("pk")
    pages.filter(pk=pages[0].pk).delete()

    said = replayed(harbor)

    assert said.code == 1
    assert said.err.endswith(("are missing.", "are there.", "is missing."))


def test_a_pull_whose_pages_are_all_gone_is_missed(harbor: Feed) -> None:
    RawPage.objects.filter(pull__account=harbor.accounts[1]).delete()

    said = replayed(harbor)

    assert said.code == 1
    assert said.err.endswith("changed the ledger, but its raw pages are gone.")


def test_a_ledger_that_somebody_has_altered_is_told_line_by_line(harbor: Feed) -> None:
    altered, deleted = Line.objects.order_by("account__number", "as_of_date", "transaction_id")[3:5]
    Line.objects.filter(pk=altered.pk).update(amount=altered.amount + 1)
    deleted.ids.all().delete()
    deleted.delete()

    said = replayed(harbor)

    assert said.code == 1
    assert sorted(said.err.splitlines()[:2]) == sorted(
        [
            f"harbor-kettle: {altered.transaction_id} of {altered.as_of_date}: amount is "
            f"'{altered.amount + 1:.2f}', from the raw pages '{altered.amount:.2f}'.",
            f"harbor-kettle: {deleted.transaction_id} of {deleted.as_of_date} is in the raw pages, "
            "but not in the ledger.",
        ]
    )
    assert replayed(harbor, "--from", (altered.as_of_date + timedelta(days=1)).isoformat()).code == 0


def test_wrong_calls_are_refused(harbor: Feed) -> None:
    assert command("replay_pulls", "--connection", "nobody").code == 2
    assert replayed(harbor, "--format", "csv", "--from", "2026-06-01").code == 2


def test_a_feed_that_is_pulled_meanwhile_is_not_compared(harbor: Feed) -> None:
    newest = Pull.objects.order_by("pk")[0]

    def meanwhile(_: Iterator[str]) -> None:
        Pull.objects.filter(pk=newest.pk).update(windows=newest.windows + 1)

    with pytest.raises(FeedMoved, match="was pulled meanwhile"):
        replay(connection=harbor.connection, now=timezone.now(), write=meanwhile)
    assert_rebuilt(harbor)
