"""Records that could not be taken, and lines of the day that is not over."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from audit.transitions import Button
from bankfeeds import operations
from bankfeeds.admin.acts import RowActs
from bankfeeds.admin.ledger import SPAN, Ledger
from bankfeeds.admin.notes import note_button, shown
from bankfeeds.models import LineNote, ProvisionalLine, RejectedLine
from bankfeeds.previews.rejected import neighbours, pretty
from bankfeeds.reports import amount_in_thousands


def _told(pull: Any) -> str:
    became = "1 record became a line" if pull.new == 1 else f"{pull.new} records became lines"
    if pull.rejected:
        return f"{became}; {pull.rejected} still cannot be taken."
    return f"{became}; the day was judged again."


@admin.register(RejectedLine)
class RejectedLineAdmin(RowActs, Ledger):
    list_display = ("as_of_date", "connection", "account", "reason", "transaction_id", "state", "pull")
    list_filter = (SPAN, "open", "account__connection")
    fieldsets = (
        (None, {"fields": ("reason", "state", "what_next", "connection", "account", "as_of_date", "pull")}),
        ("The record", {"fields": ("transaction_id", "place", "record", "beside")}),
    )
    buttons = (
        Button(name="retry", label="Read again", operation=operations.retry_rejected, when=lambda row: row.open,
               permission="bankfeeds.retry_rejectedline", done=_told,
               warning="The bank's newest stored answer for this window is read again by today's rules. The bank is "
                       "not called, and what is booked already stays as it is."),
    )  # fmt: skip

    @admin.display(description="state", ordering="open")
    def state(self, row: RejectedLine) -> str:
        return "Open" if row.open else "Settled"

    @admin.display(description="what comes next")
    def what_next(self, row: RejectedLine) -> str:
        if not row.open:
            return "Nothing: the bank's newest answer no longer holds this record, or it has become a line."
        return (
            "While it is open, its day cannot be proven, and every pull asks the bank for that day again: once a new "
            "release, a changed setting or the bank's own correction lets it be taken, it becomes a line by itself. "
            "“Read again” does the same at once, without a call."
        )

    @admin.display(description="place at the bank")
    def place(self, row: RejectedLine) -> str:
        window = f"{date_format(row.window_start)} to {date_format(row.window_end)}"
        return f"Record {row.index + 1} on page {row.page} of the answer for {window}"

    @admin.display(description="as the bank sent it")
    def record(self, row: RejectedLine) -> SafeString:
        return format_html('<pre class="lk-pem">{}</pre>', pretty(row.raw, row.account))

    @admin.display(description="beside it")
    def beside(self, row: RejectedLine) -> SafeString:
        found = neighbours(row)
        text = render_to_string("admin/bankfeeds/rejected/neighbours.html", {"found": found})
        return mark_safe(text)  # noqa: S308 - a template of ours


@admin.register(ProvisionalLine)
class ProvisionalLineAdmin(RowActs, Ledger):
    list_display = (
        "as_of_date",
        "connection",
        "account",
        "direction",
        "money",
        "currency",
        "description",
        "noted",
    )
    list_filter = (SPAN, "direction", "account__connection")
    search_fields = ("=transaction_id", "=bank_reference")
    fields = (
        "connection", "account", "as_of_date", "direction", "money", "currency", "bank_reference",
        "customer_reference", "description", "transaction_id", "pull", "notes",
    )  # fmt: skip
    buttons = (note_button(operations.add_note_today),)

    @admin.display(description="amount")
    def money(self, line: ProvisionalLine) -> str:
        return amount_in_thousands(line.amount, line.currency)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProvisionalLine]:
        same = LineNote.objects.filter(account=OuterRef("account"), transaction_id=OuterRef("transaction_id"))
        found: QuerySet[ProvisionalLine] = super().get_queryset(request)
        return found.annotate(has_note=Exists(same))

    @admin.display(description="note", boolean=True)
    def noted(self, line: Any) -> bool:
        return bool(line.has_note)

    @admin.display(description="notes")
    def notes(self, line: ProvisionalLine) -> SafeString:
        return shown(LineNote.objects.filter(account=line.account_id, transaction_id=line.transaction_id))
