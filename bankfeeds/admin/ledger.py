"""Days, lines, balances and rejected records in the console."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateFilter

from audit.transitions import ReadOnlyAdmin
from bankfeeds.admin.connections import table
from bankfeeds.admin.day_doubts import lacks
from bankfeeds.bai import describe
from bankfeeds.models import BalanceObservation, Day, Line, RejectedLine
from bankfeeds.reports import amount_text

SPAN = ("as_of_date", RangeDateFilter)


def _amount(row: Any, amount: Decimal | None) -> str:
    """Return an amount with its currency's digits, or a dash where the bank stated none."""
    return "–" if amount is None else amount_text(amount, row.account.currency)


class _Ledger(ReadOnlyAdmin, ModelAdmin):
    list_select_related: Any = ("account__connection",)
    # No date hierarchy and no free ordering: both read the whole table, which grows for years.
    ordering = ("-as_of_date", "account")
    list_filter_submit = True
    show_full_result_count = False
    actions = None

    @admin.display(ordering="account__connection__label")
    def connection(self, row: Any) -> str:
        return str(row.account.connection.label)


@admin.register(Day)
class DayAdmin(_Ledger):
    list_display = (
        "as_of_date", "connection", "account", "state", "opened_with", "came_in", "went_out", "closed_with", "off_by",
        "lines", "rejected", "reopened",
    )  # fmt: skip
    list_filter = (SPAN, "state", "reopened", "account__connection")
    search_fields = ("account__connection__label",)
    fields = (
        "connection", "account", "as_of_date", "state", "lacking", "reopened", "opened_with", "came_in", "went_out",
        "closed_with", "off_by", "stated", "lines", "rejected", "foreign", "read_at", "pull",
    )  # fmt: skip

    @admin.display(description="lacks")
    def lacking(self, day: Day) -> SafeString:
        return lacks(day)

    @admin.display(description="opening")
    def opened_with(self, day: Day) -> str:
        return _amount(day, day.opening)

    @admin.display(description="credits")
    def came_in(self, day: Day) -> str:
        return _amount(day, day.credits)

    @admin.display(description="debits")
    def went_out(self, day: Day) -> str:
        return _amount(day, day.debits)

    @admin.display(description="closing")
    def closed_with(self, day: Day) -> str:
        return _amount(day, day.closing)

    @admin.display(description="difference")
    def off_by(self, day: Day) -> str:
        return _amount(day, day.difference)


@admin.register(Line)
class LineAdmin(_Ledger):
    list_display = (
        "as_of_date", "connection", "account", "direction", "money", "currency", "code", "description",
        "transaction_id", "state", "revision",
    )  # fmt: skip
    list_filter = (SPAN, "state", "direction", "account__connection")
    search_fields = ("=transaction_id", "=bank_reference", "=customer_reference")
    fields = (
        "connection", "account", "as_of_date", "direction", "money", "currency", "code", "code_group", "bank_reference",
        "customer_reference", "description", "check_number", "value_date", "reversal", "transaction_id", "other_ids",
        "state", "revision", "earlier", "first_pull", "last_changed_pull",
    )  # fmt: skip

    @admin.display(description="amount")
    def money(self, line: Line) -> str:
        return amount_text(line.amount, line.currency)

    @admin.display(description="BAI code", ordering="bai_code")
    def code(self, line: Line) -> str:
        return str(describe(line.bai_code)) or "–"

    @admin.display(description="group of the code")
    def code_group(self, line: Line) -> str:
        return describe(line.bai_code).group or "unknown"

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
    list_filter = (SPAN, "account__connection")


@admin.register(RejectedLine)
class RejectedLineAdmin(_Ledger):
    list_display = ("as_of_date", "connection", "account", "reason", "transaction_id", "open", "pull")
    list_filter = (SPAN, "open", "account__connection")
    fields = (
        "connection", "account", "as_of_date", "window_start", "window_end", "transaction_id", "reason", "page",
        "index", "open", "pull",
    )  # fmt: skip
