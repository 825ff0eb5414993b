"""The validation pack in a real browser: readable and accessible wide, on a phone and on paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page

from bankfeeds.models import Day, ExportComparison
from tests.bankfeeds.validation.books import Books
from tests.browser.conftest import NARROW, WIDE, sideways, violations

pytestmark = pytest.mark.browser

Open = Callable[..., BrowserContext]


@pytest.fixture
def books(people: dict[str, Any]) -> Books:
    """Return two accounts: one clean with lines that look alike, one with a broken day and a pending line."""
    now = timezone.now()
    clean = Books(now=now)
    for number in range(4):
        clean.line(f"EXAMPLE-{number}", "1204.50", bank_reference="R-1", description="Kettles by the dozen")
    clean.line("EXAMPLE-9", "-310.25", day=2, description="Harbour dues, June")
    clean.close(3)
    other = Books(now=now, connection=clean.connection, number="000000700100311")
    other.line("EXAMPLE-A", "-20.00", description="Lantern oil")
    other.close(2)
    other.pending("EXAMPLE-B", "-20.00", day=2, description="Lantern oil")
    Day.objects.filter(account=other.account, as_of_date__day=2).update(state="broken", difference="12.50")
    return clean


def judged(page: Page) -> tuple[list[str], int]:
    page.wait_for_load_state()
    return violations(page), sideways(page)


@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "light"), (NARROW, "dark")])
def test_page_print_view_and_comparison_are_accessible_and_fit(
    live_server: Any, open_context: Open, sign_in: Any, books: Books, tmp_path: Path, width: int, scheme: str
) -> None:
    context = open_context(width=width, bypass_csp=True, color_scheme=scheme)
    sign_in(context, "operator")
    page, clean = context.new_page(), ([], 0)
    base = f"{live_server.url}/admin/bankfeeds/connection/{books.connection.pk}/validation/"
    page.goto(base)
    assert page.locator("#verdict").inner_text().startswith("Not ready to show to the customer:")
    assert judged(page) == clean
    page.get_by_role("link", name="Compare with the customer’s own export").click()
    page.get_by_role("heading", name="Compare with the customer's own export").wait_for()
    assert judged(page) == clean
    file = tmp_path / "export.csv"
    file.write_text(
        "Date,Amount,Description\n2026-06-01,1204.50,Kettles by the dozen\n2026-06-03,nothing,Dues\n"
    )
    page.get_by_label("The customer's export").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()
    page.get_by_role("heading", name="Is the file understood like this?").wait_for()
    assert judged(page) == clean
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("heading", name="The file and the ledger do not hold the same lines.").wait_for()
    assert judged(page) == clean
    assert ExportComparison.objects.get().only_ours == 3


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_print_view_is_made_with_one_press_and_has_no_navigation_on_paper(
    live_server: Any, open_context: Open, sign_in: Any, books: Books, width: int
) -> None:
    context = open_context(width=width)
    sign_in(context, "operator")
    page = context.new_page()
    page.goto(f"{live_server.url}/admin/bankfeeds/connection/{books.connection.pk}/validation/")
    page.get_by_role("button", name="Make the pack for the customer").click()
    page.get_by_role("heading", name="harbor-kettle").wait_for()
    assert (page.locator("nav").count(), sideways(page)) == (0, 0)
    page.evaluate("window.print = () => { document.title = 'printed' }")
    page.get_by_role("button", name="Print").click()
    assert page.title() == "printed"
    page.emulate_media(media="print")
    assert (page.get_by_role("button").count(), sideways(page)) == (0, 0)
    assert "by operator" in page.locator("header").inner_text()
