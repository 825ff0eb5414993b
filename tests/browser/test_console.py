"""The console in a real browser: nothing from elsewhere, accessible, usable with the keyboard and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page

from onboarding.models import Project
from tests.browser.conftest import NARROW, WIDE, sideways, violations
from tests.onboarding.stages import bring_to

pytestmark = pytest.mark.browser

Open = Callable[..., BrowserContext]
SignIn = Callable[[BrowserContext, str], None]


@pytest.fixture
def visit(live_server: Any, open_context: Open, sign_in: SignIn) -> Callable[..., Page]:
    """Return a function that opens a page of the console as one of the people."""

    def open_page(name: str, path: str, **options: Any) -> Page:
        context = open_context(**options)
        sign_in(context, name)
        page = context.new_page()
        response = page.goto(f"{live_server.url}{path}")
        assert response
        assert response.status == 200
        return page

    return open_page


def focused(page: Page) -> str:
    """Return the name or class of the element with the focus."""
    found: str = page.evaluate("document.activeElement.name || document.activeElement.className")
    return found


def project_path(project: Project, tail: str = "change/") -> str:
    return f"/admin/onboarding/project/{project.pk}/{tail}"


def test_a_person_signs_in_with_the_keyboard_alone(live_server: Any, people: Any, open_context: Open) -> None:
    page = open_context().new_page()
    page.goto(f"{live_server.url}/admin/")
    page.get_by_label("Username").focus()
    page.keyboard.type("outsider")
    page.keyboard.press("Tab")
    page.keyboard.type("obviously-a-test-password")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{live_server.url}/admin/")
    assert page.get_by_role("heading", level=1).inner_text() == "What needs me now"


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("name", ["operator", "outsider"])
def test_the_landing_page_is_accessible_and_fits(visit: Any, people: Any, name: str, width: int) -> None:
    bring_to("side_by_side", now=timezone.now())
    page = visit(name, "/admin/", width=width, bypass_csp=True)
    assert (page.locator(".lk-row").count() > 0) == (name == "operator")
    assert (violations(page), sideways(page)) == ([], 0)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_login_page_is_accessible_and_fits(live_server: Any, open_context: Open, width: int) -> None:
    page = open_context(width=width, bypass_csp=True).new_page()
    page.goto(f"{live_server.url}/admin/login/")
    serious = [line for line in violations(page) if line.startswith(("serious", "critical"))]
    assert (serious, sideways(page)) == ([], 0)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_project_page_is_accessible_and_fits(visit: Any, people: Any, width: int) -> None:
    stage = bring_to("side_by_side", now=timezone.now())
    page = visit("operator", project_path(stage.project), width=width, bypass_csp=True)
    assert page.locator(".lk-step").count() == 6
    assert (violations(page), sideways(page)) == ([], 0)


def test_a_row_leads_to_its_project_and_an_act_asks_before_it_acts(visit: Any, people: Any) -> None:
    stage = bring_to("side_by_side", now=timezone.now())
    page = visit("operator", "/admin/")
    page.locator(".lk-row", has_text="Step 3").locator(".lk-row-act a").click()
    page.wait_for_url(f"**{project_path(stage.project)}*")
    page.get_by_role("link", name="Hold", exact=True).click()
    page.get_by_role("heading", name="Hold", exact=True).wait_for()
    assert Project.objects.get(pk=stage.project.pk).state == "technical_setup"


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_confirmation_of_an_act_takes_the_keyboard_to_its_first_field(
    visit: Any, people: Any, width: int
) -> None:
    stage = bring_to("side_by_side", now=timezone.now())
    page = visit("operator", project_path(stage.project, "do/cancel/"), width=width, bypass_csp=True)
    assert focused(page) == "reason"
    assert (violations(page), sideways(page)) == ([], 0)


def test_an_act_without_its_reason_is_not_done_and_says_so(visit: Any, people: Any) -> None:
    stage = bring_to("side_by_side", now=timezone.now())
    page = visit("operator", project_path(stage.project, "do/cancel/"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert focused(page) == "lk-refusal"
    assert page.title().startswith("[Development] Not done:")
    assert Project.objects.get(pk=stage.project.pk).state == "technical_setup"


def test_an_act_is_taken_with_the_keyboard_alone(visit: Any, people: Any) -> None:
    stage = bring_to("side_by_side", now=timezone.now())
    page = visit("operator", project_path(stage.project, "do/cancel/"))
    page.keyboard.type("The customer chose another bank.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{project_path(stage.project)}")
    assert Project.objects.get(pk=stage.project.pk).state == "cancelled"


def test_a_refused_act_names_what_is_missing(visit: Any, people: Any) -> None:
    stage = bring_to("side_by_side", now=timezone.now())
    page = visit("operator", project_path(stage.project))
    page.get_by_role("link", name="Complete step 3").click()
    page.get_by_role("button", name="Complete step 3").click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "This was not done." in alert.inner_text()
    assert "Missing: the certificate signing request submitted to J.P. Morgan" in alert.inner_text()
