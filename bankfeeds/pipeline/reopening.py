"""Days that an undone pull has read last are missing again, so that the planner asks for them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from django.db.models import Q

from bankfeeds.models import Account, Day, Finding, Line, ProvisionalLine, Pull, RejectedLine, WindowDigest
from bankfeeds.models.finding import FindingKind
from bankfeeds.pipeline import movements
from bankfeeds.pipeline.confirming import Confirmations
from bankfeeds.pipeline.findings import finding_key

# A guess about a day that is missing is no finding: the next answer says it anew.
_ABOUT_AN_ANSWER = (
    FindingKind.BROKEN_DAY,
    FindingKind.REJECTED_LINES,
    FindingKind.INCOMPLETE_ANSWER,
    FindingKind.UNPROVEN_CHANGE,
)
_FORGOTTEN = {
    "state": "missing",
    "opening": None,
    "closing": None,
    "difference": None,
    "stated": False,
    "rejected": 0,
    "foreign": False,
    "read_at": None,
}


def days_last_read(pull: Pull, confirmations: Confirmations) -> set[date]:
    """Return the days known from this pull and from no later one."""
    rows = Day.objects.filter(account=pull.account_id, pull=pull).exclude(state="missing")
    return {
        day
        for day, state in rows.values_list("as_of_date", "state")
        if state == "provisional" or not confirmations.covers(pull.pk, day)
    }


def reopen(account: Account, pull: Pull, days: Collection[date]) -> set[str]:
    """Make the days missing, take their provisional lines and rejected records away; return the settled findings' keys.

    Balances stay as observed: they are the bank's words. What was proven stands as ``reopened``.
    """
    sums = movements.by_day(account, days)
    # A day that is not over is missing without a row, as before anybody read it.
    Day.objects.filter(account=account, as_of_date__in=days, state="provisional").delete()
    rows = list(Day.objects.select_for_update().filter(account=account, as_of_date__in=days).order_by("pk"))
    for row in rows:
        row.reopened = row.reopened or row.state == "proven"
        for name, value in _FORGOTTEN.items():
            setattr(row, name, value)
        moved = sums[row.as_of_date]
        row.credits, row.debits, row.lines, row.pull = moved.credits, moved.debits, moved.lines, pull
    Day.objects.bulk_update(
        rows, [*_FORGOTTEN, "reopened", "credits", "debits", "lines", "pull"], batch_size=200
    )
    ProvisionalLine.objects.filter(account=account, as_of_date__in=days).delete()
    _unbridge(account, set(days))
    if days:
        digests = WindowDigest.objects.filter(account=account, start__lte=max(days), end__gte=min(days))
        digests.delete()
    _forget_rejections(account, pull, set(days))
    return {finding_key(kind, account, day) for kind in _ABOUT_AN_ANSWER for day in days} | _contradictions(
        account, days
    )


def _unbridge(account: Account, days: set[date]) -> None:
    """Take the proof from quiet days that only their neighbours proved, where such a neighbour is missing now."""
    reached: set[date] = set()
    for step in (timedelta(days=-1), timedelta(days=1)):
        edges = {day + step for day in days} - days
        while edges:
            bridged = set(
                Day.objects.filter(
                    account=account, as_of_date__in=edges, state="proven", stated=False
                ).values_list("as_of_date", flat=True)
            )
            reached |= bridged
            edges = {day + step for day in bridged} - days
    Day.objects.filter(account=account, as_of_date__in=reached).update(
        state="final", opening=None, closing=None, difference=None
    )


def _forget_rejections(account: Account, pull: Pull, days: set[date]) -> None:
    rows = RejectedLine.objects.filter(account=account, open=True)
    dated = rows.filter(as_of_date__in=days)
    undated = [row.pk for row in rows.filter(as_of_date=None, pull=pull) if _within(row, days)]
    RejectedLine.objects.filter(Q(pk__in=dated.values("pk")) | Q(pk__in=undated)).update(open=False)


def _within(row: RejectedLine, days: set[date]) -> bool:
    return any(row.window_start <= day <= row.window_end for day in days)


def _contradictions(account: Account, days: Collection[date]) -> set[str]:
    """Return the findings about codes of lines of which none is booked any more."""
    open_ones = Finding.objects.filter(
        account=account, state="open", kind=FindingKind.CONTRADICTING_CODE, as_of_date__in=days
    )
    return {
        finding.key
        for finding in open_ones
        if not Line.objects.filter(
            account=account, transaction_id__in=finding.data.get("transaction_ids", ()), state="booked"
        ).exists()
    }
