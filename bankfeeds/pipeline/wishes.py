"""What a pull is to cover, from the rows: the account's coverage, its sweeps, and a person's limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from bankfeeds.bank_dates import holidays_until
from bankfeeds.models import Account, Day, Pull
from bankfeeds.models.pull import PullKind
from bankfeeds.pipeline import plan
from bankfeeds.pipeline.plan import Coverage, Wish

DEEP_EVERY, WIDE_EVERY = timedelta(days=7), timedelta(days=30)
ASK_AGAIN = timedelta(days=7)
"""How long an older day is left alone that the bank was asked for and said nothing of."""


def known_days(account: Account) -> dict[date, Coverage]:
    """Return what is known of each day of the account."""
    rows = Day.objects.filter(account=account).values_list(
        "as_of_date", "state", "stated", "lines", "rejected"
    )
    return {
        day: Coverage(state=state, quiet=not stated and not lines and not rejected)  # type: ignore[arg-type]
        for day, state, stated, lines, rejected in rows
    }


def wish_of(pull: Pull, account: Account, *, now: datetime) -> Wish:
    """Return what the pull is to cover; nothing is read again by one that reads older days."""
    if pull.kind == PullKind.BACKFILL:
        return wish_for_older_days(account, today=pull.today, now=now)
    limited = bool(pull.window_start or pull.window_end)
    return Wish(
        today=pull.today,
        history_start=account.connection.history_start,
        start=pull.window_start,
        end=pull.window_end,
        deep=_is_due(account.deep_read_on, pull.today, DEEP_EVERY),
        wide=not limited and _is_due(account.wide_read_on, pull.today, WIDE_EVERY),
        holidays=holidays_until(pull.today),
    )


def wish_for_older_days(account: Account, *, today: date, now: datetime) -> Wish:
    """Return the wish for the next days of the account that nobody has read."""
    return Wish(
        today=today,
        history_start=account.connection.history_start,
        older=True,
        asked=frozenset(_asked_lately(account, now)),
    )


def note_sweeps(account: Account, wish: Wish) -> None:
    """Write down which sweeps have taken place; called once everything is booked, never for a part of it."""
    if wish.start or wish.end:
        return
    done = {"deep_read_on": wish.today} if wish.deep or wish.wide else {}
    done |= {"wide_read_on": wish.today} if wish.wide else {}
    if done:
        Account.objects.filter(pk=account.pk).update(**done)


def _is_due(last: date | None, today: date, every: timedelta) -> bool:
    return last is None or today - last >= every


def _asked_lately(account: Account, now: datetime) -> Iterator[date]:
    slices = Pull.objects.filter(
        account=account, kind=PullKind.BACKFILL, state="booked", finished_at__gt=now - ASK_AGAIN
    )
    for covered in slices.values_list("covered", flat=True):
        for start, end in covered or []:
            yield from plan.days_between(date.fromisoformat(start), date.fromisoformat(end))
