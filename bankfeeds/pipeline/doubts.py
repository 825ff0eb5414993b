"""What of an answer a person must see: records that could not be taken, removals, and changes that nothing proves."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import date, timedelta

from django.db.models import Q

from bankfeeds.bai import describe
from bankfeeds.expectation import day_words
from bankfeeds.models import Account, Pull, RejectedLine
from bankfeeds.models.finding import FindingKind
from bankfeeds.pipeline.arbitrate import Doubt, Verdicts
from bankfeeds.pipeline.findings import Cause, finding_key
from bankfeeds.pipeline.normalise import Lines
from bankfeeds.pipeline.plan import Window

MOST_LISTED = 50  # ids in the data of a finding


def doubts_and_rejections(
    account: Account, pull: Pull, window: Window, lines: Lines, verdicts: Verdicts
) -> tuple[list[Cause], set[str]]:
    """Keep the rejected records and return the findings of this window, and the keys of those it may have settled."""
    causes = [withdrawn_line(ours.transaction_id, ours.as_of_date) for ours in verdicts.withdrawn]
    settled: set[str] = set()
    contradicting, agreeing = _contradictions(account, window, lines, verdicts)
    causes += contradicting
    settled |= agreeing
    for day in window.days():
        for kind in (FindingKind.INCOMPLETE_ANSWER, FindingKind.UNPROVEN_CHANGE, FindingKind.REJECTED_LINES):
            settled.add(finding_key(kind, account, day))
    settled.update(
        finding_key(FindingKind.WITHDRAWN_LINE, account, ours.as_of_date, ours.transaction_id)
        for _, ours in verdicts.amended
        if not ours.booked
    )
    for doubt in verdicts.doubts:
        causes.append(_doubt(doubt.doubt, doubt.as_of_date, doubt.missing, doubt.held))
    return causes + _keep_rejections(account, pull, window, lines), settled


def _contradictions(
    account: Account, window: Window, lines: Lines, verdicts: Verdicts
) -> tuple[list[Cause], set[str]]:
    """Return a finding per day on which such a line came or changed, and the keys of the days that have none.

    The line is booked as the bank directs it. A day whose lines are as they were is not told again: a person may
    have accepted it.
    """
    codes: dict[date, dict[str, str]] = {}
    wrong = set(lines.contradictions)
    for line in lines.lines:
        if line.transaction_id in wrong:
            codes.setdefault(line.as_of_date, {})[line.transaction_id] = (
                f"{describe(line.bai_code)} as {line.direction}"
            )
    rewritten = [*verdicts.amended, *verdicts.returned]
    written = {line.transaction_id for line in (*verdicts.new, *(bank for bank, _ in rewritten))}
    causes = [
        Cause(
            kind=FindingKind.CONTRADICTING_CODE,
            as_of_date=day,
            sentence=f"BAI codes of the other direction on {len(found)} line{'s' if len(found) > 1 else ''} of "
            f"{day_words(day)}: "
            f"{'; '.join(sorted(set(found.values()))[:3])}. Booked as the bank directs them; ask the bank.",
            data={"transaction_ids": sorted(found)[:50]},
        )
        for day, found in sorted(codes.items())
        if written.intersection(found)
    ]
    clear = set(window.days()) - codes.keys()
    return causes, {finding_key(FindingKind.CONTRADICTING_CODE, account, day) for day in clear}


def _keep_rejections(account: Account, pull: Pull, window: Window, lines: Lines) -> list[Cause]:
    inside = Q(as_of_date__range=(window.start, window.end))
    undated = Q(as_of_date=None, window_start__lte=window.end, window_end__gte=window.start)
    known = {
        row.digest: row for row in RejectedLine.objects.filter(inside | undated, account=account, open=True)
    }
    fresh, seen = [], set()
    for rejection in lines.rejections:
        digest = hashlib.sha256(f"{rejection.reason}\n{rejection.raw}".encode()).hexdigest()
        day = rejection.as_of_date
        if digest not in known and digest not in seen:
            fresh.append(
                RejectedLine(
                    account=account,
                    pull=pull,
                    as_of_date=day if day and window.start <= day <= window.end else None,
                    window_start=window.start,
                    window_end=window.end,
                    transaction_id=rejection.transaction_id,
                    reason=rejection.reason,
                    raw=rejection.raw,
                    page=rejection.page,
                    index=rejection.index,
                    digest=digest,
                )
            )
        seen.add(digest)
    moved = _settle_rejections([row for digest, row in known.items() if digest not in seen], window)
    RejectedLine.objects.bulk_create(fresh, batch_size=500)
    return _rejected([row for digest, row in known.items() if digest in seen] + fresh + moved, window)


def _settle_rejections(rows: Collection[RejectedLine], window: Window) -> list[RejectedLine]:
    """Close those that the answer no longer holds; return those without a day that may be of a day after it."""
    gone, moved = [], []
    for row in rows:
        if row.as_of_date or (window.start <= row.window_start and row.window_end <= window.end):
            gone.append(row.pk)
        elif window.start <= row.window_start:
            row.window_start = window.end + timedelta(days=1)
            moved.append(row)
        elif row.window_end <= window.end:
            RejectedLine.objects.filter(pk=row.pk).update(window_end=window.start - timedelta(days=1))
    RejectedLine.objects.filter(pk__in=gone).update(open=False)
    RejectedLine.objects.bulk_update(moved, ["window_start"])
    return moved


def _rejected(rows: Collection[RejectedLine], window: Window) -> list[Cause]:
    days: dict[date, list[RejectedLine]] = {}
    for row in rows:
        days.setdefault(row.as_of_date or max(window.start, row.window_start), []).append(row)
    return [
        Cause(
            kind=FindingKind.REJECTED_LINES,
            as_of_date=day,
            sentence=f"{len(found)} record{'s' if len(found) > 1 else ''} of the bank could not be taken: "
            + " ".join(sorted({row.reason for row in found})[:3]),
            data={"count": len(found)},
        )
        for day, found in sorted(days.items())
    ]


def withdrawn_line(ident: str, day: date) -> Cause:
    """Return the finding about a line that the bank has withdrawn."""
    return Cause(
        kind=FindingKind.WITHDRAWN_LINE,
        as_of_date=day,
        topic=ident,
        sentence=f"The bank has withdrawn the line {ident} of {day_words(day)}; it stays, marked, and counts no more.",
        data={"transaction_id": ident},
    )


def _doubt(doubt: Doubt, day: date, missing: Sequence[str], held: Sequence[str]) -> Cause:
    data = {"missing": list(missing[:MOST_LISTED]), "held": list(held[:MOST_LISTED])}
    if doubt is Doubt.INCOMPLETE:
        return Cause(
            kind=FindingKind.INCOMPLETE_ANSWER,
            as_of_date=day,
            sentence=f"The bank's answer for {day_words(day)} leaves out {len(missing)} booked lines, but its balances "
            "prove them: nothing was removed.",
            data=data,
        )
    return Cause(
        kind=FindingKind.UNPROVEN_CHANGE,
        as_of_date=day,
        sentence=f"The bank's answer for {day_words(day)} leaves out {len(missing)} booked lines, and its balances "
        f"prove neither set: nothing was removed, {len(held)} lines are held.",
        data=data,
    )
