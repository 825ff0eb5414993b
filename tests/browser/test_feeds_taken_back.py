"""The pages on which an import is taken back, answered, tried again and noted, in a real browser at both widths."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import BrowserContext

from bankfeeds import operations
from bankfeeds.models import Day, Line, LineNote, ProvisionalLine, RejectedLine
from tests.bankfeeds.paper import ACTOR, MONDAY, TUESDAY, WEDNESDAY, PaperBank, Posting, paper
from tests.browser.conftest import NARROW, WIDE, sideways, violations

__all__ = ["paper"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def story(paper: PaperBank) -> dict[str, str]:
    """Live through a bad week; return the addresses of its pages by name."""
    paper.intraday = [Posting("NOW-1", WEDNESDAY, "5.00", "TRANSFER", "REF-1")]
    first = paper.pull()
    operations.add_note_today(
        pk=ProvisionalLine.objects.get().pk,
        text="Asked the customer: it is rent.",
        actor=ACTOR,
        now=paper.now,
    )
    for number in range(25):
        paper.post(f"OLD-{number:02}", MONDAY, "3.00", f"PAYMENT {number} FOR A LONG DESCRIPTION OF GOODS")
    paper.post("TUE-2", TUESDAY, "7.00", "BAD", debitCreditCode="NEITHER")
    paper.post("TUE-3", TUESDAY, "8.00", "AFTER")
    posting = paper.listed[0]
    posting.text, posting.amount = "INVOICE 1, CORRECTED", "90.00"
    second = paper.pull()
    posting.ident = "MON-9"
    paper.now += timedelta(days=1)
    paper.intraday = [Posting("NOW-2", paper.today, "6.00", "TRANSFER", "REF-2")]
    paper.post("WED-1", WEDNESDAY, "5.00", "TRANSFER", reference="REF-7")
    third = paper.pull()
    line = Line.objects.get(transaction_id="MON-9")
    operations.add_note(pk=line.pk, text="Compared with the invoice.", actor=ACTOR, now=paper.now)
    for one in paper.listed:
        one.ident = one.ident.replace("OLD", "NEW")
    held = paper.pull()
    assert (first.state, second.state, third.state, held.state) == ("booked", "booked", "booked", "held")
    return {
        "undo": reverse("admin:bankfeeds_pull_do", args=[third.pk, "undo"]),
        "undo-earlier": reverse("admin:bankfeeds_pull_do", args=[second.pk, "undo"]),
        "held": reverse("admin:bankfeeds_pull_change", args=[held.pk]),
        "answer": reverse("admin:bankfeeds_pull_do", args=[held.pk, "answer"]),
        "line": reverse("admin:bankfeeds_line_change", args=[line.pk]),
        "day": reverse("admin:bankfeeds_day_change", args=[Day.objects.get(as_of_date=TUESDAY).pk]),
        "day-noted": reverse("admin:bankfeeds_day_change", args=[Day.objects.get(as_of_date=WEDNESDAY).pk]),
        "days": reverse("admin:bankfeeds_day_changelist"),
        "rejected": reverse("admin:bankfeeds_rejectedline_change", args=[RejectedLine.objects.get().pk]),
        "quarantine": reverse("admin:bankfeeds_rejectedline_changelist"),
        "today": reverse("admin:bankfeeds_provisionalline_change", args=[ProvisionalLine.objects.get().pk]),
        "note": reverse("admin:bankfeeds_linenote_change", args=[LineNote.objects.get(line=None).pk]),
        "link": reverse("admin:bankfeeds_linenote_do", args=[LineNote.objects.get(line=None).pk, "link"]),
    }


@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "dark"), (NARROW, "light")])
def test_every_page_is_accessible_and_fits(
    paper: PaperBank,
    live_server: Any,
    open_context: Callable[..., BrowserContext],
    sign_in: Callable[[BrowserContext, str], None],
    width: int,
    scheme: Any,
) -> None:
    addresses = story(paper)
    context = open_context(width=width, bypass_csp=True, color_scheme=scheme)
    sign_in(context, "approver")
    page = context.new_page()
    found = {}
    for name, address in addresses.items():
        page.goto(live_server.url + address)
        page.locator("details").evaluate_all("all => all.forEach(it => it.open = true)")
        if folder := os.environ.get("PICTURES"):
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
        found[name] = (violations(page), sideways(page))
    assert found == dict.fromkeys(addresses, ([], 0))
