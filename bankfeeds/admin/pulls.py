"""Pulls in the console."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from audit.transitions import Button, ReadOnlyAdmin, TransitionAdmin
from bankfeeds import operations
from bankfeeds.admin.forms import AnswerForm
from bankfeeds.admin.notes import author_names
from bankfeeds.admin.pull_pages import answer_page, held_context, undo_page
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
    change_form_outer_before_template = "admin/bankfeeds/pull/page.html"
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
            {"fields": ("kind", "today", "window_start", "window_end", "asked_by", "requested_at")},
        ),
        ("Lines", {"fields": ("windows", *COUNTERS, "wrote")}),
        (
            "Work",
            {
                "fields": (
                    "attempts",
                    "lease_owner",
                    "lease_expires_at",
                    "started_at",
                    "finished_at",
                    "undone_at",
                )
            },
        ),
    )
    buttons = (
        Button(name="answer", label="Answer", operation=operations.answer_held_pull, form=AnswerForm, reason=True,
               page=answer_page,
               permission="bankfeeds.answer_held_pull", when=lambda pull: pull.state == "held",
               warning="Compare some of the lines with the bank's own portal first."),
        Button(name="retry", label="Try again", operation=operations.retry_pull, permission="bankfeeds.retry_pull",
               when=lambda pull: pull.state == "failed", done="Queued; a worker takes it shortly."),
        Button(name="undo", label="Undo", operation=operations.undo_pull, permission="bankfeeds.undo_pull", reason=True,
               style="danger", page=undo_page, when=lambda pull: pull.state == "booked",
               done="Undone. Its days are missing now; the next pull reads them again, “Pull now” does so at once."),
    )  # fmt: skip

    @admin.display(ordering="account__connection__label")
    def connection(self, pull: Pull) -> str:
        return pull.account.connection.label

    @admin.display(description="requested by")
    def asked_by(self, pull: Pull) -> str:
        return author_names([pull.requested_by])[pull.requested_by]

    @admin.display(description="waits for")
    def waits_for(self, pull: Pull) -> str:
        host = outages.waits_for(pull)
        if host is None:
            return "–"
        since = f" since {date_format(host.opened_at, 'DATETIME_FORMAT')}" if host.opened_at else ""
        return f"the bank's host {host.name}, which has not been reached{since}"

    @admin.display(description="the lines themselves")
    def wrote(self, pull: Pull) -> SafeString:
        lines = reverse("admin:bankfeeds_line_changelist")
        changed = pull.amended + pull.renumbered + pull.withdrawn
        links = [
            (f"{lines}?first_pull__exact={pull.pk}", f"first seen: {pull.new}", pull.new),
            (f"{lines}?changed_by={pull.pk}", f"changed: {changed}", changed),
            (
                f"{reverse('admin:bankfeeds_rejectedline_changelist')}?pull__exact={pull.pk}",
                f"not taken: {pull.rejected}",
                pull.rejected,
            ),
        ]
        found = [(url, words) for url, words, count in links if count]
        return format_html_join(", ", '<a class="lk-link" href="{}">{}</a>', found) or format_html("{}", "–")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        pull = self.get_object(request, object_id)
        may = pull is not None and self.has_view_permission(request, pull)
        may_answer = request.user.has_perm("bankfeeds.answer_held_pull")
        context = {
            **(extra_context or {}),
            **(held_context(pull) if may else {}),
            "may_answer": may_answer,
        }
        return super().change_view(request, object_id, form_url, context)
