"""Connections and accounts in the console."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from audit.recording import Actor
from audit.transitions import Button, ReadOnlyAdmin, TransitionAdmin
from bankfeeds import operations, queries
from bankfeeds.admin import schedules
from bankfeeds.admin.forms import ConnectionForm
from bankfeeds.admin.health import FeedHealthPages
from bankfeeds.admin.validation import ValidationPages
from bankfeeds.expectation import day_words
from bankfeeds.freshness import freshness_of
from bankfeeds.models import Account, Connection, Pull

STATES = ("missing", "provisional", "final", "proven", "broken")


@admin.register(Connection)
class ConnectionAdmin(FeedHealthPages, ValidationPages, TransitionAdmin, ReadOnlyAdmin, ModelAdmin):
    list_display = (
        "label",
        "environment",
        "auth",
        "state",
        "account_count",
        "findings_open",
        "failing",
        "health_link",
    )
    list_filter = ("state", "environment", "auth")
    search_fields = ("label", "client_id")
    actions = None
    list_before_template = "admin/bankfeeds/health/list_top.html"
    form = ConnectionForm
    fieldsets = (
        (None, {"fields": ("label", "environment", "state", "legal_hold", "failing", "not_before")}),
        (
            "Feed",
            {
                "fields": (
                    "health_link",
                    "account_table",
                    "coverage",
                    "validation",
                    "last_pulls",
                    "history_start",
                    "older_days",
                )
            },
        ),
        ("Schedule", {"fields": ("schedule", "next_reading")}),
        (
            "Bank",
            {
                "fields": (
                    "auth",
                    "api_host",
                    "token_url",
                    "audience",
                    "resource",
                    "client_id",
                    "roots",
                    "keys",
                )
            },
        ),
        ("History", {"fields": ("created_at",)}),
    )
    add_fieldsets = (
        (None, {"fields": ("label", "environment", "accounts", "history_start")}),
        (
            "Bank",
            {"fields": ("auth", "api_host", "token_url", "audience", "resource", "client_id", "trust_roots")},
        ),
    )
    buttons = (
        Button(name="request", label="Request a certificate", operation=operations.request_certificate,
               permission="certificates.request_keypair", when=lambda one: one.state != "closed",
               done="The signing request is under Keys."),
        Button(name="prove", label="Prove new key", operation=operations.prove_keys,
               permission="certificates.prove_keypair", when=queries.has_new_key,
               done="The bank let us in with the new key. Its page says what comes next.",
               warning="The bank is called with it now; this may take a minute. The key in use is not touched. "
                       "On a test connection the new key takes over once it is let in."),
        Button(name="pull", label="Pull now", operation=operations.pull_now, permission="bankfeeds.pull_now",
               when=lambda one: one.state in ("draft", "testing", "active"), done="Queued; a worker takes it shortly."),
        Button(name="activate", label="Activate", operation=operations.activate_connection,
               permission="bankfeeds.activate_connection", when=lambda one: one.state == "testing"),
        Button(name="pause", label="Pause", operation=operations.pause_connection, reason=True,
               permission="bankfeeds.pause_connection", when=lambda one: one.pullable,
               warning="Nothing is pulled until it is resumed; the days of the pause are read then."),
        Button(name="resume", label="Resume", operation=operations.resume_connection,
               permission="bankfeeds.pause_connection", when=lambda one: one.state == "paused"),
        Button(name="close", label="Close", operation=operations.close_connection, reason=True, style="danger",
               permission="bankfeeds.close_connection", when=lambda one: one.state != "closed",
               warning="A closed connection is never pulled again. Its ledger stays."),
        *schedules.BUTTONS,
        Button(name="hold", label="Set legal hold", operation=partial(operations.set_legal_hold, on=True), reason=True,
               permission="bankfeeds.set_legal_hold", when=lambda one: not one.legal_hold,
               warning="Every raw answer of the bank is kept from now on, whatever its age."),
        Button(name="unhold", label="Lift legal hold", operation=partial(operations.set_legal_hold, on=False),
               reason=True, permission="bankfeeds.set_legal_hold", when=lambda one: one.legal_hold, style="danger",
               warning="Raw answers that changed nothing and are past their age are removed at the next daily prune."),
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("bankfeeds.add_connection"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        found: QuerySet[Connection] = super().get_queryset(request)
        return found.annotate(
            accounts_n=Count("accounts", distinct=True),
            findings_n=Count("findings", filter=Q(findings__state="open"), distinct=True),
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj:
            return super().get_form(request, obj, change, **kwargs)
        return type("NewConnectionForm", (ConnectionForm,), {"actor": Actor.user(request.user)})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form's operation has saved it."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        # Asked once for the page, not once a row.
        self._failing = queries.failing_connections()
        return super().changelist_view(request, extra_context)

    @admin.display(description="accounts", ordering="accounts_n")
    def account_count(self, connection: Any) -> int:
        return int(connection.accounts_n)

    @admin.display(description="open findings", ordering="findings_n")
    def findings_open(self, connection: Any) -> int:
        return int(connection.findings_n)

    @admin.display(description="failing because")
    def failing(self, connection: Connection) -> str:
        known = getattr(self, "_failing", None)
        found = queries.failing_connections() if known is None else known
        return found.get(connection.pk, "–")

    @admin.display(description="accounts")
    def account_table(self, connection: Connection) -> SafeString:
        accounts = list(connection.accounts.all())
        known = freshness_of([account.pk for account in accounts])
        rows = [
            (_link("account", account.pk, account.masked), account.currency or "–", _day(fresh.through),
             _day(fresh.proven_through), fresh.gaps)
            for account in accounts
            for fresh in [known[account.pk]]
        ]  # fmt: skip
        return table(("Account", "Currency", "Known through", "Complete to", "Missing days"), rows)

    @admin.display(description="earlier history")
    def older_days(self, connection: Connection) -> SafeString | str:
        return schedules.older_days(connection, lambda one: _link("account", one.pk, one.masked))

    @admin.display(description="times of day")
    def schedule(self, connection: Connection) -> str:
        return schedules.schedule_words(connection)

    @admin.display(description="next")
    def next_reading(self, connection: Connection) -> str:
        return schedules.next_reading(connection)

    @admin.display(description="days")
    def coverage(self, connection: Connection) -> str:
        counts = dict.fromkeys(STATES, 0)
        for day in queries.day_rows(connection=connection):
            counts[day.state] += 1
        return ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "none yet"

    @admin.display(description="validation")
    def validation(self, connection: Connection) -> SafeString:
        return format_html(
            '<a class="lk-link" href="{}">Validation pack</a>: right, complete, nothing twice',
            reverse("admin:bankfeeds_connection_validation", args=[connection.pk]),
        )

    @admin.display(description="last pulls")
    def last_pulls(self, connection: Connection) -> SafeString:
        pulls = Pull.objects.filter(account__connection=connection).select_related("account")[:10]
        rows = [
            (_link("pull", pull.pk, date_format(pull.requested_at, "DATETIME_FORMAT")), pull.account.masked,
             schedules.at_work(pull), pull.new, pull.same, pull.reason or "–")
            for pull in pulls
        ]  # fmt: skip
        return table(("Asked", "Account", "State", "New", "Same", "Reason"), rows)

    @admin.display(description="trust roots")
    def roots(self, connection: Connection) -> str:
        digest = hashlib.sha256(connection.trust_roots.encode()).hexdigest()
        count = connection.trust_roots.count("BEGIN CERTIFICATE")
        return f"{count} certificate{'' if count == 1 else 's'}, SHA-256 of the file {digest}"

    @admin.display(description="keys")
    def keys(self, connection: Connection) -> SafeString:
        return format_html(
            '<a class="lk-link" href="{}?q={}">Keys of this connection</a>; '
            '<a class="lk-link" href="{}?scope={}">request a certificate in steps</a>',
            reverse("admin:certificates_keypair_changelist"), connection.scope,
            reverse("admin:certificates_keypair_request"), connection.scope,
        )  # fmt: skip


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin, ModelAdmin):
    list_display = ("masked", "connection", "currency", "next_pull_at")
    list_filter = ("connection__state", "currency")
    list_select_related = ("connection",)
    search_fields = ("connection__label",)
    actions = None
    fields = (
        "connection",
        "masked",
        "currency",
        "through",
        "next_pull_at",
        "deep_read_on",
        "wide_read_on",
        "behind",
    )

    @admin.display(description="number")
    def masked(self, account: Account) -> str:
        return account.masked

    @admin.display(description="known")
    def through(self, account: Account) -> str:
        fresh = queries.freshness(account)
        if fresh.through is None:
            return "nothing yet"
        age = (timezone.now().date() - fresh.through).days
        return f"through {_day(fresh.through)} ({age} days ago), complete to {_day(fresh.proven_through)}"


def table(heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> SafeString:
    """Return a plain table; every cell is escaped."""
    if not rows:
        return format_html("{}", "none yet")
    head = format_html_join("", '<th scope="col">{}</th>', ((one,) for one in heads))
    body = format_html_join("", "<tr>{}</tr>", ((_cells(heads, row),) for row in rows))
    return format_html(
        '<table class="lk-grid lk-rows"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, body
    )


def _cells(heads: tuple[str, ...], row: tuple[Any, ...]) -> SafeString:
    return format_html_join("", '<td data-label="{}"><div>{}</div></td>', zip(heads, row, strict=True))


def _day(day: date | None) -> str:
    return day_words(day) if day else "nothing yet"


def _link(model: str, pk: object, text: str) -> SafeString:
    return format_html(
        '<a class="lk-link" href="{}">{}</a>', reverse(f"admin:bankfeeds_{model}_change", args=[pk]), text
    )
