"""Findings in the console."""

from __future__ import annotations

from django.contrib import admin
from unfold.admin import ModelAdmin

from audit.transitions import Button, ReadOnlyAdmin, TransitionAdmin
from bankfeeds import operations
from bankfeeds.models import Finding


@admin.register(Finding)
class FindingAdmin(TransitionAdmin, ReadOnlyAdmin, ModelAdmin):
    list_display = ("opened_at", "connection", "account", "kind", "as_of_date", "sentence", "state")
    list_filter = ("state", "kind", "connection")
    list_select_related = ("connection", "account")
    search_fields = ("sentence", "connection__label")
    date_hierarchy = "opened_at"
    actions = None
    fieldsets = (
        (
            None,
            {"fields": ("sentence", "state", "kind", "connection", "account", "as_of_date", "pull", "data")},
        ),
        ("History", {"fields": ("opened_at", "closed_at", "reason")}),
    )
    buttons = (
        Button(name="resolve", label="Resolve", operation=operations.resolve_finding, reason=True,
               permission="bankfeeds.resolve_finding", when=lambda finding: finding.state == "open",
               warning="Only if the cause is gone; while it is not, the next pull opens the finding again."),
        Button(name="accept", label="Accept", operation=operations.accept_finding, reason=True,
               permission="bankfeeds.resolve_finding", when=lambda finding: finding.state == "open",
               warning="The cause stays, and you answer for it."),
    )  # fmt: skip
