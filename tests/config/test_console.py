"""The console's face: who sees what in the sidebar and on the landing page, the badge, and the framework's own rows."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import RequestFactory
from django.urls import reverse

from config import console


def sidebar(html: str) -> list[str]:
    """Return the titles in the sidebar, in order."""
    part = html.split('id="nav-sidebar-apps"', 1)[1].split("navigation_user", 1)[0]
    return re.findall(r"</span>\s*<span>([^<]+)</span>", part)


FEEDS = [
    "Feed health",
    "Connections",
    "Pulls",
    "Days",
    "Findings",
    "Lines",
    "Lines of today",
    "Quarantine",
    "Notes",
    "Bank hosts",
    "Outages",
]
ONBOARDING = ["Projects", "Customers", "Messages"]
KEYS = ["Keys", "Certificates", "Approvals", "Expiry notices", "Expiry mails"]
ADMINISTRATION = ["People", "Groups", "Schedules", "Failed tasks"]


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("outsider", ["What needs me now"]),
        ("operator", ["What needs me now", *ONBOARDING, *FEEDS, *KEYS]),
        ("auditor", ["What needs me now", *ONBOARDING, *FEEDS, *KEYS, "Audit record"]),
        (
            "admin",
            ["What needs me now", *ONBOARDING, *FEEDS, *KEYS, "Audit record", *ADMINISTRATION],
        ),
    ],
)
def test_the_sidebar_shows_what_a_person_may_view(as_: Any, name: str, titles: list[str]) -> None:
    page = as_(name).get("/admin/")
    assert sidebar(page.content.decode()) == titles


def test_every_entry_of_the_sidebar_leads_to_a_page(as_: Any) -> None:
    client = as_("admin")
    labels = [label for _, items in console.SECTIONS for _, label, _ in items]
    missing = [label for label in labels if not console.registered(label)]
    addresses = [
        reverse(f"admin:{label.lower().replace('.', '_')}_changelist")
        for label in labels
        if label not in missing
    ]
    assert missing == []
    assert {address: client.get(address).status_code for address in addresses} == dict.fromkeys(
        addresses, 200
    )


def test_an_outsider_is_told_so_and_sees_nothing_else(as_: Any) -> None:
    response = as_("outsider").get("/admin/")
    html = response.content.decode()
    assert response.status_code == 200
    assert "You have no rights here yet." in html
    assert "Ask an administrator." in html
    assert response.context_data["rows"] == []
    assert "lk-counts" not in html


def test_a_quiet_day_is_said_kindly(as_: Any) -> None:
    html = as_("operator").get("/admin/").content.decode()
    assert "Nothing needs you now." in html
    assert "You have no rights" not in html


def test_the_landing_page_turns_anonymous_people_away(client: Any, db: None) -> None:
    response = client.get("/admin/")
    assert (response.status_code, response["Location"]) == (302, "/admin/login/?next=/admin/")


@pytest.mark.parametrize(
    ("deployment", "public_url", "badge", "prefix"),
    [
        ("demo", "http://localhost", ["Demo", "info"], "[Demo]"),
        ("test", "https://status.vendor.example", ["Test", "warning"], "[Test]"),
        ("production", "https://status.vendor.example", ["Production", "danger"], ""),
        ("", "https://status.vendor.example", ["Production", "danger"], ""),
        ("", "http://localhost", ["Development", "success"], "[Development]"),
        ("Staging", "https://status.vendor.example", ["Staging", "warning"], "[Staging]"),
    ],
)
def test_the_badge_names_the_environment(
    monkeypatch: Any, settings: Any, deployment: str, public_url: str, badge: list[str], prefix: str
) -> None:
    monkeypatch.setenv("DEPLOYMENT", deployment)
    settings.PUBLIC_URL = public_url
    request = RequestFactory().get("/admin/")
    assert (console.environment(request), console.title_prefix(request)) == (badge, prefix)


def test_the_queue_is_only_looked_at_and_only_by_superusers(as_: Any, people: Any) -> None:
    allowed = {}
    for name in ("operator", "auditor", "admin"):
        client = as_(name)
        allowed[name] = [
            client.get(reverse(f"admin:django_q_{model}_changelist")).status_code
            for model in ("schedule", "failure")
        ]
    assert allowed == {"operator": [403, 403], "auditor": [403, 403], "admin": [200, 200]}
    assert as_("admin").get(reverse("admin:django_q_schedule_add")).status_code == 403


def test_a_queued_task_and_its_arguments_have_no_page() -> None:
    shown = {model._meta.label for model in admin.site._registry if model._meta.app_label == "django_q"}
    assert shown == {"django_q.Schedule", "django_q.Failure"}


def test_the_framework_s_own_pages_wear_the_theme() -> None:
    from unfold.admin import ModelAdmin

    plain = [m._meta.label for m, page in admin.site._registry.items() if not isinstance(page, ModelAdmin)]
    assert plain == []


@pytest.mark.parametrize("model", [User, Group])
def test_people_and_groups_are_the_administrator_s(as_: Any, model: Any) -> None:
    address = reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")
    assert {name: as_(name).get(address).status_code for name in ("approver", "admin")} == {
        "approver": 403,
        "admin": 200,
    }


def test_an_administrator_adds_a_person(as_: Any) -> None:
    phrase = "a-long-test-passphrase"
    typed = {"username": "newcomer", "password1": phrase, "password2": phrase, "usable_password": "true"}
    response = as_("admin").post(reverse("admin:auth_user_add"), typed)
    assert (response.status_code, User.objects.filter(username="newcomer").count()) == (302, 1)


@pytest.mark.parametrize(
    ("address", "status", "sentence"),
    [
        ("/nowhere/", 404, "There is nothing at this address."),
        ("/status/", 404, "There is nothing at this address."),
    ],
)
def test_error_pages_are_calm_and_reveal_nothing(
    client: Any, db: None, address: str, status: int, sentence: str
) -> None:
    response = client.get(address)
    html = response.content.decode()
    assert (response.status_code, sentence in html, "Django" in html, "Traceback" in html) == (
        status,
        True,
        False,
        False,
    )


def test_a_failing_page_says_nothing_of_the_failure(client: Any, db: None, monkeypatch: Any) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("obviously-internal-detail")

    monkeypatch.setattr("config.health.inspect", fail)
    client.raise_request_exception = False
    response = client.get("/readyz")
    html = response.content.decode()
    assert (response.status_code, "Something went wrong on our side." in html) == (500, True)
    assert "obviously-internal-detail" not in html
    assert "RuntimeError" not in html


def test_a_form_without_its_token_is_refused_in_words(people: Any) -> None:
    from django.test import Client

    response = Client(enforce_csrf_checks=True).post(
        "/admin/login/", {"username": "operator", "password": "x"}
    )
    assert (response.status_code, "That form had expired." in response.content.decode()) == (403, True)
