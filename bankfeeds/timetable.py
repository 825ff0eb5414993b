"""When an account is read next: times of day where the customer is, moved apart from account to account."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from bankfeeds.bank_dates import is_business_day

MOST_TIMES = 8
APART = timedelta(minutes=30)
"""Between two times of day, and the width of the spread: an account's readings never overtake each other."""
LONGEST_WAIT_DAYS = 31
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """``times`` of day ("HH:MM") in ``zone`` (its IANA name).

    ``on_holidays`` says what is read of them on weekends and on the bank's holidays: ``all``, the first (``once``)
    or ``none``.
    """

    zone: str
    times: Sequence[str]
    on_holidays: str


def next_pull(table: Timetable, *, after: datetime, spread: timedelta = timedelta(0)) -> datetime:
    """Return the first moment of the timetable, moved on by ``spread``, that is later than ``after``; in UTC.

    A time that the clock leaves out is taken at the next one it shows, and one that it shows twice is taken once.
    """
    zone = ZoneInfo(table.zone)
    # From the day before: a late time of day and its spread may reach over midnight.
    first = (after - spread).astimezone(zone).date() - DAY
    for number in range(LONGEST_WAIT_DAYS):
        for moment in _moments(table, zone, first + number * DAY):
            if moment + spread > after:
                return moment + spread
    raise ValueError(f"no time within {LONGEST_WAIT_DAYS} days: {table}")


def spread(account: int) -> timedelta:
    """Return how much later than its times of day the account (its key) is read: less than half an hour, fixed."""
    digest = hashlib.sha256(f"lockkeeper spread {account}".encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8], "big") % int(APART.total_seconds()))


def problems(table: Timetable) -> list[str]:
    """Return, as what is missing, why this is no timetable; empty when it is one."""
    found = []
    if table.zone not in zones():
        found.append("a time zone by its IANA name, such as America/New_York")
    if table.on_holidays not in {"all", "once", "none"}:
        found.append("what to do on weekends and holidays: all, once or none")
    wrong = [text for text in table.times if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text)]
    if wrong:
        found.append(f"times of day as HH:MM instead of {', '.join(wrong)}")
    if not 1 <= len(table.times) <= MOST_TIMES:
        found.append(f"one to {MOST_TIMES} times of day")
    if not wrong and _closest(table.times) < APART:
        found.append("at least 30 minutes between two times of day")
    return found


def tidy(times: Iterable[str]) -> list[str]:
    """Return the times of day in their order, each written with two digits."""
    return sorted(f"0{text}" if re.fullmatch(r"\d:\d\d", text) else text for text in times)


def in_words(table: Timetable) -> str:
    """Return the timetable as a sentence."""
    told = {
        "all": "On weekends and bank holidays too.",
        "once": f"On weekends and bank holidays at {table.times[0]} only.",
        "none": "Not on weekends and bank holidays.",
    }
    *most, last = table.times
    when = f"{', '.join(most)} and {last}" if most else last
    apart = "each account at a moment of its own within the half hour after"
    return f"At {when} in {table.zone.replace('_', ' ')}, {apart}. {told[table.on_holidays]}"


@cache
def zones() -> frozenset[str]:
    """Return the names of the time zones this machine knows."""
    return frozenset(name for name in available_timezones() if "/" in name or name == "UTC")


def _moments(table: Timetable, zone: ZoneInfo, day: date) -> Iterator[datetime]:
    times = list(table.times)
    if not is_business_day(day):
        times = {"all": times, "once": times[:1], "none": []}[table.on_holidays]
    for text in times:
        yield _moment(datetime.combine(day, time.fromisoformat(text)), zone)


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clock first shows ``wall`` or, if it never does, the next minute that it shows."""
    while True:
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall:
            return moment
        wall += MINUTE


def _closest(times: Sequence[str]) -> timedelta:
    """Return the shortest way between two of the times, over midnight too; a whole day for a single one."""
    found = [timedelta(hours=int(text[:2]), minutes=int(text[3:])) for text in sorted(times)]
    if not found:
        return DAY
    return min(later - earlier for earlier, later in pairwise([*found, found[0] + DAY]))
