"""Days, lines, balances and rejected records in the console."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateFilter

from audit.transitions import ReadOnlyAdmin
from bankfeeds import operations
from bankfeeds.admin.acts import RowActs
from bankfeeds.admin.changes import changes
from bankfeeds.admin.connections import table
from bankfeeds.admin.day_doubts import lacks
from bankfeeds.admin.notes import note_button, shown
from bankfeeds.bai import describe
from bankfeeds.models import BalanceObservation, Day, Line, LineNote, LineRevision
from bankfeeds.models.day import DayState
from bankfeeds.previews.notes import waiting_notes
from bankfeeds.reports import amount_in_thousands, cannot_be_proven

SPAN = ("as_of_date", RangeDateFilter)


def _amount(row: Any, amount: Decimal | None) -> str:
    """Return an amount with its currency's digits, or a dash where the bank stated none."""
    return "–" if amount is None else amount_in_thousands(amount, row.account.currency)


class Ledger(ReadOnlyAdmin, ModelAdmin):
    """What every list of the ledger has in common."""

    list_select_related: Any = ("account__connection",)
    # No date hierarchy and no free ordering: both read the whole table, which grows for years.
    ordering = ("-as_of_date", "account")
    list_filter_submit = True
    show_full_result_count = False
    actions = None

    @admin.display(ordering="account__connection__label")
    def connection(self, row: Any) -> str:
        return str(row.account.connection.label)


class ChangedBy(admin.SimpleListFilter):
    """Lines that a pull changed; its page leads here."""

    title = "changed by"
    parameter_name = "changed_by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = request.GET.get(self.parameter_name)
        return [(asked, "the pull it was asked for")] if asked else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Line]) -> QuerySet[Line]:
        asked = self.value()
        if not asked:
            return queryset
        try:
            pull = UUID(asked)
        except ValueError:
            return queryset.none()
        return queryset.filter(pk__in=LineRevision.objects.filter(replaced_by_pull=pull).values("line"))


@admin.register(Day)
class DayAdmin(Ledger):
    list_display = (
        "as_of_date", "connection", "account", "standing", "opened_with", "came_in", "went_out", "closed_with",
        "off_by", "lines", "reopened",
    )  # fmt: skip
    list_filter = (SPAN, "state", "reopened", "account__connection")
    search_fields = ("account__connection__label",)
    fields = (
        "connection", "account", "as_of_date", "state", "lacking", "reopened", "opened_with", "came_in", "went_out",
        "closed_with", "off_by", "stated", "lines", "today", "not_taken", "waiting", "foreign", "read_at", "pull",
    )  # fmt: skip

    @admin.display(description="state", ordering="state")
    def standing(self, day: Day) -> SafeString | str:
        words = DayState(day.state).label
        return format_html("{}: {}", words, self.not_taken(day)) if day.rejected else words

    @admin.display(description="not taken", ordering="rejected")
    def not_taken(self, day: Day) -> SafeString | str:
        """Say what keeps the day from being proven, and lead there."""
        if not day.rejected:
            return "–"
        url = reverse("admin:bankfeeds_rejectedline_changelist")
        return format_html(
            '<a class="lk-link" href="{}?account__exact={}&amp;as_of_date__exact={}&amp;open__exact=1">{}</a>',
            url, day.account_id, day.as_of_date, cannot_be_proven(day.rejected),
        )  # fmt: skip

    @admin.display(description="provisional lines")
    def today(self, day: Day) -> SafeString | str:
        if day.state != "provisional":
            return "–"
        url = reverse("admin:bankfeeds_provisionalline_changelist")
        return format_html(
            '<a class="lk-link" href="{}?account__exact={}&amp;as_of_date__exact={}">{} of today, not booked yet</a>',
            url, day.account_id, day.as_of_date, day.lines,
        )  # fmt: skip

    @admin.display(description="notes that wait for their line")
    def waiting(self, day: Day) -> SafeString | str:
        rows = [
            (
                format_html('<a class="lk-link" href="{}">{}</a>', _note_url(one.note), one.note.text),
                "not read yet" if day.state in ("missing", "provisional") else _alike(len(one.suggestions)),
            )
            for one in waiting_notes(day.account, day.as_of_date)
        ]
        return table(("Note", "Lines of the day"), rows) if rows else "–"

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
class LineAdmin(RowActs, Ledger):
    list_display = (
        "as_of_date", "connection", "account", "direction", "money", "currency", "code", "description",
        "transaction_id", "state", "revision",
    )  # fmt: skip
    list_filter = (SPAN, "state", "direction", ChangedBy, "account__connection")
    search_fields = ("=transaction_id", "=bank_reference", "=customer_reference")
    buttons = (note_button(operations.add_note),)
    fields = (
        "connection", "account", "as_of_date", "direction", "money", "currency", "code", "code_group", "bank_reference",
        "customer_reference", "description", "check_number", "value_date", "reversal", "transaction_id", "ids",
        "state", "revision", "changes", "notes", "first_pull", "last_changed_pull",
    )  # fmt: skip

    @admin.display(description="amount")
    def money(self, line: Line) -> str:
        return amount_in_thousands(line.amount, line.currency)

    @admin.display(description="BAI code", ordering="bai_code")
    def code(self, line: Line) -> str:
        return str(describe(line.bai_code)) or "–"

    @admin.display(description="group of the code")
    def code_group(self, line: Line) -> str:
        return describe(line.bai_code).group or "unknown"

    @admin.display(description="ids the bank gave it")
    def ids(self, line: Line) -> SafeString:
        rows = [
            (
                one.transaction_id,
                "in use" if one.current else "earlier",
                f"{one.first_pull.requested_at:%d %b %Y}",
            )
            for one in line.ids.select_related("first_pull").order_by("pk")
        ]
        return table(("Id", "Use", "First seen"), rows)

    @admin.display(description="changes")
    def changes(self, line: Line) -> SafeString:
        text = render_to_string("admin/bankfeeds/line/changes.html", {"changes": changes(line)})
        return mark_safe(text)  # noqa: S308 - a template of ours

    @admin.display(description="notes")
    def notes(self, line: Line) -> SafeString:
        return shown(line.notes.all())


@admin.register(BalanceObservation)
class BalanceObservationAdmin(Ledger):
    list_display = ("as_of_date", "connection", "account", "opening", "closing", "currency", "observed_at")
    list_filter = (SPAN, "account__connection")


def _alike(count: int) -> str:
    return "1 looks alike" if count == 1 else f"{count} look alike"


def _note_url(note: LineNote) -> str:
    return reverse("admin:bankfeeds_linenote_change", args=[note.pk])
