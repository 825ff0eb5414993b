"""The customers' status page: read with a link and nothing else, written with a six-digit code a person types.

GET and HEAD change nothing, however often a mail scanner sends them. A link that does not open answers with the same
page, whether it is wrong, revoked or somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from audit.workflow import OperationRefused
from onboarding import operations, queries

HEADERS = {
    "Cache-Control": "no-store, private",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}

TURNS = {"customer": "Your turn", "us": "Our turn", "bank": "J.P. Morgan’s turn"}
NO_TURN = {"live": "All done", "on_hold": "On hold", "cancelled": "Cancelled"}
LOOKS = {"done": "done", "waived": "done", "not_ready": "later"}
"""How a step is drawn, by its state; every other state is under way."""

View = Callable[[HttpRequest, str], HttpResponse]


@dataclass(frozen=True, slots=True)
class DrawnStep:
    """A line of the status with the way it is drawn: done, now or later."""

    line: queries.StepLine
    look: str


def private(view: View) -> View:
    """Forbid caching, indexing, referrers and framing for every answer of a view."""

    @wraps(view)
    def answer(request: HttpRequest, token: str) -> HttpResponse:
        response = view(request, token)
        for name, value in HEADERS.items():
            response[name] = value
        return response

    return answer


@private
@require_http_methods(["GET", "HEAD"])
def status(request: HttpRequest, token: str) -> HttpResponse:
    """Show where the customer's connection stands."""
    return _page(request, token)


@private
@require_http_methods(["POST"])
def code(request: HttpRequest, token: str) -> HttpResponse:
    """Mail a six-digit code to the contact the link belongs to."""
    try:
        operations.request_code(token=token, now=timezone.now(), address=_address(request))
    except OperationRefused as refusal:
        return _page(request, token, asking=True, problem=refusal.sentence, status=409)
    return HttpResponseRedirect(f"{reverse('portal-confirm', args=[token])}#action")


@private
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for the code (GET), or record the confirmation of the data with it (POST)."""
    if request.method != "POST":
        return _page(request, token, asking=True)
    typed = re.sub(r"\s", "", request.POST.get("code", ""))
    if not re.fullmatch(r"[0-9]{6}", typed):
        return _page(request, token, asking=True, problem="The code has six digits.", wrong=True, status=400)
    try:
        operations.confirm_with_code(token=token, code=typed, now=timezone.now(), address=_address(request))
    except OperationRefused as refusal:
        return _page(request, token, asking=True, problem=refusal.sentence, wrong=True, status=409)
    return HttpResponseRedirect(reverse("portal-status", args=[token]))


def _page(
    request: HttpRequest,
    token: str,
    *,
    asking: bool = False,
    problem: str = "",
    wrong: bool = False,
    status: int = 200,
) -> HttpResponse:
    """Render the page; ``asking`` shows the field for the code, ``wrong`` says that what was typed is the problem."""
    now = timezone.now()
    found = queries.status_for(token, now=now)
    if found is None:
        return _invalid(request)
    steps = [DrawnStep(line, LOOKS.get(line.state, "now")) for line in found.steps]
    context: dict[str, Any] = {
        "status": found,
        "steps": steps,
        "under_way": [step.line for step in steps if step.look == "now"],
        "finished_steps": sum(step.look == "done" for step in steps),
        "turn_words": TURNS.get(found.turn) or NO_TURN.get(found.state, "Nobody’s turn"),
        "manager_dial": re.sub(r"[^+0-9]", "", found.manager_phone),
        "asking": asking and found.confirmable,
        "problem": problem,
        "wrong": wrong,
        "vendor": settings.VENDOR_NAME,
        "token": token,
        "now": now,
    }
    return render(request, "onboarding/portal/status.html", context, status=status)


def _invalid(request: HttpRequest) -> HttpResponse:
    context = {"vendor": settings.VENDOR_NAME, "contact": settings.OPS_EMAIL}
    return render(request, "onboarding/portal/invalid.html", context, status=404)


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
