"""Where undo, prune, second readings and the replay meet: the ledger is the same whatever came before what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from audit.workflow import OperationRefused
from bankfeeds import operations, records, schedule
from bankfeeds.jpmorgan.errors import BankError, Decision
from bankfeeds.models import Finding, Line, Pull, RawPage, RejectedLine
from bankfeeds.operations import dispatch
from bankfeeds.pipeline import claim, run
from bankfeeds.pipeline.claim import new_owner
from tests.bankfeeds.paper import ACTOR, MONDAY, TUESDAY, PaperBank, paper
from tests.bankfeeds.pipeline.looking import counts, kinds

__all__ = ["paper"]

pytestmark = pytest.mark.django_db


def prune(paper: PaperBank) -> int:
    paper.now += timedelta(days=36)
    return schedule.prune(actor=ACTOR, now=paper.now)


def test_a_pull_whose_pages_were_pruned_is_undone_in_the_replay_too(paper: PaperBank) -> None:
    first = paper.pull()
    second = paper.pull()
    assert prune(paper) > 0
    assert not RawPage.objects.filter(pull=second).exists()

    paper.undo(first)
    assert paper.booked() == paper.says()
    paper.undo(second)

    assert paper.booked() == []
    assert paper.replayed().differences == []


def test_a_pull_that_wrote_in_an_earlier_turn_is_not_pruned(
    paper: PaperBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper.balanced = False
    paper.pull()
    paper.take("MON-1")
    paper.post("MON-1", MONDAY, "100.00", "INVOICE 1, EXPLAINED")
    with monkeypatch.context() as patched:
        patched.setattr(run.claim, "finish", _killed)
        with pytest.raises(SystemExit):
            paper.pull()
    again = paper.pull()
    assert len(again.claims) == 2
    assert counts(again) == {}

    prune(paper)

    assert paper.replayed().differences == []


def _killed(*_: Any, **__: Any) -> None:
    raise SystemExit


def test_a_second_reading_never_takes_a_line_back_to_an_older_version(
    paper: PaperBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(records.LONGEST, "bank_reference", 4)
    paper.balanced = False
    paper.post("MON-3", MONDAY, "7.00", "LONG", reference="004411")
    paper.pull()
    paper.take("TUE-1")
    paper.post("TUE-1", TUESDAY, "50.00", "INVOICE 2, EXPLAINED")
    assert counts(paper.pull(start=TUESDAY, end=TUESDAY)) == {"amended": 1}
    monkeypatch.setitem(records.LONGEST, "bank_reference", 256)

    with pytest.raises(OperationRefused):
        operations.retry_rejected(pk=RejectedLine.objects.get().pk, actor=ACTOR, now=paper.now)

    assert Line.objects.get(transaction_id="TUE-1").description == "INVOICE 2, EXPLAINED"


def test_of_many_lines_that_a_later_answer_left_out_none_counts_as_read_again(paper: PaperBank) -> None:
    for number in range(60):
        paper.post(f"BAD-{number:02}", MONDAY, "1.00", "OF ANOTHER CUSTOMER")
    paper.balanced = False
    first = paper.pull()
    for number in range(60):
        paper.take(f"BAD-{number:02}")
    paper.pull(start=MONDAY, end=MONDAY)
    assert kinds() == ["unproven_change"]

    paper.undo(first)

    assert [one for one, *_ in paper.booked() if one.startswith("BAD")] == []


def test_an_accepted_doubt_is_still_no_confirmation(paper: PaperBank) -> None:
    paper.post("BAD", MONDAY, "1.00", "OF ANOTHER CUSTOMER")
    paper.balanced = False
    first = paper.pull()
    paper.take("BAD")
    paper.pull(start=MONDAY, end=MONDAY)
    finding = Finding.objects.get(kind="unproven_change")
    operations.accept_finding(pk=finding.pk, actor=ACTOR, now=paper.now, reason="The bank looks into it.")

    paper.undo(first)

    assert [one for one, *_ in paper.booked() if one == "BAD"] == []


def test_what_an_earlier_turn_read_confirms_nothing_that_came_after_it(
    paper: PaperBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(run.wishes, "note_sweeps", _refused)
        failed = paper.pull()
    assert (failed.state, failed.needs_person) == ("failed", True)
    paper.post("BAD", MONDAY, "1.00", "OF ANOTHER CUSTOMER")
    bad = paper.pull()
    assert counts(bad) == {"new": 1}
    operations.retry_pull(pk=failed.pk, actor=ACTOR, now=paper.now)
    paper.now += timedelta(days=30)
    monkeypatch.setattr(run.plan, "windows", lambda *_: [])
    run.run_pull(
        pull_id=failed.pk, owner=new_owner(), today=paper.today, actor=ACTOR, clock=lambda: paper.now
    )

    paper.undo(bad)

    assert [one for one, *_ in paper.booked() if one == "BAD"] == []


def _refused(*_: Any) -> None:
    raise BankError(Decision.ASK, "The bank refused.")


def test_an_account_whose_older_days_a_worker_just_took_stays_due(
    paper: PaperBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull = operations.start_pull(
        account=paper.account, today=paper.today, actor=ACTOR, now=paper.now, kind="backfill"
    )
    seen = paper.account
    claim.claim(pull_id=pull.pk, owner=new_owner(), today=paper.today, actor=ACTOR, now=paper.now)
    # As another worker sees it that looked a moment before.
    monkeypatch.setattr(dispatch.turns, "accounts_due_before_older_days", lambda **_: [seen])

    dispatch.queue_due_pulls(today=paper.today, actor=ACTOR, now=paper.now)

    assert Pull.objects.get().kind == "backfill"
    assert paper.account.next_pull_at == seen.next_pull_at


def test_a_refused_record_without_a_day_is_not_settled_by_a_reading_of_fewer_days(paper: PaperBank) -> None:
    paper.post("MON-3", MONDAY, "7.00", "LATE", asOfDate="June 1")
    paper.balanced = False
    paper.pull()
    row = RejectedLine.objects.get()
    assert (row.as_of_date, row.window_start, row.window_end) == (None, MONDAY, TUESDAY)

    paper.pull(start=TUESDAY, end=TUESDAY)

    assert RejectedLine.objects.get().open
    paper.take("MON-3")
    paper.pull(start=MONDAY, end=TUESDAY)
    assert not RejectedLine.objects.get().open
