"""The status page in a real browser: accessible, narrow and wide, without script, and confirmed by a person."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page

from onboarding.models import Step
from tests.browser.conftest import NARROW, WIDE, sideways, violations
from tests.onboarding.stages import STAGES, Stage, bring_to

pytestmark = pytest.mark.browser

Open = Callable[..., BrowserContext]
SHOWN = [name for name in STAGES if name != "cancelled"]

TARGETS = """
() => [...document.querySelectorAll('a, button, input:not([type=hidden])')]
  .filter(it => !it.classList.contains('skip'))
  .map(it => [it.textContent.trim() || it.id, it.getBoundingClientRect()])
  .filter(([_, box]) => box.width < 24 || box.height < 24)
  .map(([name, box]) => `${name} ${box.width}x${box.height}`)
"""


def visit(page: Page, live_server: Any, stage: Stage, tail: str = "") -> Page:
    response = page.goto(f"{live_server.url}{stage.path}{tail}")
    assert response
    assert response.status == 200
    return page


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("name", SHOWN)
def test_every_stage_is_accessible_and_fits(
    live_server: Any, open_context: Open, name: str, width: int
) -> None:
    stage = bring_to(name, now=timezone.now())
    page = visit(open_context(width=width, bypass_csp=True).new_page(), live_server, stage)
    assert (violations(page), sideways(page), page.evaluate(TARGETS)) == ([], 0, [])


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_code_s_form_and_its_refusal_are_accessible(
    live_server: Any, open_context: Open, width: int
) -> None:
    stage = bring_to("confirm", now=timezone.now())
    page = visit(open_context(width=width, bypass_csp=True).new_page(), live_server, stage, "confirm/")
    page.get_by_label("Six-digit code").fill("12")
    page.get_by_role("button", name="Confirm the data").click()
    page.get_by_role("alert").wait_for()
    assert (violations(page), sideways(page), page.evaluate(TARGETS)) == ([], 0, [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_colour_schemes_have_the_contrast(live_server: Any, open_context: Open, scheme: str) -> None:
    stage = bring_to("confirm", now=timezone.now())
    context = open_context(bypass_csp=True, color_scheme=scheme)
    assert violations(visit(context.new_page(), live_server, stage)) == []


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_page_of_a_link_that_does_not_open_is_accessible(
    live_server: Any, open_context: Open, width: int
) -> None:
    page = open_context(width=width, bypass_csp=True).new_page()
    page.goto(f"{live_server.url}/status/{'C' * 43}/")
    assert (violations(page), sideways(page)) == ([], 0)


def test_it_reads_the_same_without_script_and_sets_no_cookie(live_server: Any, open_context: Open) -> None:
    stage = bring_to("bank", now=timezone.now())
    context = open_context(java_script_enabled=False)
    page = visit(context.new_page(), live_server, stage)
    headings = page.get_by_role("heading", level=2).all_inner_texts()
    assert page.get_by_role("heading", level=1).inner_text() == "J.P. Morgan is reviewing the request."
    assert headings == [
        "Your next action",
        "Expected finish",
        "The six steps",
        "What comes next",
        "Your account manager",
        "History",
    ]
    assert page.locator("ol.road > li").count() == 6
    assert context.cookies() == []


def test_a_person_confirms_the_data_with_the_keyboard(live_server: Any, open_context: Open) -> None:
    stage = bring_to("confirm", now=timezone.now())
    page = visit(open_context(java_script_enabled=False).new_page(), live_server, stage)
    page.get_by_role("button", name="Send me a code").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/confirm/#action")
    found = re.search(r"\b(\d{6})\b", str(mail.outbox[0].body))
    assert found
    page.get_by_label("Six-digit code").focus()
    page.keyboard.insert_text(f"{found[1][:3]} {found[1][3:]}")  # as a paste
    page.keyboard.press("Enter")
    page.wait_for_url(f"{live_server.url}{stage.path}")
    assert page.locator("form").count() == 0
    assert Step.objects.get(project=stage.project, number=6).evidence.filter(item="confirmation").count() == 1


def test_the_keyboard_reaches_everything_and_focus_shows(live_server: Any, open_context: Open) -> None:
    stage = bring_to("confirm", now=timezone.now())
    page = visit(open_context().new_page(), live_server, stage)
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "[document.activeElement.textContent.trim().split(/\\s+/).slice(0, 4).join(' '),"
                " getComputedStyle(document.activeElement).outlineStyle]"
            )
        )
    assert reached == [
        ["Skip to the content", "solid"],
        ["Send me a code", "solid"],
        ["I have a code", "solid"],
        ["Mail robin.example@vendor.example", "solid"],
        ["Phone +1 555 0100", "solid"],
    ]


def test_printed_it_keeps_what_matters_and_drops_what_cannot_be_pressed(
    live_server: Any, open_context: Open
) -> None:
    stage = bring_to("confirm", now=timezone.now())
    page = visit(open_context().new_page(), live_server, stage)
    page.emulate_media(media="print")
    shown = {
        name: page.locator(name).first.is_visible()
        for name in ("h1", ".road", ".manager", ".log", ".confirm", ".skip")
    }
    assert shown == {
        "h1": True,
        ".road": True,
        ".manager": True,
        ".log": True,
        ".confirm": False,
        ".skip": False,
    }


def test_the_account_manager_stands_in_the_same_place_at_every_stage(
    live_server: Any, open_context: Open
) -> None:
    places = set()
    page = open_context().new_page()
    for number, name in enumerate(("requested", "bank", "live")):
        visit(page, live_server, bring_to(name, now=timezone.now(), name=f"EXAMPLE {number}"))
        places.add(page.evaluate("document.querySelector('.manager').getBoundingClientRect().x"))
    assert len(places) == 1
