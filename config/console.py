"""The console's face: names, colours, sidebar, environment badge, and the landing page's answer to "what needs me now".

Imported by the settings, so nothing here touches a model before a request asks for it.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone

ENVIRONMENTS = {
    "demo": ["Demo", "info"],
    "test": ["Test", "warning"],
    "production": ["Production", "danger"],
    "development": ["Development", "success"],
}

SECTIONS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Onboarding",
        (
            ("Projects", "onboarding.Project", "route"),
            ("Customers", "onboarding.Customer", "domain"),
            ("Messages", "onboarding.Message", "mail"),
        ),
    ),
    (
        "Bank feeds",
        (
            ("Connections", "bankfeeds.Connection", "cable"),
            ("Pulls", "bankfeeds.Pull", "download"),
            ("Days", "bankfeeds.Day", "calendar_month"),
            ("Findings", "bankfeeds.Finding", "flag"),
            ("Lines", "bankfeeds.Line", "receipt_long"),
            ("Lines of today", "bankfeeds.ProvisionalLine", "hourglass_top"),
            ("Quarantine", "bankfeeds.RejectedLine", "report"),
            ("Notes", "bankfeeds.LineNote", "sticky_note_2"),
            ("Bank hosts", "bankfeeds.BankHost", "dns"),
            ("Outages", "bankfeeds.Outage", "cloud_off"),
        ),
    ),
    (
        "Certificates",
        (
            ("Keys", "certificates.KeyPair", "key"),
            ("Certificates", "certificates.Certificate", "verified_user"),
            ("Approvals", "certificates.Approval", "group_add"),
            ("Expiry notices", "certificates.Notice", "notifications"),
            ("Expiry mails", "certificates.NoticeMail", "mail"),
        ),
    ),
    ("Audit", (("Audit record", "audit.AuditEntry", "history_edu"),)),
    (
        "Administration",
        (
            ("People", "auth.User", "person"),
            ("Groups", "auth.Group", "group"),
            ("Schedules", "django_q.Schedule", "schedule"),
            ("Failed tasks", "django_q.Failure", "error"),
        ),
    ),
)
"""The sidebar: section, then (title, model, icon). A person sees the items whose model they may view."""

OUR_APPS = frozenset({"audit", "certificates", "bankfeeds", "onboarding"})


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows of one kind wait, for a card above the list."""

    kind: str
    number: int


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar for the theme; each item carries the permission that shows it."""
    health = {
        "title": "Feed health",
        "icon": "monitor_heart",
        "link": reverse("admin:bankfeeds_connection_feeds"),
        "permission": lambda request: may_view(request, "bankfeeds.Connection"),
    }
    landing = {"title": "What needs me now", "icon": "inbox", "link": reverse("admin:index")}
    sections: list[dict[str, Any]] = [
        {"title": title, "separator": True, "items": [_item(*item) for item in items if registered(item[1])]}
        for title, items in SECTIONS
    ]
    next(one["items"] for one in sections if one["title"] == "Bank feeds").insert(0, health)
    return [{"items": [landing]}, *sections]


def registered(label: str) -> bool:
    """Say whether the console has pages for the model ``label``."""
    from django.apps import apps
    from django.contrib import admin

    app, model = label.split(".")
    return model.lower() in apps.all_models[app] and admin.site.is_registered(apps.get_model(label))


def _item(title: str, label: str, icon: str) -> dict[str, Any]:
    app, model = label.lower().split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse(f"admin:{app}_{model}_changelist"),
        "permission": lambda request: may_view(request, label),
    }


def may_view(request: HttpRequest, label: str) -> bool:
    """Say whether the console lets this person view rows of the model ``label``."""
    from django.apps import apps
    from django.contrib import admin

    allowed: bool = admin.site.get_model_admin(apps.get_model(label)).has_view_permission(request)
    return allowed


def environment(request: HttpRequest) -> list[str]:
    """Return the badge's words and colour, from the variable DEPLOYMENT or, without it, from how we are served."""
    named = os.environ.get("DEPLOYMENT", "").strip().lower()
    if named in ENVIRONMENTS:
        return ENVIRONMENTS[named]
    if named:
        return [named.capitalize(), "warning"]
    if settings.DEBUG or not settings.PUBLIC_URL.startswith("https://"):
        return ENVIRONMENTS["development"]
    return ENVIRONMENTS["production"]


def title_prefix(request: HttpRequest) -> str:
    """Return what precedes every page title: nothing in production, the environment's name in brackets elsewhere."""
    words = environment(request)[0]
    return "" if words == "Production" else f"[{words}]"


def has_rights(request: HttpRequest) -> bool:
    """Say whether this person holds any right over the product's own rows."""
    user = request.user
    return any(user.has_module_perms(app) for app in OUR_APPS)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the landing page shows: the rows that need this person, most consequential first, and their counts."""
    from onboarding import queries

    now = timezone.now()
    rows = list(queries.what_needs_me_now(request.user, now=now)) if has_rights(request) else []
    counts = [Count(kind, number) for kind, number in Counter(row.kind for row in rows).items()]
    title = "What needs me now"
    return {
        **context,
        "title": title,
        "rows": rows,
        "counts": counts,
        "no_rights": not has_rights(request),
        "now": now,
    }


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Lockkeeper",
    "SITE_HEADER": "Lockkeeper",
    "SITE_SUBHEADER": "Bank connections",
    "SITE_URL": None,
    "SITE_ICON": lambda request: static("lockkeeper/mark.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("lockkeeper/favicon.svg")},
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "BORDER_RADIUS": "8px",
    "ENVIRONMENT": "config.console.environment",
    "ENVIRONMENT_TITLE_PREFIX": "config.console.title_prefix",
    "DASHBOARD_CALLBACK": "config.console.dashboard",
    "STYLES": [lambda request: static("lockkeeper/console.css")],
    "SCRIPTS": [lambda request: static("lockkeeper/console.js")],
    "LOGIN": {"image": lambda request: static("lockkeeper/flight.svg")},
    "COLORS": {
        "primary": {
            "50": "#eef7f8",
            "100": "#d8ecee",
            "200": "#b3d9dd",
            "300": "#82bfc7",
            "400": "#4a9fab",
            "500": "#2c8593",
            "600": "#0f6a79",
            "700": "#0b5563",
            "800": "#0a4450",
            "900": "#093943",
            "950": "#04232a",
        },
    },
    # The command palette would keep names of customers in the cache: it searches pages, not rows.
    "COMMAND": {"search_models": False, "show_history": False},
    "SIDEBAR": {
        "show_search": False,
        "command_search": False,
        "show_all_applications": False,
        "navigation": navigation,
    },
}
