"""The health pages in a real browser: accessible, wide and on a phone, in the light and in the dark."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext

from bankfeeds.models import Account, Finding
from tests.bankfeeds.keptdays import account, booked, connection, days
from tests.browser.conftest import NARROW, WIDE, sideways, violations

pytestmark = pytest.mark.browser

BASE = "/admin/bankfeeds/connection"


@pytest.fixture
def troubled() -> Account:
    """Return an account with every outcome of a pull and every state of a day."""
    now = timezone.now()
    mine = account(connection())
    for n, facts in enumerate(
        [
            {},
            {"new": 2, "read": 2},
            {"state": "undone"},
            {"state": "failed", "reason": "The bank said no."},
            {"state": "held"},
        ]
    ):
        booked(mine, now - timedelta(days=30 - n), **facts)
    days(
        mine, "qqppppbp.pf" + "p" * 200 + "bmfc", last=now.date(), pull=booked(mine, now - timedelta(days=9))
    )
    Finding.objects.create(connection=mine.connection, account=mine, kind="broken_day", key="x", opened_at=now,
                           as_of_date=now.date(), sentence="The difference is 12.34.")  # fmt: skip
    account(connection("kettle-draft", "draft"), "1")
    return mine


@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "dark"), (NARROW, "light")])
def test_the_health_pages_are_accessible_and_fit(
    live_server: Any,
    open_context: Callable[..., BrowserContext],
    sign_in: Any,
    troubled: Account,
    width: int,
    scheme: str,
) -> None:
    context = open_context(width=width, bypass_csp=True, color_scheme=scheme)
    sign_in(context, "auditor")
    page = context.new_page()
    for path in ("/health/", f"/{troubled.connection_id}/health/"):
        response = page.goto(f"{live_server.url}{BASE}{path}")
        assert response
        page.locator("details").evaluate_all("all => all.forEach(it => it.open = true)")
        assert (path, response.status, violations(page), sideways(page)) == (path, 200, [], 0)
    newest = page.locator(".lk-day-provisional").first
    assert newest.is_visible()
    box, frame = newest.bounding_box(), page.locator(".lk-heat").bounding_box()
    assert box
    assert frame
    assert frame["x"] <= box["x"] <= frame["x"] + frame["width"]  # this week is in sight without scrolling
