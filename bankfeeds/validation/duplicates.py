"""The duplicate tests by name. They find and list; nothing is ever merged or removed by them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum, Value

from bankfeeds import queries
from bankfeeds.models import Connection, Day, ExportComparison, Line, LineId, ProvisionalLine, Pull
from bankfeeds.models.amounts import AmountField
from bankfeeds.validation.judgement import Check, Group, Known, Verdict, count, day_words
from bankfeeds.validation.sums import Plain

GROUPS_SHOWN = 25
LINES_SHOWN = 5
NIGHTS = 3
"""Days before its own on which a provisional line's booked twin may stand."""


def identity(connection: Connection) -> Check:
    """Return the base test: every line has one id in use, no id two lines, and reading a line again books nothing."""
    wrong = queries.duplicates(connection)
    pulls = Pull.objects.filter(account__connection=connection, state="booked").aggregate(
        read=Sum("read"), n=Count("pk")
    )
    lines = Line.objects.filter(account__connection=connection).count()
    return Check(
        key="identity",
        name="Same id",
        verdict=Verdict.FAULT if wrong else Verdict.CLEAR,
        compared=f"{count(lines, 'line')} with every id the bank has used for them; "
        f"{count(pulls['read'] or 0, 'record')} of the bank read in {count(pulls['n'], 'pull')}.",
        outcome=f"{count(wrong, 'line')} without an id of its own."
        if wrong
        else "Each id is one line, and what was read again was not booked again.",
    )


def same_reference(connection: Connection) -> Check:
    """Return booked lines with one bank reference, day, direction and amount: a real bank may use one twice."""
    lines = _booked(connection).exclude(bank_reference="")
    groups, more = _repeated(lines, "bank_reference")
    found = len(groups) + more
    return _question(
        "same_reference",
        "Same reference",
        f"{count(lines.count(), 'booked line')} with a bank reference: account, day, direction, amount, reference.",
        f"{count(found, 'reference')} used more than once. Each line has its own id at the bank: "
        "ask whether both are meant.",
        groups,
        more,
    )


def look_alikes(connection: Connection) -> Check:
    """Return booked lines of one day, direction, amount and description: often two real payments, never merged."""
    lines = _booked(connection)
    groups, more = _repeated(lines, "description")
    return _question(
        "look_alikes",
        "Look-alikes",
        "All booked lines: account, day, direction, amount, description.",
        f"{count(len(groups) + more, 'group')} of lines that look alike. Each line has its own id at the bank: "
        "often they are two real payments. Nothing is merged.",
        groups,
        more,
    )


def pending_and_posted(connection: Connection) -> Check:
    """Return provisional lines on days that are booked, or of ids that are; and those that look like a booked one."""
    pending = ProvisionalLine.objects.filter(account__connection=connection)
    settled = Day.objects.filter(account=OuterRef("account"), as_of_date=OuterRef("as_of_date"))
    wrong = pending.filter(Exists(settled.exclude(state__in=["missing", "provisional"])))
    ids = LineId.objects.filter(account=OuterRef("account"), transaction_id=OuterRef("transaction_id"))
    faults, fault_more = _pending_groups(wrong, "a provisional line on a day that is booked")
    same, same_more = _pending_groups(
        pending.filter(Exists(ids)).exclude(pk__in=wrong.values("pk")),
        "its id is booked on another day already",
    )
    alike, alike_more = _pending_groups(
        _across_the_night(pending, wrong, ids), "looks like a line booked a day or more before"
    )
    verdict = Verdict.FAULT if faults else Verdict.ASK if same or alike else Verdict.CLEAR
    return Check(
        key="pending_and_posted",
        name="Pending and posted",
        verdict=verdict,
        compared=f"{count(pending.count(), 'provisional line')} with "
        f"{count(_booked(connection).count(), 'booked line')}. "
        "They are kept apart: every total on this page is of booked lines alone.",
        outcome="No payment is counted both as pending and as posted."
        if not faults
        else f"{count(len(faults) + fault_more, 'provisional line')} on a day that is booked.",
        groups=[*faults, *same, *alike],
        more=fault_more + same_more + alike_more,
    )


def overlap(connection: Connection) -> Check:
    """Return what the newest comparison of each account with the customer's own export said."""
    newest: dict[int, ExportComparison] = {}
    rows = ExportComparison.objects.filter(account__connection=connection).select_related("account")
    for row in rows.order_by("compared_at", "pk"):
        newest[row.account_id] = row
    accounts = connection.accounts.count()
    differ = [row for row in newest.values() if not agrees(row)]
    verdict = (
        Verdict.FAULT if differ else Verdict.OPEN if len(newest) < accounts or not accounts else Verdict.CLEAR
    )
    said = [comparison_words(row) for _, row in sorted(newest.items())]
    return Check(
        key="overlap",
        name="Overlap with an earlier import or the customer's own export",
        verdict=verdict,
        compared=f"{len(newest)} of {count(accounts, 'account')} with a file the customer exported elsewhere.",
        outcome=" ".join(said) or "Upload the customer's own export to compare it; the file is not kept.",
    )


def agrees(row: ExportComparison) -> bool:
    """Say whether a comparison left nothing over."""
    return row.rows > 0 and row.matched == row.rows and not row.only_ours


def comparison_words(row: ExportComparison) -> str:
    """Return what a comparison came to."""
    span = (
        f" from {day_words(row.first_day)} to {day_words(row.last_day)}"
        if row.first_day and row.last_day
        else ""
    )
    left = [
        f"{number:,} {words}"
        for number, words in (
            (row.only_theirs, "only in the file"),
            (row.only_ours, "only in the ledger"),
            (int(row.data.get("differing", 0)), "with another amount or day"),
            (row.twice, "of these look like a line that was matched"),
            (row.unread, "not understood"),
        )
        if number
    ]
    end = "; ".join([f"{row.matched:,} matched", *left]) if left else "all matched, nothing left over"
    return f"{row.account.masked}, {count(row.rows, 'row')}{span}: {end}."


def _question(key: str, name: str, compared: str, words: str, groups: Sequence[Group], more: int) -> Check:
    return Check(
        key=key,
        name=name,
        verdict=Verdict.ASK if groups else Verdict.CLEAR,
        compared=compared,
        outcome=words if groups else "None found.",
        groups=groups,
        more=more,
    )


def _booked(connection: Connection) -> QuerySet[Line]:
    return Line.objects.filter(account__connection=connection, state="booked")


def _repeated(lines: QuerySet[Line], name: str) -> tuple[list[Group], int]:
    """Return the first groups of lines equal in day, direction, amount and ``name``, and how many more there are."""
    keys = ("account", "as_of_date", "direction", "plain", name)
    grouped = (
        lines.order_by().annotate(plain=Plain("amount")).values(*keys).annotate(n=Count("pk")).filter(n__gt=1)
    )
    shown = list(grouped.order_by("account", "as_of_date", "direction", name, "plain")[: GROUPS_SHOWN + 1])
    more = grouped.count() - GROUPS_SHOWN if len(shown) > GROUPS_SHOWN else 0
    shown = shown[:GROUPS_SHOWN]
    members = _members(lines, shown, name)
    return [_group(row, members[_key(row, name)], name) for row in shown], more


def _members(lines: QuerySet[Line], groups: Sequence[dict[str, Any]], name: str) -> dict[Any, list[Line]]:
    found: dict[Any, list[Line]] = defaultdict(list)
    for row in groups:
        alike = lines.filter(
            account=row["account"],
            as_of_date=row["as_of_date"],
            direction=row["direction"],
            **{name: row[name]},
        ).annotate(plain=Plain("amount"))
        alike = (
            alike.filter(plain=Plain(Value(row["plain"], output_field=AmountField())))
            .select_related("account")
            .order_by("transaction_id")
        )
        found[_key(row, name)] = list(alike.defer("narrative")[:LINES_SHOWN])
    return found


def _key(row: dict[str, Any], name: str) -> tuple[Any, ...]:
    return (row["account"], row["as_of_date"], row["direction"], row["plain"], row[name])


def _group(row: dict[str, Any], lines: Sequence[Line], name: str) -> Group:
    first = lines[0]
    return Group(
        account=first.account.masked,
        day=first.as_of_date,
        amount=_signed(first),
        currency=first.currency,
        text=row[name],
        count=row["n"],
        lines=[Known(line.pk, line.transaction_id) for line in lines],
    )


def _across_the_night(
    pending: QuerySet[ProvisionalLine], wrong: QuerySet[ProvisionalLine], ids: QuerySet[LineId]
) -> QuerySet[ProvisionalLine]:
    """Return the provisional lines that have a booked twin of another id on one of the days before."""
    twin = Q(pk__in=[])
    for day in pending.order_by().values_list("as_of_date", flat=True).distinct():
        booked = Line.objects.annotate(plain=Plain("amount")).filter(
            account=OuterRef("account"),
            state="booked",
            direction=OuterRef("direction"),
            plain=Plain(OuterRef("amount")),
            description=OuterRef("description"),
            as_of_date__range=(day - timedelta(days=NIGHTS), day - timedelta(days=1)),
        )
        twin |= Q(as_of_date=day) & Q(Exists(booked))
    return pending.filter(twin).exclude(pk__in=wrong.values("pk")).exclude(Exists(ids))


def _pending_groups(rows: QuerySet[ProvisionalLine], note: str) -> tuple[list[Group], int]:
    shown = list(
        rows.select_related("account").order_by("account", "as_of_date", "position")[: GROUPS_SHOWN + 1]
    )
    more = rows.count() - GROUPS_SHOWN if len(shown) > GROUPS_SHOWN else 0
    return [
        Group(
            account=row.account.masked, day=row.as_of_date, amount=_signed(row), currency=row.currency,
            text=row.description, count=1, note=note,
        )
        for row in shown[:GROUPS_SHOWN]
    ], more  # fmt: skip


def _signed(line: Line | ProvisionalLine) -> Decimal:
    amount: Decimal = line.amount
    return amount if line.direction == "CREDIT" else -amount
