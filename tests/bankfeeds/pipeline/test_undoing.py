"""Undoing a pull: what goes, what comes back, what stays, and that the next pull books the same rows again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import OperationRefused, PermissionMissing
from bankfeeds import operations, queries
from bankfeeds.models import (
    BalanceObservation,
    Day,
    Finding,
    Line,
    LineId,
    LineRevision,
    ProvisionalLine,
    Pull,
)
from tests.bankfeeds.paper import ACTOR, MONDAY, THURSDAY, TUESDAY, WEDNESDAY, PaperBank, Posting, paper
from tests.bankfeeds.pipeline.looking import counts, kinds

__all__ = ["paper"]

pytestmark = pytest.mark.django_db


def states() -> dict[str, str]:
    return {
        f"{day:%a}": state
        for day, state in Day.objects.order_by("as_of_date").values_list("as_of_date", "state")
    }


def lines() -> list[tuple[int, str, str]]:
    return list(Line.objects.order_by("pk").values_list("pk", "transaction_id", "state"))


def assert_rebuilt(bank: PaperBank) -> None:
    """The raw pages, and what was undone in between, make the same ledger to the byte."""
    found = bank.replayed()
    assert (found.differences, found.equal) == ([], True)


def test_the_first_pull_is_taken_back_whole_and_the_next_books_the_same_rows(paper: PaperBank) -> None:
    first = paper.pull()
    before = lines()
    assert states() == {"Mon": "proven", "Tue": "proven", "Wed": "provisional"}

    undone = paper.undo(first)

    assert (undone.state, undone.new) == ("undone", 3)
    assert [state for *_, state in lines()] == ["withdrawn"] * 3
    assert paper.booked() == []
    assert states() == {"Mon": "missing", "Tue": "missing"}
    assert kinds() == []
    assert BalanceObservation.objects.count() == 2  # the bank's words are kept
    assert_rebuilt(paper)

    again = paper.pull()

    assert (counts(again), again.read) == ({"new": 3}, 3)
    assert lines() == before
    assert paper.booked() == paper.says()
    assert states() == {"Mon": "proven", "Tue": "proven", "Wed": "provisional"}
    assert set(Day.objects.filter(reopened=True).values_list("as_of_date", flat=True)) == {MONDAY, TUESDAY}
    assert queries.duplicates(paper.connection) == 0
    assert kinds() == kinds("resolved") == []
    assert counts(paper.pull()) == {}
    assert_rebuilt(paper)


def test_it_is_on_record_with_its_reason_and_every_line_tells_of_it(paper: PaperBank) -> None:
    first = paper.pull()
    paper.undo(first, reason="It was of another customer.")

    entry = AuditEntry.objects.get(verb="bankfeeds.pull.undo")
    assert entry.reason == "It was of another customer."
    assert entry.data == ('{"days":3,"from":"booked","kept":0,"restored":0,"taken_out":3,"to":"undone"}')
    assert set(LineRevision.objects.values_list("undo", "replaced_by_pull", "state", "revision")) == {
        ("taken_back", first.pk, "booked", 1)
    }
    assert set(Line.objects.values_list("revision", "last_changed_pull", "first_pull")) == {
        (2, first.pk, first.pk)
    }


def test_lines_that_a_later_pull_has_read_too_stay_and_so_do_their_days(paper: PaperBank) -> None:
    first = paper.pull()
    late = paper.post("TUE-2", TUESDAY, "7.00", "LATE")
    second = paper.pull()
    assert counts(second) == {"new": 1}

    paper.undo(first)

    assert paper.booked() == paper.says()
    assert states() == {"Mon": "proven", "Tue": "proven", "Wed": "provisional"}

    paper.undo(second)  # nobody else has seen the late line, nor, any more, the others

    assert paper.booked() == []
    assert {state for *_, state in lines()} == {"withdrawn"}
    assert late.ident in {ident for _, ident, _ in lines()}
    assert_rebuilt(paper)
    paper.pull()
    assert paper.booked() == paper.says()
    assert_rebuilt(paper)


def test_only_the_late_line_goes_when_only_the_second_pull_is_undone(paper: PaperBank) -> None:
    paper.pull()
    paper.post("TUE-2", TUESDAY, "7.00", "LATE")
    second = paper.pull()

    paper.undo(second)

    assert [ident for ident, *_ in paper.booked()] == ["MON-1", "MON-2", "TUE-1"]
    assert states() == {"Mon": "proven", "Tue": "missing"}
    assert_rebuilt(paper)
    assert counts(paper.pull()) == {"new": 1}
    assert states() == {"Mon": "proven", "Tue": "proven", "Wed": "provisional"}


def test_what_the_pull_changed_goes_back_to_the_version_before_and_forward_again(paper: PaperBank) -> None:
    paper.pull()
    before = paper.booked()
    paper.take("MON-1")
    paper.post("MON-1", MONDAY, "90.00", "INVOICE 1, CORRECTED")
    paper.take("TUE-1")
    paper.post("TUE-9", TUESDAY, "50.00", "INVOICE 2")  # the same payment under a new id
    paper.take("MON-2")
    second = paper.pull()
    assert counts(second) == {"amended": 1, "renumbered": 1, "withdrawn": 1}
    assert kinds() == ["withdrawn_line"]

    paper.undo(second)

    assert paper.booked() == before
    assert (kinds(), kinds("resolved")) == ([], ["withdrawn_line"])
    assert states() == {"Mon": "missing", "Tue": "missing"}
    assert {row.undo for row in LineRevision.objects.filter(revision=2)} == {"restored"}
    assert LineId.objects.get(transaction_id="TUE-9").current is False
    assert_rebuilt(paper)

    paper.pull()

    assert paper.booked() == paper.says()
    assert kinds() == ["withdrawn_line"]
    assert states() == {"Mon": "proven", "Tue": "proven", "Wed": "provisional"}
    assert queries.duplicates(paper.connection) == 0
    assert_rebuilt(paper)


def test_a_line_that_a_later_pull_changed_again_is_left_and_then_goes_back_past_both(
    paper: PaperBank,
) -> None:
    paper.pull()
    before = paper.booked()
    paper.take("MON-1")
    paper.post("MON-1", MONDAY, "90.00", "ONCE")
    second = paper.pull()
    paper.take("MON-1")
    paper.post("MON-1", MONDAY, "80.00", "TWICE")
    third = paper.pull()

    paper.undo(second)
    assert ("MON-1", "TWICE") in {(ident, text) for ident, _, _, text in paper.booked()}
    paper.undo(third)

    assert paper.booked() == before
    assert_rebuilt(paper)


def test_a_line_brought_back_by_the_bank_is_withdrawn_again_with_its_finding(paper: PaperBank) -> None:
    paper.pull()
    gone = paper.take("MON-2")
    paper.pull()
    paper.listed.append(gone)
    third = paper.pull()
    assert (kinds(), counts(third)) == ([], {"amended": 1})

    paper.undo(third)

    assert Line.objects.get(transaction_id="MON-2").state == "withdrawn"
    assert kinds() == ["withdrawn_line"]
    assert counts(paper.pull()) == {"amended": 1}  # the bank's withdrawal, not an undo: told as a change
    assert kinds() == []
    assert_rebuilt(paper)


def test_a_line_that_an_answer_left_out_is_not_confirmed_by_it(paper: PaperBank) -> None:
    first = paper.pull()
    gone = paper.take("MON-2")
    balances = paper.balances
    paper.listed.append(gone)
    kept = list(paper.listed)

    def without(**asked: Any) -> Any:
        paper.listed = kept
        page = balances(**asked)
        paper.listed = [one for one in kept if one is not gone]
        return page

    paper.listed = [one for one in kept if one is not gone]
    paper.balances = without  # type: ignore[method-assign]
    paper.pull()
    assert kinds() == ["incomplete_answer"]

    paper.undo(first)

    assert Line.objects.get(transaction_id="MON-2").state == "withdrawn"
    assert [ident for ident, *_ in paper.booked()] == ["MON-1", "TUE-1"]
    assert_rebuilt(paper)


def test_pulls_from_before_windows_were_noted_may_have_confirmed(paper: PaperBank) -> None:
    first = paper.pull()
    Pull.objects.filter(pk=paper.pull().pk).update(covered=None)

    paper.undo(first)

    assert paper.booked() == paper.says()


def test_todays_lines_that_it_read_are_gone_and_read_again(paper: PaperBank) -> None:
    paper.intraday = [Posting("NOW-1", WEDNESDAY, "5.00")]
    paper.pull()
    paper.intraday.append(Posting("NOW-2", WEDNESDAY, "6.00"))
    second = paper.pull()

    paper.undo(second)

    assert ProvisionalLine.objects.count() == 0
    assert states() == {"Mon": "proven", "Tue": "proven"}
    paper.pull()
    assert ProvisionalLine.objects.count() == 2


def test_a_quiet_day_is_proven_no_more_once_the_day_before_it_is_missing(paper: PaperBank) -> None:
    """The bank states no balances for a weekend: only its neighbours prove it."""
    friday, saturday, monday = (MONDAY + timedelta(days=n) for n in (4, 5, 7))
    paper.now += timedelta(days=6)
    posting = paper.post("FRI-1", friday, "1.00", "BEFORE")
    paper.pull()
    posting.text = "AFTER"
    second = paper.pull()
    assert counts(second) == {"amended": 1}

    paper.undo(second)

    found = dict(Day.objects.values_list("as_of_date", "state"))
    assert [found[friday], found[saturday], found[monday]] == ["missing", "final", "proven"]
    paper.pull()
    assert set(Day.objects.exclude(state="provisional").values_list("state", flat=True)) == {"proven"}


def test_what_could_not_be_taken_is_asked_for_again(paper: PaperBank) -> None:
    paper.post("TUE-2", TUESDAY, "7.00", "BAD", debitCreditCode="NEITHER")
    first = paper.pull()
    assert Finding.objects.filter(state="open").count() == 2

    paper.undo(first)

    assert kinds() == []
    assert paper.account.rejected_lines.filter(open=True).count() == 0
    paper.pull()
    assert kinds() == ["broken_day", "rejected_lines"]
    assert paper.account.rejected_lines.filter(open=True).count() == 1


def test_a_day_later_the_schedule_reads_the_days_again(paper: PaperBank) -> None:
    first = paper.pull()
    paper.undo(first)
    paper.now = paper.now.replace(day=THURSDAY.day)

    again = paper.pull()

    assert paper.booked() == paper.says()
    assert counts(again) == {"new": 3}
    assert_rebuilt(paper)


@pytest.mark.parametrize(
    ("state", "connection", "sentence"),
    [
        ("held", "testing", "Only a booked pull can be undone; this one is held."),
        ("booked", "closed", "harbor-kettle is closed: its days could not be read again."),
    ],
)
def test_what_cannot_be_undone_says_why(paper: PaperBank, state: str, connection: str, sentence: str) -> None:
    pull = paper.pull()
    Pull.objects.filter(pk=pull.pk).update(state=state)
    type(paper.connection).objects.update(state=connection)
    with pytest.raises(OperationRefused) as refused:
        paper.undo(pull)
    assert refused.value.sentence == sentence
    assert paper.booked() == paper.says()


def test_nothing_is_undone_while_the_account_is_pulled_or_without_a_reason_or_twice(paper: PaperBank) -> None:
    first = paper.pull()
    running = operations.start_pull(account=paper.account, today=paper.today, actor=ACTOR, now=paper.now)
    Pull.objects.filter(pk=running.pk).update(state="fetching")
    with pytest.raises(OperationRefused, match="is being pulled at this moment"):
        paper.undo(first)
    Pull.objects.filter(pk=running.pk).update(state="failed")
    with pytest.raises(OperationRefused, match="Say why"):
        paper.undo(first, reason=" ")
    assert paper.booked() == paper.says()
    paper.undo(first)
    with pytest.raises(OperationRefused, match="this one is undone"):
        paper.undo(first)


def test_it_is_the_approvers_to_do(paper: PaperBank, people: dict[str, Any]) -> None:
    pull = paper.pull()
    with pytest.raises(PermissionMissing):
        paper.undo(pull, actor=Actor.user(people["operator"]))
    assert paper.undo(pull, actor=Actor.user(people["approver"])).state == "undone"


def test_an_undo_that_fails_in_the_middle_has_not_happened(
    paper: PaperBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bankfeeds.operations import undo
    from tests.bankfeeds.pipeline.looking import ledger

    pull = paper.pull()
    before = ledger()

    def fails(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(undo, "_findings", fails)
    with pytest.raises(MemoryError):
        paper.undo(pull)
    assert ledger() == before
    assert Pull.objects.get(pk=pull.pk).state == "booked"
