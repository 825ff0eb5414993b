"""The figures of the validation pack, each one query or a few for the whole connection, never the table in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.models import Count, F, Max, Min

from bankfeeds import queries
from bankfeeds.models import Account, Connection, Day, Line, LineId, LineRevision, RejectedLine
from bankfeeds.money import MINOR_DIGITS
from bankfeeds.pipeline import movements
from bankfeeds.pipeline.reconcile import ZERO
from bankfeeds.validation.judgement import AccountFacts, UnprovenDay
from bankfeeds.validation.sums import MorePlaces

DAYS_SHOWN = 20


def account_facts(connection: Connection) -> list[AccountFacts]:
    """Return what is known of each account, by number."""
    accounts = list(connection.accounts.order_by("number"))
    days: dict[int, list[Day]] = {account.pk: [] for account in accounts}
    for day in queries.day_rows(connection=connection):
        days[day.account_id].append(day)
    counted = _counted(connection)
    return [_facts(account, days[account.pk], counted) for account in accounts]


def _counted(connection: Connection) -> Mapping[str, Mapping[int, Any]]:
    lines = Line.objects.filter(account__connection=connection).order_by()
    booked = lines.filter(state="booked").values("account")
    ids = LineId.objects.filter(account__connection=connection, current=False).order_by()
    revisions = LineRevision.objects.filter(line__account__connection=connection).order_by()
    rejected = RejectedLine.objects.filter(account__connection=connection, open=True).order_by()
    edges = booked.annotate(n=Count("pk"), first=Min("as_of_date"), last=Max("as_of_date"))
    return {
        "booked": {row["account"]: row for row in edges},
        "withdrawn": _by_account(lines.filter(state="withdrawn").values("account")),
        "amended": _by_account(
            revisions.exclude(digest=F("line__digest")).values(account=F("line__account")), "line"
        ),
        "renumbered": _by_account(ids.values("account"), "line"),
        "quarantine": _by_account(rejected.values("account")),
    }


def _by_account(rows: Any, what: str = "pk") -> dict[int, int]:
    return {row["account"]: row["n"] for row in rows.annotate(n=Count(what, distinct=what != "pk"))}


def _facts(account: Account, days: Sequence[Day], counted: Mapping[str, Mapping[int, Any]]) -> AccountFacts:
    booked = counted["booked"].get(account.pk, {"n": 0, "first": None, "last": None})
    moved = movements.by_day(account, {*_line_days(account), *(day.as_of_date for day in days)})
    in_days = sum(one.lines for one in moved.values())
    first, last = (days[0], days[-1]) if days else (Day(), Day())
    fresh = queries.freshness(account)
    return AccountFacts(
        pk=account.pk,
        masked=account.masked,
        currency=account.currency,
        lines=booked["n"],
        credits=sum((one.credits for one in moved.values()), ZERO),
        debits=sum((one.debits for one in moved.values()), ZERO),
        first_line=booked["first"],
        last_line=booked["last"],
        first_day=first.as_of_date,
        last_day=last.as_of_date,
        opening=first.opening,
        closing=last.closing,
        days=len(days),
        proven=sum(day.state == "proven" for day in days),
        missing=_absent(days),
        unproven=[_unproven(day, account.currency) for day in days if day.state != "proven"][:DAYS_SHOWN],
        recounted=in_days == booked["n"] and _recounted(days, moved),
        foreign=_foreign(account, moved),
        surplus=_surplus(account),
        withdrawn=counted["withdrawn"].get(account.pk, 0),
        amended=counted["amended"].get(account.pk, 0),
        renumbered=counted["renumbered"].get(account.pk, 0),
        quarantine=counted["quarantine"].get(account.pk, 0),
        through=fresh.through,
        proven_through=fresh.proven_through,
        last_read=fresh.last_booked_at,
    )


def _line_days(account: Account) -> Collection[Any]:
    lines = Line.objects.filter(account=account, state="booked").order_by()
    return lines.values_list("as_of_date", flat=True).distinct()


def _recounted(days: Sequence[Day], moved: Mapping[Any, movements.Movements]) -> bool:
    """Say whether the booked lines, added up anew, are what each day says, and no line is on a day not listed."""
    listed = {day.as_of_date: (day.credits, day.debits, day.lines) for day in days}
    found = {day: (one.credits, one.debits, one.lines) for day, one in moved.items() if one.lines}
    return found == {day: said for day, said in listed.items() if said[2]}


def _absent(days: Sequence[Day]) -> int:
    if not days:
        return 0
    return (days[-1].as_of_date - days[0].as_of_date).days + 1 - len(days)


def _unproven(day: Day, currency: str) -> UnprovenDay:
    return UnprovenDay(day.pk, day.as_of_date, day.state, day.difference, day.rejected, currency)


def _foreign(account: Account, moved: Mapping[Any, movements.Movements]) -> int:
    if not {code for one in moved.values() for code in one.currencies} - {account.currency}:
        return 0
    lines = Line.objects.filter(account=account, state="booked")
    return lines.exclude(currency=account.currency).count()


def _surplus(account: Account) -> int:
    places = MINOR_DIGITS.get(account.currency)
    if places is None:
        return 0
    lines = Line.objects.filter(account=account, state="booked", currency=account.currency)
    return lines.filter(MorePlaces("amount", places)).count()
