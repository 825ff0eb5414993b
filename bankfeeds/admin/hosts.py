"""The bank's hosts in the console: whether they are called, what waits for them, and the outages there were."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from audit.transitions import Button, ReadOnlyAdmin, TransitionAdmin
from bankfeeds import operations
from bankfeeds.admin.connections import table
from bankfeeds.hosts import waiting
from bankfeeds.models import BankHost, Outage


@admin.register(BankHost)
class BankHostAdmin(TransitionAdmin, ReadOnlyAdmin, ModelAdmin):
    list_display = ("name", "state", "since", "feeds_waiting", "retry_at", "reason")
    list_filter = ("state",)
    search_fields = ("name",)
    actions = None
    fieldsets = (
        (None, {"fields": ("name", "state", "since", "reason", "failures")}),
        ("While it is not called", {"fields": ("feeds_waiting", "pulls_waiting", "retry_at", "next_step")}),
        ("Outages", {"fields": ("outage_table",)}),
    )
    buttons = (
        Button(name="call", label="Call again now", operation=operations.call_host_again, reason=True,
               permission="bankfeeds.reset_bankhost", when=lambda host: host.state != "closed",
               warning="One waiting pull tries the host within a minute; the others follow only if it answers.",
               done="One pull tries it within a minute."),
    )  # fmt: skip

    def has_act_permission(self, request: HttpRequest, obj: Any, button: Button) -> bool:
        # Nobody changes a host's row by hand, so there is no right to change it: the act's own is asked for.
        return self.has_view_permission(request, obj) and request.user.has_perm(button.permission)

    @admin.display(description="not reached since", ordering="opened_at")
    def since(self, host: BankHost) -> str:
        return _moment(host.opened_at) if host.opened_at else "–"

    @admin.display(description="feeds waiting")
    def feeds_waiting(self, host: BankHost) -> int:
        return 0 if host.state == "closed" else waiting.feeds_waiting_for(host.name)

    @admin.display(description="pulls waiting")
    def pulls_waiting(self, host: BankHost) -> int:
        return 0 if host.state == "closed" else waiting.pulls_waiting_for(host.name).count()

    @admin.display(description="what happens next")
    def next_step(self, host: BankHost) -> str:
        if host.state == "closed":
            return "Every worker calls it."
        if host.state == "half_open":
            return "One worker tries it at this moment; if it answers, all call it again."
        at = date_format(host.retry_at, "DATETIME_FORMAT") if host.retry_at else "once"
        return f"One worker tries it after {at}; if it answers, the waiting pulls follow one after the other."

    @admin.display(description="the last ten")
    def outage_table(self, host: BankHost) -> SafeString:
        rows = [
            (_moment(one.began_at), _moment(one.ended_at) if one.ended_at else "not yet", one.tries, one.sentence)
            for one in host.outages.all()[:10]
        ]  # fmt: skip
        return table(("Began", "Ended", "Tries", "Reason"), rows)


@admin.register(Outage)
class OutageAdmin(ReadOnlyAdmin, ModelAdmin):
    list_display = ("began_at", "ended_at", "host", "tries", "sentence")
    list_filter = ("host",)
    list_select_related = ("host",)
    date_hierarchy = "began_at"
    actions = None
    fields = ("host", "began_at", "ended_at", "sentence", "tries", "told_at", "told_over_at")


def _moment(at: Any) -> str:
    return date_format(at, "DATETIME_FORMAT")
