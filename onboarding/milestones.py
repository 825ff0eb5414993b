"""The mails: which there are, and how one is rendered. The link is put in while it is sent, never stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string

from onboarding import queries
from onboarding.models import Project

REQUESTED, PLEASE_CONFIRM, INELIGIBLE, CORRECTION, LIVE = (
    "requested",
    "please_confirm",
    "ineligible",
    "correction",
    "live",
)
MILESTONES = (
    REQUESTED,
    "initial_request",
    "kickoff",
    "technical_setup",
    "security_admins",
    "bank_approval",
    LIVE,
)
"""The six milestones and going live, each mailed once per contact."""

LINK = "[[the address of your status page]]"
"""Stands in a stored mail where the address of the contact's own page goes."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A rendered mail, with LINK in place of the address."""

    subject: str
    text: str
    html: str


def render(milestone: str, project: Project, *, now: datetime, reason: str = "") -> Mail:
    """Return the mail of a milestone as the project stands now.

    ``correction-2`` and the like share one template. ``reason`` is read by the customer.
    """
    status = queries.status_of(project, now=now)
    context = {
        "status": status,
        "turn": TURNS[status.turn],
        "reason": reason,
        "link": LINK,
        "vendor": settings.VENDOR_NAME,
    }
    return _mail(milestone.split("-")[0], context)


def render_code(code: str, *, minutes: int) -> Mail:
    """Return the mail that carries a six-digit code. It is sent, never stored."""
    return _mail("code", {"code": code, "minutes": minutes, "vendor": settings.VENDOR_NAME})


TURNS = {
    "customer": "It is your turn.",
    "us": "It is our turn; there is nothing for you to do.",
    "bank": "It is J.P. Morgan's turn; there is nothing for you to do.",
    "": "There is nothing for you to do.",
}


def _mail(name: str, context: dict[str, object]) -> Mail:
    base = f"onboarding/mail/{name}"
    subject = " ".join(render_to_string(f"{base}.subject", context).split())
    return Mail(subject, render_to_string(f"{base}.txt", context), render_to_string(f"{base}.html", context))
