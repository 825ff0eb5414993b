"""A bad import is taken back.

The bank answers with another customer's postings for a day. An approver sees what an undo would do, undoes the pull,
and the next one books what is right, in the same rows, each once; the raw pages still make the same ledger.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from bankfeeds import queries, schedule
from bankfeeds.models import Day, Line, Pull, RawPage
from tests.bankfeeds.paper import ACTOR, TUESDAY, PaperBank, paper
from tests.bankfeeds.pipeline.looking import counts, kinds

__all__ = ["paper"]

pytestmark = pytest.mark.django_db


def undone_in_the_console(client: Any, pull: Pull) -> None:
    url = reverse("admin:bankfeeds_pull_do", args=[pull.pk, "undo"])
    shown = " ".join(client.get(url).content.decode().split())
    assert "2 lines go</strong> out of the totals: only this pull has seen them." in shown
    assert "2 days become missing</strong>" in shown
    assert client.post(url, {"reason": "Postings of another customer."}).status_code == 302


def test_the_bank_mixed_up_two_customers(paper: PaperBank, as_: Any) -> None:
    first = paper.pull()
    strangers = [
        paper.post("XX-1", TUESDAY, "9000.00", "NOT OURS"),
        paper.post("XX-2", TUESDAY, "-1.00", "NOT OURS"),
    ]
    bad = paper.pull()
    assert (counts(bad), Day.objects.get(as_of_date=TUESDAY).state) == ({"new": 2}, "proven")

    undone_in_the_console(as_("approver"), bad)

    assert [ident for ident, *_ in paper.booked()] == ["MON-1", "MON-2", "TUE-1"]
    assert not queries.feed_evidence(paper.connection, now=paper.now).all_days_proven
    assert Day.objects.get(as_of_date=TUESDAY).state == "missing"

    paper.listed = [one for one in paper.listed if one not in strangers]
    after = paper.pull()

    assert (counts(after), paper.booked()) == ({}, paper.says())
    assert Day.objects.get(as_of_date=TUESDAY).state == "proven"
    assert kinds() == []
    assert set(Line.objects.filter(state="withdrawn").values_list("description", flat=True)) == {"NOT OURS"}
    assert paper.replayed().equal
    assert first.state == "booked"


def test_it_was_right_after_all_and_is_imported_again(paper: PaperBank, as_: Any) -> None:
    paper.pull()
    paper.post("TUE-2", TUESDAY, "5.00", "OURS")
    paper.post("TUE-3", TUESDAY, "6.00", "OURS TOO")
    second = paper.pull()
    rows = dict(Line.objects.values_list("transaction_id", "pk"))

    undone_in_the_console(as_("approver"), second)
    again = paper.pull()

    assert counts(again) == {"new": 2}
    assert paper.booked() == paper.says()
    assert dict(Line.objects.values_list("transaction_id", "pk")) == rows
    assert (kinds(), queries.duplicates(paper.connection)) == ([], 0)


def test_what_the_prune_forgets_is_not_missed_by_the_replay(paper: PaperBank) -> None:
    """A quiet pull that confirmed lines goes; what the undo decided because of it is on the lines themselves."""
    first = paper.pull()
    quiet = paper.pull()
    paper.post("TUE-2", TUESDAY, "5.00", "OURS")
    paper.undo(first)
    paper.undo(paper.pull())
    paper.now += timedelta(days=40)
    schedule.prune(actor=ACTOR, now=paper.now)

    assert not RawPage.objects.filter(pull=quiet).exists()
    assert RawPage.objects.filter(pull=first).exists()
    assert paper.replayed().equal
