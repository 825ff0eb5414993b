"""Certificates and keys in a real browser: accessible, wide and on a phone, in the light and in the dark."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page

from audit.recording import Actor
from certificates import operations
from certificates.models import Certificate, KeyPair
from tests.browser.conftest import NARROW, WIDE, sideways, violations
from tests.certificates.authority import Authority, pem

pytestmark = pytest.mark.browser

Open = Callable[..., BrowserContext]
BASE = "/admin/certificates"
CALENDAR = f"{BASE}/certificate/calendar/"


@pytest.fixture
def people_s_certificates(people: dict[str, Any]) -> tuple[Certificate, KeyPair]:
    """Return a certificate that ends in 20 days and a request in the bank's hands."""
    now, actor = timezone.now(), Actor.user(people["operator"])
    root = Authority("Harbour Test Root (not a bank)")
    issuing = Authority("Harbour Test Issuing (not a bank)", root, ends=now + timedelta(days=50))
    key = operations.generate_csr(
        scope="connection:harbor", use="oauth", environment="test", actor=actor, now=now
    )
    leaf = issuing.sign(key.csr_pem, begins=now - timedelta(days=300), ends=now + timedelta(days=20))
    material = pem(leaf, issuing.certificate, root.certificate)
    certificate = operations.install_certificate(scope=key.scope, material=material, actor=actor, now=now)
    operations.record_proof(pk=key.pk, problem="The bank said: invalid_client.", actor=actor, now=now)
    waiting = operations.generate_csr(
        scope="connection:kettle", use="oauth", environment="production", actor=actor, now=now
    )
    operations.mark_submitted(pk=waiting.pk, actor=actor, now=now, reference="EXAMPLE-1")
    return certificate, waiting


def opened(page: Page, address: str) -> tuple[str, list[str], int]:
    """Return the page's address, its violations and by how much it is too wide."""
    response = page.goto(address)
    assert response
    assert response.status == 200
    page.locator("details").evaluate_all("all => all.forEach(it => it.open = true)")
    return (address, violations(page), sideways(page))


@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "dark"), (NARROW, "light")])
def test_lists_pages_and_calendar_are_accessible_and_fit(
    live_server: Any, open_context: Open, sign_in: Any, people_s_certificates: Any, width: int, scheme: str
) -> None:
    certificate, waiting = people_s_certificates
    context = open_context(width=width, bypass_csp=True, color_scheme=scheme)
    sign_in(context, "auditor")
    page = context.new_page()
    paths = [
        f"{BASE}/certificate/",
        f"{BASE}/keypair/",
        CALENDAR,
        f"{BASE}/certificate/{certificate.pk}/change/",
        f"{BASE}/keypair/{waiting.pk}/change/",
    ]
    addresses = [f"{live_server.url}{path}" for path in paths]
    assert [opened(page, address) for address in addresses] == [(address, [], 0) for address in addresses]


def test_the_keyboard_leads_from_the_list_over_the_calendar_to_the_chain(
    live_server: Any, open_context: Open, sign_in: Any, people_s_certificates: Any
) -> None:
    context = open_context()
    sign_in(context, "operator")
    page = context.new_page()
    page.goto(f"{live_server.url}{BASE}/certificate/")
    page.get_by_role("link", name="Calendar of expiries").press("Enter")
    page.wait_for_url(f"**{CALENDAR}")
    assert page.get_by_role("heading", level=1).inner_text() == "Calendar of expiries"
    page.get_by_role("link", name="harbor").press("Enter")
    page.wait_for_url("**/change/")
    drawings = page.get_by_role("img", name="Chain of harbor.oauth.test.lockkeeper")
    assert [drawing.is_visible() for drawing in drawings.all()] == [True]
    words = page.get_by_text("The chain as text")
    words.press("Enter")
    assert (
        page.locator(".lk-chain-list li")
        .all_inner_texts()[1]
        .startswith("Intermediate: Harbour Test Issuing")
    )
