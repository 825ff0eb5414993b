"""The ends to come, month by month: what must be renewed, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise

from django.urls import reverse

from certificates import queries
from certificates.admin import looks
from certificates.models import Certificate

MONTHS = 13
"""From this month to the same one next year: a certificate of a year, made today, is still on the page."""
WEEKS = ((1, 7), (8, 14), (15, 21), (22, 28), (29, 31))
MOST = 8
"""Marks shown in one week; the rest is a number with a link to the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One certificate's end; ``note`` says how long is left, or that a successor is in use."""

    name: str
    purpose: str
    url: str
    day: str
    note: str
    level: str


@dataclass(slots=True)
class Week:
    """Some days of a month, the ends in them, and how many more there are than shown."""

    days: str
    today: str = ""
    marks: list[Mark] = field(default_factory=list)
    more: int = 0
    list_url: str = ""


@dataclass(frozen=True, slots=True)
class Month:
    """A month and its weeks; ``number`` of ends in it."""

    name: str
    year: int
    weeks: Sequence[Week]
    number: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """What has ended and is still in use, then the months."""

    ended: Week
    months: Sequence[Month]
    number: int


def calendar(*, now: datetime) -> Calendar:
    """Return the ends of certificates in use from ``now`` (UTC) to the same month next year."""
    firsts = _firsts(now.date())
    found = list(queries.ending(now=now, until=_midnight(firsts[-1])))
    ended = [row for row in found if row.not_after <= now]
    coming = found[len(ended) :]
    months = [_month(first, after, coming, now) for first, after in pairwise(firsts)]
    return Calendar(_week("", ended, now, "?ends=ended"), months, len(coming))


def _firsts(today: date) -> list[date]:
    start = today.year * 12 + today.month - 1
    return [date(n // 12, n % 12 + 1, 1) for n in range(start, start + MONTHS + 1)]


def _month(first: date, after: date, rows: Iterable[Certificate], now: datetime) -> Month:
    mine = [row for row in rows if first <= row.not_after.astimezone(UTC).date() < after]
    last = (after - first).days
    weeks = []
    for begin, end in WEEKS:
        end = min(end, last)
        if begin > last:
            continue
        inside = [row for row in mine if begin <= row.not_after.astimezone(UTC).day <= end]
        days = f"{begin}–{end}" if end > begin else str(begin)
        week = _week(days, inside, now, _list_query(first.replace(day=begin), first.replace(day=end)))
        if first <= now.date() < after and begin <= now.day <= end:
            week.today = looks.day(now)
        weeks.append(week)
    return Month(f"{first:%B}", first.year, weeks, len(mine))


def _week(days: str, rows: Sequence[Certificate], now: datetime, query: str) -> Week:
    url = reverse("admin:certificates_certificate_changelist") + query
    marks = [_mark(row, now) for row in rows[:MOST]]
    return Week(days, marks=marks, more=len(rows) - len(marks), list_url=url)


def _mark(row: Certificate, now: datetime) -> Mark:
    shown = looks.expiry(row.not_before, row.not_after, now=now)
    replaced: bool = getattr(row, "replaced", False)
    key = row.key
    return Mark(
        name=key.scope.partition(":")[2] or key.scope,
        purpose=f"{key.get_use_display()}, {key.get_environment_display()}",
        url=reverse("admin:certificates_certificate_change", args=[row.pk]),
        day=looks.day(row.not_after),
        note="replaced" if replaced else shown.left,
        level="idle" if replaced else shown.level,
    )


def _list_query(first: date, last: date) -> str:
    return f"?not_after__date__gte={first}&not_after__date__lte={last}"


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
