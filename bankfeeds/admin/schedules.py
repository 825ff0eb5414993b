"""On a connection's page: when it is read, and how far an earlier history has come."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.transitions import Button
from bankfeeds import operations, timetable, turns
from bankfeeds.admin.forms import BackfillForm, ScheduleForm
from bankfeeds.bank_dates import business_date
from bankfeeds.models import Connection, Pull
from bankfeeds.turns import BackfillProgress


def schedule_page(admin: Any, request: HttpRequest, obj: Connection, button: Button) -> HttpResponse:
    """Show the schedule as it is, to be changed (GET), or set it (POST)."""
    now = {
        "time_zone": obj.time_zone,
        "pull_times": ", ".join(obj.pull_times),
        "on_holidays": obj.on_holidays,
    }
    form = ScheduleForm(request.POST if request.method == "POST" else None, initial=now)
    if admin.acted(request, obj, button, form):
        return HttpResponseRedirect(reverse("admin:bankfeeds_connection_change", args=[obj.pk]))
    page: HttpResponse = admin.act_page(request, obj, button, form)
    return page


BUTTONS = (
    Button(name="schedule", label="Set schedule", operation=operations.set_schedule, page=schedule_page,
           permission="bankfeeds.change_connection", when=lambda one: one.state != "closed",
           done="The schedule is set; the next time follows it."),
    Button(name="backfill", label="Read earlier history", operation=operations.backfill, form=BackfillForm,
           permission="bankfeeds.backfill", reason=True, when=lambda one: one.state != "closed",
           done="The older days are read a month at a time; this page shows how far they are.",
           warning="Banks give about 90 days of history and may refuse older days; what they refuse is shown here. "
                   "The schedule and “Pull now” go before it."),
    Button(name="stop_backfill", label="Stop reading earlier history", operation=operations.stop_backfill,
           permission="bankfeeds.backfill", reason=True, style="secondary",
           when=lambda one: one.accounts.filter(behind=True).exists(),
           warning="The feed then begins where its days are known without a gap. What was read stays."),
)  # fmt: skip


def schedule_words(connection: Connection) -> str:
    """Return the schedule as a sentence."""
    return timetable.in_words(connection.timetable)


def next_reading(connection: Connection) -> str:
    """Return when the first of the connection's accounts is read next, in both zones."""
    if not connection.pullable:
        return f"none while the connection is {connection.state}"
    times = list(connection.accounts.values_list("next_pull_at", flat=True))
    if not times:
        return "none: the connection has no accounts"
    if any(at is None or at <= timezone.now() for at in times):
        return "due now: a worker takes it within a minute or two"
    first = min(at for at in times if at is not None)
    return f"{date_format(first, 'DATETIME_FORMAT')} ({_local(first, connection.time_zone)})"


def older_days(connection: Connection, cell: Any) -> SafeString | str:
    """Return one bar with words for each account whose older days are being read; ``cell`` names the account."""
    today = business_date(timezone.now())
    rows = [
        (cell(account), _bar(progress))
        for account in connection.accounts.filter(behind=True).select_related("connection")
        for progress in [turns.backfill_progress(account, today=today)]
        if progress is not None
    ]
    if not rows:
        return "nothing earlier waits to be read"
    return format_html('<ul class="lk-progress-list">{}</ul>', format_html_join("", "<li>{} {}</li>", rows))


def at_work(pull: Pull) -> str:
    """Return the pull's state, and for one at work the window it is at."""
    if pull.state != "fetching" or not pull.planned:
        return str(pull.state)
    return f"fetching, window {min(pull.windows + 1, pull.planned)} of {pull.planned}"


def _bar(progress: BackfillProgress) -> SafeString:
    told = f"{progress.read} of {progress.wanted} days since {date_format(progress.first)} are read"
    return format_html(
        '<progress class="lk-progress" max="{}" value="{}" aria-label="{}"></progress> '
        "<span>{} ({} %); {}</span>",
        progress.wanted, progress.read, told, told, progress.percent, _next_slice(progress),
    )  # fmt: skip


def _next_slice(progress: BackfillProgress) -> str:
    if progress.refused:
        return f"stopped: {progress.refused} It is tried again after a day."
    if progress.at_work is not None:
        return f"the next days are {at_work(progress.at_work)}"
    return "the next days are queued as soon as a worker is free"


def _local(moment: datetime, name: str) -> str:
    try:
        return f"{moment.astimezone(ZoneInfo(name)):%H:%M} in {name.replace('_', ' ')}"
    except (ZoneInfoNotFoundError, ValueError):
        return f"this machine does not know the time zone {name}"
