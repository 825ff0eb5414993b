"""Pulls in the console."""

from __future__ import annotations

from django.contrib import admin
from django.utils.formats import date_format
from unfold.admin import ModelAdmin

from audit.transitions import Button, ReadOnlyAdmin, TransitionAdmin
from bankfeeds import operations
from bankfeeds.admin.forms import AnswerForm
from bankfeeds.hosts import outages
from bankfeeds.models import Pull
from bankfeeds.models.pull import COUNTERS


@admin.register(Pull)
class PullAdmin(TransitionAdmin, ReadOnlyAdmin, ModelAdmin):
    list_display = (
        "requested_at", "connection", "account", "state", "read", "new", "same", "held", "attempts", "retry_at",
        "reason",
    )  # fmt: skip
    list_filter = ("state", "needs_person", "kind", "account__connection")
    list_select_related = ("account__connection",)
    search_fields = ("=id", "account__connection__label")
    date_hierarchy = "requested_at"
    show_full_result_count = False
    actions = None
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "connection",
                    "account",
                    "state",
                    "reason",
                    "waits_for",
                    "needs_person",
                    "retry_at",
                    "answer",
                )
            },
        ),
        (
            "Asked",
            {"fields": ("kind", "today", "window_start", "window_end", "requested_by", "requested_at")},
        ),
        ("Lines", {"fields": ("windows", *COUNTERS)}),
        ("Work", {"fields": ("attempts", "lease_owner", "lease_expires_at", "started_at", "finished_at")}),
    )
    buttons = (
        Button(name="answer", label="Answer", operation=operations.answer_held_pull, form=AnswerForm, reason=True,
               permission="bankfeeds.answer_held_pull", when=lambda pull: pull.state == "held",
               warning="Compare some of the lines with the bank's own portal first."),
        Button(name="retry", label="Try again", operation=operations.retry_pull, permission="bankfeeds.retry_pull",
               when=lambda pull: pull.state == "failed", done="Queued; a worker takes it shortly."),
    )  # fmt: skip

    @admin.display(ordering="account__connection__label")
    def connection(self, pull: Pull) -> str:
        return pull.account.connection.label

    @admin.display(description="waits for")
    def waits_for(self, pull: Pull) -> str:
        host = outages.waits_for(pull)
        if host is None:
            return "–"
        since = f" since {date_format(host.opened_at, 'DATETIME_FORMAT')}" if host.opened_at else ""
        return f"the bank's host {host.name}, which has not been reached{since}"
