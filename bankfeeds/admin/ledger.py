"""Days, lines, balances and rejected records in the console."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from audit.transitions import ReadOnlyAdmin
from bankfeeds.admin.connections import table
from bankfeeds.models import BalanceObservation, Day, Line, RejectedLine
from bankfeeds.reports import amount_text


class _Ledger(ReadOnlyAdmin, ModelAdmin):
    list_select_related: Any = ("account__connection",)
    date_hierarchy = "as_of_date"
    show_full_result_count = False
    actions = None

    @admin.display(ordering="account__connection__label")
    def connection(self, row: Any) -> str:
        return str(row.account.connection.label)


@admin.register(Day)
class DayAdmin(_Ledger):
    list_display = (
        "as_of_date", "connection", "account", "state", "opening", "credits", "debits", "closing", "difference",
        "lines", "rejected", "reopened",
    )  # fmt: skip
    list_filter = ("state", "reopened", "account__connection")
    search_fields = ("account__connection__label",)
    fields = (
        "connection", "account", "as_of_date", "state", "reopened", "opening", "credits", "debits", "closing",
        "difference", "stated", "lines", "rejected", "foreign", "read_at", "pull",
    )  # fmt: skip


@admin.register(Line)
class LineAdmin(_Ledger):
    list_display = (
        "as_of_date", "connection", "account", "direction", "money", "currency", "bai_code", "description",
        "transaction_id", "state", "revision",
    )  # fmt: skip
    list_filter = ("state", "direction", "account__connection")
    search_fields = ("=transaction_id", "=bank_reference", "=customer_reference")
    fields = (
        "connection", "account", "as_of_date", "direction", "money", "currency", "bai_code", "bank_reference",
        "customer_reference", "description", "check_number", "value_date", "reversal", "transaction_id", "other_ids",
        "state", "revision", "earlier", "first_pull", "last_changed_pull",
    )  # fmt: skip

    @admin.display(description="amount")
    def money(self, line: Line) -> str:
        return amount_text(line.amount, line.currency)

    @admin.display(description="earlier ids")
    def other_ids(self, line: Line) -> str:
        return ", ".join(line.ids.filter(current=False).values_list("transaction_id", flat=True)) or "–"

    @admin.display(description="earlier revisions")
    def earlier(self, line: Line) -> SafeString:
        rows = [
            (one.revision, f"{one.replaced_at:%Y-%m-%d %H:%M}", one.state, one.content["as_of_date"],
             one.content["direction"], one.content["amount"], one.content["description"])
            for one in line.revisions.all()
        ]  # fmt: skip
        return table(("Revision", "Until", "State", "Day", "Direction", "Amount", "Description"), rows)


@admin.register(BalanceObservation)
class BalanceObservationAdmin(_Ledger):
    list_display = ("as_of_date", "connection", "account", "opening", "closing", "currency", "observed_at")
    list_filter = ("account__connection",)


@admin.register(RejectedLine)
class RejectedLineAdmin(_Ledger):
    list_display = ("as_of_date", "connection", "account", "reason", "transaction_id", "open", "pull")
    list_filter = ("open", "account__connection")
    fields = (
        "connection", "account", "as_of_date", "window_start", "window_end", "transaction_id", "reason", "page",
        "index", "open", "pull",
    )  # fmt: skip
