"""What the health pages say and draw: words beside every colour, links to what is meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from bankfeeds import health
from bankfeeds.admin.health_pictures import Balance, Heat, Lines, balance, heat, lines
from bankfeeds.expectation import day_words, moment_words, zone_of
from bankfeeds.freshness import doubt_sentence, sentence
from bankfeeds.health import AccountHealth, FeedRow, Standing
from bankfeeds.models import Connection, Finding, Pull

OUTCOMES = {
    health.QUIET: "Booked, nothing new",
    health.CHANGED: "Booked, with changes",
    health.FAILED: "Failed",
    health.HELD: "Held for an answer",
    health.UNDONE: "Undone",
    health.WAITS: "Waits or is at work",
}
CHANGES = {
    "new": "new",
    "amended": "amended",
    "renumbered": "with a new id",
    "withdrawn": "withdrawn",
    "rejected": "not taken",
}
TROUBLES = {
    health.LATE: ("Late", "bad"),
    health.FAILS: ("Failing", "bad"),
    health.FINDS: ("Open findings", "brass"),
    health.FINE: ("In order", "good"),
    health.PAUSED: ("Paused", "quiet"),
    health.DRAFT: ("Draft", "quiet"),
    health.CLOSED: ("Closed", "quiet"),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """One pull in the strip; ``words`` say all the shape and colour say, and more."""

    kind: str
    words: str
    url: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The last pulls, oldest first, and what each shape means, with how often it occurs."""

    marks: Sequence[Mark]
    legend: Sequence[tuple[str, str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """All the page shows of an account."""

    pk: int
    masked: str
    url: str
    currency: str
    sentence: str
    doubt: str
    doubt_url: str
    late: str
    awaited: str
    strip: Strip
    heat: Heat
    lines: Lines
    balance: Balance
    findings: Sequence[Finding]
    more_findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLine:
    """A line of the list of all feeds."""

    label: str
    url: str
    chip: tuple[str, str]
    sentence: str
    why: str
    accounts: int
    findings: int
    strip: Strip


def account_view(connection: Connection, one: AccountHealth, *, now: datetime) -> AccountView:
    """Return an account's health in words and pictures."""
    zone, account, fresh = connection.time_zone, one.account, one.fresh
    today = now.astimezone(zone_of(zone)).date()
    # Only what is overdue is a doubt: a weekend is proven by the Monday after it, and nobody need hear of that.
    doubted = fresh.doubt is not None and (one.late is not None or _overdue(one, now))
    doubt_id = fresh.doubt.day_id if doubted and fresh.doubt else None
    return AccountView(
        pk=account.pk,
        masked=account.masked,
        url=reverse("admin:bankfeeds_account_change", args=[account.pk]),
        currency=account.currency,
        sentence=sentence(fresh, zone),
        doubt=doubt_sentence(fresh) if doubted else "",
        doubt_url=reverse("admin:bankfeeds_day_change", args=[doubt_id]) if doubt_id else "",
        late=one.late.sentence(account.masked, zone) if one.late else "",
        awaited=_awaited(connection, one, now),
        strip=strip(one.pulls),
        heat=heat(one.days, today=today),
        lines=lines(one.days, today=today),
        balance=balance(one.days, account.currency, today=today),
        findings=one.findings,
        more_findings=one.more_findings,
    )


def feed_line(row: FeedRow) -> FeedLine:
    """Return a connection as a line of the list."""
    zone, standing = row.connection.time_zone, row.standing
    why = "; ".join(one.sentence(account.masked, zone) for account, one in row.late[:2])
    if len(row.late) > 2:
        why += f" And {len(row.late) - 2} more."
    return FeedLine(
        label=standing.label,
        url=reverse("admin:bankfeeds_connection_health", args=[standing.pk]),
        chip=TROUBLES[standing.rank],
        sentence=sentence(row.fresh, zone) if row.fresh else "No account.",
        why=why or standing.failing,
        accounts=row.accounts,
        findings=standing.findings,
        strip=strip(row.pulls),
    )


def standing_counts(everyone: Iterable[Standing]) -> list[tuple[str, str, int]]:
    """Return how many connections stand where: words, tone, number."""
    counts = Counter(one.rank for one in everyone)
    return [(*TROUBLES[rank], counts[rank]) for rank in sorted(counts)]


def headline(connection: Connection, found: Sequence[AccountHealth]) -> str:
    """Return the least of what is complete, as one sentence for the connection."""
    days = [one.fresh.proven_through for one in found]
    late = sum(one.late is not None for one in found)
    if not days:
        return "The connection has no account."
    known = [day for day in days if day is not None]
    if len(known) < len(days):
        said = "No day is proven yet" if not known else "Not every account has a proven day yet"
    else:
        every = "" if len(days) == 1 else "Every account is "
        said = f"{every}complete to {day_words(min(known))}"
    late_said = f"; {late} of {len(days)} late" if late and len(days) > 1 else "; late" if late else ""
    return f"{said[0].upper()}{said[1:]}{late_said}."


def strip(pulls: Sequence[Pull]) -> Strip:
    """Return the pulls as marks, and the meaning of the shapes among them."""
    kinds = [health.outcome(pull) for pull in pulls]
    marks = [_mark(pull, kind) for pull, kind in zip(pulls, kinds, strict=True)]
    counts = Counter(kinds)
    return Strip(marks, [(kind, words, counts[kind]) for kind, words in OUTCOMES.items() if counts[kind]])


def _mark(pull: Pull, kind: str) -> Mark:
    at = pull.requested_at
    words = f"{day_words(at.date())}, {at:%H:%M} UTC: {OUTCOMES[kind].lower()}"
    changes = [f"{getattr(pull, name)} {word}" for name, word in CHANGES.items() if getattr(pull, name)]
    if kind == health.CHANGED:
        words = f"{words} ({', '.join(changes)})"
    elif pull.reason:
        words = f"{words}. {pull.reason}"
    return Mark(kind, words, reverse("admin:bankfeeds_pull_change", args=[pull.pk]))


def _overdue(one: AccountHealth, now: datetime) -> bool:
    return one.awaited is not None and one.awaited[1] < now


def _awaited(connection: Connection, one: AccountHealth, now: datetime) -> str:
    if one.awaited is None:
        return f"The connection is {connection.get_state_display().lower()}: no day is awaited."
    day, at = one.awaited
    verb = "was" if at < now else "is"
    return f"{day_words(day)} {verb} expected to be proven by {moment_words(at, connection.time_zone)}."
