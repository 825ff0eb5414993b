"""The console pages of what was taken back, changed, not taken, noted and held: what they say and lead to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from bankfeeds import operations, records
from bankfeeds.models import Day, Line, LineNote, ProvisionalLine, Pull, RejectedLine
from tests.bankfeeds.paper import ACTOR, MONDAY, TUESDAY, WEDNESDAY, PaperBank, Posting, paper
from tests.bankfeeds.pipeline.looking import ledger

__all__ = ["paper"]

pytestmark = pytest.mark.django_db


def text(client: Any, name: str, *args: Any, query: str = "") -> str:
    found = client.get(reverse(f"admin:bankfeeds_{name}", args=args) + query)
    assert found.status_code == 200
    return " ".join(found.content.decode().split())


def test_an_undo_is_shown_day_by_day_before_it_is_done(paper: PaperBank, as_: Any) -> None:
    paper.pull()
    paper.post("TUE-2", TUESDAY, "7.00", "LATE")
    paper.listed[0].text = "CORRECTED"
    second = paper.pull()
    client, before = as_("approver"), ledger()

    page = text(client, "pull_do", second.pk, "undo")

    assert "1 line goes</strong> out of the totals: only this pull has seen it" in page
    assert "1 line comes back</strong> as it was before it" in page
    assert page.count("<strong>Missing</strong>") == 3
    assert ledger() == before
    url = reverse("admin:bankfeeds_pull_do", args=[second.pk, "undo"])
    assert client.post(url, {"reason": " "}).status_code == 400
    assert client.post(url, {"reason": "Of another customer."}).status_code == 302
    assert [ident for ident, *_ in paper.booked()] == ["MON-1", "MON-2", "TUE-1"]
    assert "this one is undone" in text(client, "pull_do", second.pk, "undo")
    assert f"/{second.pk}/do/undo/" not in text(client, "pull_change", second.pk)


def test_what_stays_at_an_undo_says_why(paper: PaperBank, as_: Any) -> None:
    first = paper.pull()
    paper.listed[0].text = "CORRECTED"
    paper.pull()
    page = text(as_("approver"), "pull_do", first.pk, "undo")
    assert "1: a later pull changed it again<br>1: a later pull read it too" in page
    Pull.objects.exclude(pk=first.pk).update(covered=None)
    page = text(as_("approver"), "pull_do", first.pk, "undo")
    assert "2 may have been confirmed by a pull from before windows were noted" in page


def test_a_line_shows_each_change_in_words_with_its_pull_and_all_its_ids(paper: PaperBank, as_: Any) -> None:
    paper.pull()
    posting = paper.listed[0]
    posting.text = "CORRECTED"
    second = paper.pull()
    posting.ident = "MON-9"
    paper.pull()
    paper.undo(second)  # changed again since: it is left
    line = Line.objects.get(transaction_id="MON-9")

    page = text(as_("auditor"), "line_change", line.pk)

    assert "<dt>Description</dt><dd>was <del>INVOICE 1</del>, is now <ins>CORRECTED</ins></dd>" in page
    assert "<dt>Id</dt><dd>was <del>MON-1</del>, is now <ins>MON-9</ins></dd>" in page
    assert page.index("New id at the bank") < page.index("Changed by the bank")
    assert reverse("admin:bankfeeds_pull_change", args=[second.pk]) in page
    assert '<div>MON-1</div></td><td data-label="Use"><div>earlier</div></td>' in page

    page = text(as_("auditor"), "pull_change", second.pk)
    assert f"?changed_by={second.pk}" in page
    listed = text(as_("auditor"), "line_changelist", query=f"?changed_by={second.pk}")
    assert ("MON-9" in listed, "TUE-1" in listed) == (True, False)
    assert "MON-9" not in text(as_("auditor"), "line_changelist", query="?changed_by=nonsense")


def test_a_day_leads_to_what_keeps_it_from_being_proven_and_that_is_read_again(
    paper: PaperBank, as_: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(records.LONGEST, "bank_reference", 4)
    paper.post("TUE-2", TUESDAY, "7.00", "LATE", reference="004411")
    paper.post("TUE-3", TUESDAY, "8.00", "AFTER")
    paper.pull()
    client, row = as_("operator"), RejectedLine.objects.get()
    query = f"?account__exact={paper.account.pk}&as_of_date__exact={TUESDAY}&open__exact=1"

    for page in (
        text(client, "day_change", Day.objects.get(as_of_date=TUESDAY).pk),
        text(client, "day_changelist"),
    ):
        assert "cannot be proven because of 1 line<" in page
        assert query.replace("&", "&amp;") in page
    assert "is longer than 4 characters" in text(client, "rejectedline_changelist", query=query)
    page = text(client, "rejectedline_change", row.pk)
    assert paper.account.number not in page
    for told in (
        "record 3, id TUE-1",
        "record 5, id TUE-3",
        "004411",
        "Record 4 on page 1",
        "without a call",
    ):
        assert told in page

    monkeypatch.setitem(records.LONGEST, "bank_reference", 256)
    url = reverse("admin:bankfeeds_rejectedline_do", args=[row.pk, "retry"])
    assert as_("auditor").post(url).status_code == 403
    told = as_("operator").post(url, follow=True)
    assert "1 record became a line; the day was judged again." in told.content.decode()
    assert "Settled" in text(client, "rejectedline_change", row.pk)


def test_a_note_is_written_in_the_console_and_a_person_chooses_its_line(paper: PaperBank, as_: Any) -> None:
    paper.intraday = [Posting("NOW-1", WEDNESDAY, "5.00", "TRANSFER", "REF-1")]
    paper.pull()
    client, today = as_("operator"), ProvisionalLine.objects.get()
    url = reverse("admin:bankfeeds_provisionalline_do", args=[today.pk, "note"])
    assert client.post(url, {"text": "Asked <Pat>."}).status_code == 302
    assert "Asked &lt;Pat&gt;." in text(client, "provisionalline_change", today.pk)
    day = Day.objects.get(as_of_date=WEDNESDAY)
    assert "Asked &lt;Pat&gt;." in text(client, "day_change", day.pk)

    paper.intraday = []
    paper.post("WED-1", WEDNESDAY, "5.00", "TRANSFER", reference="REF-7")
    paper.now += timedelta(days=1)
    paper.pull()
    note, line = LineNote.objects.get(), Line.objects.get(transaction_id="WED-1")
    assert "1 looks alike" in text(client, "day_change", day.pk)
    url = reverse("admin:bankfeeds_linenote_do", args=[note.pk, "link"])
    assert "WED-1" in text(client, "linenote_do", note.pk, "link")
    assert client.post(url, {"line": line.pk + 1000}).status_code == 400
    assert client.post(url, {"line": line.pk}).status_code == 302
    page = text(client, "line_change", line.pk)
    assert "Asked &lt;Pat&gt;." in page
    assert "operator, " in page
    assert as_("auditor").post(url, {"line": line.pk}).status_code == 403


def test_a_held_pull_shows_the_twins_and_what_each_answer_writes(paper: PaperBank, as_: Any) -> None:
    for number in range(25):
        paper.post(f"OLD-{number:02}", MONDAY, "3.00", f"PAYMENT {number}")
    paper.pull()
    for posting in paper.listed:
        posting.ident = posting.ident.replace("OLD", "NEW")
    held = paper.pull()
    assert held.state == "held"
    client, before = as_("approver"), ledger()

    for page in (text(client, "pull_change", held.pk), text(client, "pull_do", held.pk, "answer")):
        assert "25 lines came under new ids" in page
        assert 'Same lines, new ids</th><td data-label="Same">3</td>' in page
        assert '<td data-label="New id for a line of ours">25</td>' in page
        assert "“Really new”: on 1 day the bank's balances do not bear it out" in page
        assert ">OLD-24</a><br>the bank lists it no more" in page
    assert ledger() == before
    url = reverse("admin:bankfeeds_pull_do", args=[held.pk, "answer"])
    assert client.post(url, {"answer": "same_lines", "reason": "The bank told us."}).status_code == 302
    assert "What it is held for" not in text(client, "pull_change", held.pk)


def test_the_proof_names_what_could_not_be_taken(paper: PaperBank) -> None:
    from bankfeeds import reports

    paper.post("TUE-2", TUESDAY, "7.00", "BAD", debitCreditCode="NEITHER")
    paper.post("TUE-3", TUESDAY, "7.00", "BAD", debitCreditCode="NEITHER")
    paper.pull()
    assert "no (broken): cannot be proven because of 2 lines\n" in "".join(
        reports.proof_text(connection=paper.connection)
    )
    assert (
        operations.retry_rejected(pk=RejectedLine.objects.all()[0].pk, actor=ACTOR, now=paper.now).rejected
        == 2
    )
