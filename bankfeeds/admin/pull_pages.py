"""The pages on which a person answers a held pull or undoes a booked one, each with its preview."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from audit.transitions import Button, form_of
from bankfeeds.previews.held import HeldPreview, held_preview
from bankfeeds.previews.undo import undo_preview
from bankfeeds.reports import amount_in_thousands


def answer_page(admin: Any, request: HttpRequest, pull: Any, button: Button) -> HttpResponse:
    """Ask what the lines are that the pull is held for, beside what each answer would write."""
    form = form_of(button, request)
    if admin.acted(request, pull, button, form):
        return HttpResponseRedirect(reverse("admin:bankfeeds_pull_change", args=[pull.pk]))
    held = held_context(pull)
    page: HttpResponse = admin.act_page(
        request, pull, button, form, "admin/bankfeeds/pull/answer.html", **held
    )
    return page


def undo_page(admin: Any, request: HttpRequest, pull: Any, button: Button) -> HttpResponse:
    """Ask for the reason of an undo, below what it would do to each day."""
    form = form_of(button, request)
    if admin.acted(request, pull, button, form):
        return HttpResponseRedirect(reverse("admin:bankfeeds_pull_change", args=[pull.pk]))
    preview = undo_preview(pull) if pull.state == "booked" else None
    page: HttpResponse = admin.act_page(
        request, pull, button, form, "admin/bankfeeds/pull/undo.html", preview=preview
    )
    return page


def held_context(pull: Any) -> dict[str, Any]:
    """Return the preview of a held pull and its pairs as rows of text; nothing for any other."""
    if pull.state != "held":
        return {"held": None, "pairs": []}
    held = held_preview(pull)
    return {"held": held, "pairs": _pairs(held)}


def _pairs(held: HeldPreview) -> list[dict[str, Any]]:
    return [
        {
            "day": twin.line.as_of_date,
            "amount": amount_in_thousands(twin.line.amount, twin.line.currency),
            "currency": twin.line.currency,
            "direction": twin.line.direction.capitalize(),
            "description": twin.line.description,
            "new_id": twin.line.transaction_id,
            "old_id": twin.ours.transaction_id,
            "url": reverse("admin:bankfeeds_line_change", args=[twin.ours.pk]),
            "listed": twin.listed,
        }
        for twin in held.pairs
    ]
