"""Acting on keys in a real browser: accessible, wide and on a phone, and with the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page

from audit.recording import Actor
from certificates import operations
from certificates.models import KeyPair
from tests.browser.conftest import NARROW, WIDE, sideways, violations
from tests.certificates.authority import Authority, name, pem

pytestmark = pytest.mark.browser

Open = Callable[..., BrowserContext]
KEYS = "/admin/certificates/keypair"
ASK = "?scope=connection:harbor&use=signing&environment=test"


@pytest.fixture
def keys(people: dict[str, Any]) -> dict[str, KeyPair]:
    """Return a compromised key, an active one that ends soon, and a production request."""
    now, actor = timezone.now(), Actor.user(people["operator"])

    def request(use: str, environment: str = "test") -> KeyPair:
        return operations.generate_csr(
            scope="connection:harbor", use=use, environment=environment, actor=actor, now=now
        )

    lost, active, waiting = request("transport"), request("oauth"), request("oauth", "production")
    for key, days in ((lost, 200), (active, 40)):
        operations.self_sign_for_test(pk=key.pk, days=days, actor=actor, now=now)
    operations.mark_compromised(pk=lost.pk, actor=actor, now=now, reason="An exercise.")
    return {"lost": lost, "active": active, "waiting": waiting}


def judged(page: Page) -> tuple[list[str], int]:
    """Return the violations of the page and by how much it is too wide."""
    page.locator("details").evaluate_all("all => all.forEach(it => it.open = true)")
    return violations(page), sideways(page)


def drifted(key: KeyPair) -> str:
    """Return a chain for the request with another subject."""
    now = timezone.now()
    root = Authority("Harbour Test Root (not a bank)")
    leaf = root.sign(
        key.csr_pem, begins=now, ends=now + timedelta(days=365), subject=name("harbor.oauth.other")
    )
    return pem(leaf, root.certificate).decode()


@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "light"), (NARROW, "dark")])
def test_every_page_of_an_act_is_accessible_and_fits(
    live_server: Any, open_context: Open, sign_in: Any, keys: dict[str, KeyPair], width: int, scheme: str
) -> None:
    context = open_context(width=width, bypass_csp=True, color_scheme=scheme)
    sign_in(context, "operator")
    page, clean = context.new_page(), ([], 0)
    for path in (
        "/request/", "/check/", f"/{keys['active'].pk}/change/", f"/{keys['active'].pk}/do/compromise/",
        f"/{keys['lost'].pk}/compromised/", f"/{keys['active'].pk}/renewal/",
    ):  # fmt: skip
        page.goto(f"{live_server.url}{KEYS}{path}")
        assert (path, judged(page)) == (path, clean)
    page.goto(f"{live_server.url}{KEYS}/request/{ASK}")
    page.get_by_label("Country (C)").fill("us")
    page.get_by_role("button", name="Next: look at it").click()
    page.get_by_role("alert").wait_for()
    assert judged(page) == clean
    page.get_by_label("Country (C)").fill("US")
    page.get_by_role("button", name="Next: look at it").click()
    page.get_by_role("heading", name="This request will be made").wait_for()
    assert judged(page) == clean
    page.goto(f"{live_server.url}{KEYS}/{keys['waiting'].pk}/do/install/")
    page.get_by_label("Or its text").fill("not a certificate")
    page.get_by_role("button", name="Look at it").click()
    page.get_by_role("alert").wait_for()
    assert judged(page) == clean
    page.get_by_label("Or its text").fill(drifted(keys["waiting"]))
    page.get_by_role("button", name="Look at it").click()
    page.get_by_role("button", name="Install this certificate").click()
    page.get_by_text("tick this").wait_for()
    assert judged(page) == clean


def test_a_request_is_made_with_the_keyboard_alone(
    live_server: Any, open_context: Open, sign_in: Any, keys: dict[str, KeyPair]
) -> None:
    context = open_context()
    sign_in(context, "operator")
    page = context.new_page()
    page.goto(f"{live_server.url}{KEYS}/request/{ASK}")
    assert page.evaluate("document.activeElement.name") == "country"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="This request will be made").wait_for()
    assert KeyPair.objects.filter(use="signing").count() == 0
    page.get_by_role("button", name="Make the key and its request").press("Enter")
    page.get_by_text("Next: hand its request to the bank.").wait_for()
    with page.expect_download() as fetched:
        page.get_by_role("link", name="Request as PEM").press("Enter")
    made = KeyPair.objects.get(use="signing")
    assert fetched.value.suggested_filename == f"{made.common_name}.csr.pem"
    assert Path(fetched.value.path()).read_text() == made.csr_pem


def test_a_pasted_key_is_gone_from_the_page(
    live_server: Any, open_context: Open, sign_in: Any, people: Any
) -> None:
    context = open_context()
    sign_in(context, "operator")
    page = context.new_page()
    page.goto(f"{live_server.url}{KEYS}/check/")
    box = page.get_by_label("The signing request")
    box.fill("-----BEGIN PRIVATE KEY-----\nobviously-not-a-real-key\n-----END PRIVATE KEY-----")
    page.get_by_role("button", name="Check it").click()
    page.get_by_role("heading", name="That was a private key.").wait_for()
    assert (box.input_value(), "obviously-not-a-real-key" in page.content()) == ("", False)
    assert page.evaluate("document.activeElement.className") == "lk-refusal"
