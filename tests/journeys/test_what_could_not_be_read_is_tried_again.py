"""What could not be read is tried again.

A record that our reading rules refuse is kept whole; once they take it, the stored answer is read again without asking
the bank, the record becomes a line, and its day is proven.
"""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import OperationRefused, PermissionMissing
from bankfeeds import operations, records
from bankfeeds.models import Day, Line, Pull, RawPage, RejectedLine
from tests.bankfeeds.paper import ACTOR, TUESDAY, PaperBank, paper
from tests.bankfeeds.pipeline.looking import counts, kinds

__all__ = ["paper"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def refused(paper: PaperBank, monkeypatch: pytest.MonkeyPatch) -> PaperBank:
    """Today's rules take references of four characters; the bank sends a longer one."""
    monkeypatch.setitem(records.LONGEST, "bank_reference", 4)
    paper.post("TUE-2", TUESDAY, "7.00", "LATE", reference="004411")
    paper.pull()
    return paper


def a_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on longer references are taken."""
    monkeypatch.setitem(records.LONGEST, "bank_reference", 256)


def retry(paper: PaperBank, actor: Actor = ACTOR) -> Pull:
    return operations.retry_rejected(pk=RejectedLine.objects.order_by("pk")[0].pk, actor=actor, now=paper.now)


def test_after_a_release_the_record_becomes_a_line_without_a_call(
    refused: PaperBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (Day.objects.get(as_of_date=TUESDAY).state, kinds()) == (
        "broken",
        ["broken_day", "rejected_lines"],
    )
    a_release(monkeypatch)
    monkeypatch.setattr(PaperBank, "transactions", None)  # the bank is not there

    pull = retry(refused)

    assert (pull.state, pull.kind, pull.read, pull.same) == ("booked", "reread", 4, 3)
    assert counts(pull) == {"new": 1}
    assert refused.booked() == refused.says()
    assert Day.objects.get(as_of_date=TUESDAY).state == "proven"
    assert (kinds(), RejectedLine.objects.filter(open=True).count()) == ([], 0)
    assert AuditEntry.objects.filter(verb="bankfeeds.stored_answer_read_again").count() == 1
    assert refused.replayed().equal


def test_what_it_booked_is_undone_like_any_other_pull_and_read_again(
    refused: PaperBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_release(monkeypatch)
    pull = retry(refused)
    refused.undo(pull)
    assert [ident for ident, *_ in refused.booked()] == ["MON-1", "MON-2", "TUE-1"]
    assert Day.objects.get(as_of_date=TUESDAY).state == "missing"
    assert counts(refused.pull()) == {"new": 1}
    assert refused.booked() == refused.says()
    assert refused.replayed().equal


def test_the_same_answer_read_twice_confirms_nothing(
    refused: PaperBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_release(monkeypatch)
    retry(refused)
    refused.undo(Pull.objects.get(kind="requested"))
    assert [ident for ident, *_ in refused.booked()] == ["TUE-2"]


def test_while_the_rules_are_the_same_it_stays_where_it_is(refused: PaperBank) -> None:
    pull = retry(refused)
    assert (counts(pull), pull.read) == ({"rejected": 1}, 4)
    assert RejectedLine.objects.get().open
    assert kinds() == ["broken_day", "rejected_lines"]
    assert Line.objects.count() == 3


def test_the_newest_answer_is_read_and_never_an_older_one(
    refused: PaperBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused.take("TUE-2")
    refused.post("TUE-2", TUESDAY, "8.00", "CORRECTED", reference="004411")
    newest = refused.pull()
    a_release(monkeypatch)

    refused.now = refused.now.replace(minute=59)
    row = RejectedLine.objects.get(open=True)
    operations.retry_rejected(pk=row.pk, actor=ACTOR, now=refused.now)

    assert refused.booked() == refused.says()
    copied = RawPage.objects.filter(pull__kind="reread").values_list("sha256", flat=True)
    assert set(copied) <= set(RawPage.objects.filter(pull=newest).values_list("sha256", flat=True))


def test_the_next_pull_reads_it_too_because_the_day_is_not_proven(
    refused: PaperBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_release(monkeypatch)
    assert counts(refused.pull()) == {"new": 1}
    assert kinds() == []


def test_it_is_refused_while_a_pull_is_open_once_settled_and_to_who_may_not(
    refused: PaperBank, monkeypatch: pytest.MonkeyPatch, people: dict[str, Any]
) -> None:
    with pytest.raises(PermissionMissing):
        retry(refused, Actor.user(people["auditor"]))
    waiting = operations.start_pull(
        account=refused.account, today=refused.today, actor=ACTOR, now=refused.now
    )
    with pytest.raises(OperationRefused, match="has an open pull"):
        retry(refused)
    Pull.objects.filter(pk=waiting.pk).update(state="failed")
    a_release(monkeypatch)
    RawPage.objects.update(kind="balances")
    with pytest.raises(OperationRefused, match="is not kept here"):
        retry(refused)
    refused.pull()
    with pytest.raises(OperationRefused, match="it is settled"):
        retry(refused)
    assert Pull.objects.filter(kind="reread").count() == 0
