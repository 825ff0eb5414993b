"""A note survives the night.

What a person writes on a line of today is found on the line that the bank books of it, whatever id it has by then; and
a note stays with its line whatever the bank, or an undo, makes of that.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import OperationRefused, PermissionMissing
from bankfeeds import operations
from bankfeeds.models import Line, LineNote, ProvisionalLine
from bankfeeds.previews.notes import waiting_notes
from tests.bankfeeds.paper import ACTOR, MONDAY, WEDNESDAY, PaperBank, Posting, paper

__all__ = ["paper"]

pytestmark = pytest.mark.django_db

TEXT = "Asked Pat at the customer: it is rent."


@pytest.fixture
def noted(paper: PaperBank) -> PaperBank:
    """It is Wednesday; a line of today carries a note."""
    paper.intraday = [Posting("NOW-1", WEDNESDAY, "5.00", "TRANSFER", "REF-1")]
    paper.pull()
    operations.add_note_today(pk=ProvisionalLine.objects.get().pk, text=TEXT, actor=ACTOR, now=paper.now)
    return paper


def overnight(paper: PaperBank, *posted: Posting) -> None:
    paper.intraday = []
    paper.listed += posted
    paper.now += timedelta(days=1)
    paper.pull()


def carrier() -> str | None:
    note = LineNote.objects.get()
    return note.line and note.line.transaction_id


def test_under_the_same_id(noted: PaperBank) -> None:
    noted.pull()  # the provisional set is replaced whole
    assert carrier() is None
    overnight(noted, Posting("NOW-1", WEDNESDAY, "5.00", "TRANSFER", "REF-1"))
    assert carrier() == "NOW-1"


def test_under_another_id_with_the_banks_reference(noted: PaperBank) -> None:
    overnight(
        noted,
        Posting("WED-1", WEDNESDAY, "5.01", "TRANSFER, FINAL", "REF-1"),
        Posting("WED-2", WEDNESDAY, "5.00", "TRANSFER", "REF-2"),
    )
    assert carrier() == "WED-1"


def test_the_content_decides_between_two_of_one_reference(noted: PaperBank) -> None:
    overnight(
        noted,
        Posting("WED-1", WEDNESDAY, "9.00", "OTHER", "REF-1"),
        Posting("WED-2", WEDNESDAY, "5.00", "TRANSFER", "REF-1"),
    )
    assert carrier() == "WED-2"


def test_what_only_looks_alike_asks_a_person(noted: PaperBank) -> None:
    overnight(
        noted,
        Posting("WED-1", WEDNESDAY, "5.00", "TRANSFER", "REF-7"),
        Posting("WED-2", WEDNESDAY, "6.00", "OTHER", "REF-8"),
    )
    assert carrier() is None
    (waiting,) = waiting_notes(noted.account, WEDNESDAY)
    assert [line.transaction_id for line in waiting.suggestions] == ["WED-1"]

    elsewhere = Line.objects.get(transaction_id="WED-1")
    operations.link_note(pk=waiting.note.pk, line=elsewhere.pk, actor=ACTOR, now=noted.now)

    assert carrier() == "WED-1"
    assert waiting_notes(noted.account, WEDNESDAY) == []
    with pytest.raises(OperationRefused, match="has its line already"):
        operations.link_note(pk=waiting.note.pk, line=elsewhere.pk, actor=ACTOR, now=noted.now)


def test_it_stays_through_change_new_id_withdrawal_undo_and_return(paper: PaperBank) -> None:
    first = paper.pull()
    line = Line.objects.get(transaction_id="MON-1")
    operations.add_note(pk=line.pk, text=TEXT, actor=ACTOR, now=paper.now)
    paper.undo(first)
    paper.pull()
    posting = paper.take("MON-1")
    posting.text = "CHANGED"
    paper.listed.append(posting)
    paper.pull()
    posting.ident = "MON-9"
    paper.pull()
    paper.take("MON-9")
    paper.pull()

    line.refresh_from_db()
    assert (line.transaction_id, line.state, line.description) == ("MON-9", "withdrawn", "CHANGED")
    assert [note.text for note in line.notes.all()] == [TEXT]
    assert LineNote.objects.get().as_of_date == MONDAY


def test_the_record_refers_to_it_by_key_and_never_quotes_it(noted: PaperBank, people: dict[str, Any]) -> None:
    note = LineNote.objects.get()
    entry = AuditEntry.objects.get(verb="bankfeeds.note_added")
    assert (entry.subject_key, "Pat" in entry.data, "Pat" in str(note)) == (str(note.pk), False, False)
    with pytest.raises(PermissionMissing):
        operations.add_note(
            pk=Line.objects.all()[0].pk, text="x", actor=Actor.user(people["auditor"]), now=noted.now
        )
    for text in (" ", "x" * 2001):
        with pytest.raises(OperationRefused):
            operations.add_note(pk=Line.objects.all()[0].pk, text=text, actor=ACTOR, now=noted.now)


def test_a_line_of_today_that_is_gone_by_now_takes_no_note(noted: PaperBank) -> None:
    pk = ProvisionalLine.objects.get().pk
    noted.intraday = []
    noted.pull()
    with pytest.raises(OperationRefused, match="just read anew"):
        operations.add_note_today(pk=pk, text=TEXT, actor=ACTOR, now=noted.now)
    assert [waiting.note.text for waiting in waiting_notes(noted.account, WEDNESDAY)] == [TEXT]
