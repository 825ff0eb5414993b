"""Queueing what is due, in batches, so that a thousand feeds due at once cost a few statements and no stampede."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfoNotFoundError

import structlog
from django.db import connection as database
from django.db import transaction

from audit.recording import Act, Actor, record_many
from audit.workflow import OperationRefused
from bankfeeds import queries, timetable, turns
from bankfeeds.models import Account, Pull
from bankfeeds.models.pull import PullKind
from bankfeeds.operations.backfills import queue_older_days
from bankfeeds.operations.connections import begin_testing_if_ready
from bankfeeds.operations.pulls import start_pull

log = structlog.get_logger("lockkeeper.bankfeeds")

BATCH = 100
WITHOUT_TIMETABLE = timedelta(hours=6)


def queue_due_pulls(*, today: date, actor: Actor, now: datetime) -> list[Pull]:
    """Queue a pull for the accounts whose time has come, the longest due first, and set their next time.

    No more than the workers have room for: the others stay due, and no account is passed by one that came later.
    What room is left goes to older days. Returns the new pulls; each account gets one, however many call this at once.
    """
    for draft in turns.drafts_with_key(now=now):
        begin_testing_if_ready(connection=draft, actor=actor, now=now)
    room = turns.room_for_pulls(now=now)
    found = _instead_of_older_days(room, today, actor, now)
    while len(found) < room:
        batch = _queue_batch(min(BATCH, room - len(found)), today, actor, now)
        if batch is None:
            found += queue_older_days(room=room - len(found), today=today, actor=actor, now=now)
            break
        found += batch
    return found


def next_time(account: Account, *, now: datetime) -> datetime:
    """Return when the schedule reads the account next."""
    try:
        return timetable.next_pull(
            account.connection.timetable, after=now, spread=timetable.spread(account.pk)
        )
    except (ZoneInfoNotFoundError, ValueError) as problem:
        # A time zone that this machine does not know must not keep all other feeds from being read.
        log.error("timetable unusable", connection=account.connection.label, problem=str(problem))
        return now + WITHOUT_TIMETABLE


def mark_rung(*, pulls: Iterable[Pull], now: datetime) -> None:
    """Write down that workers were called for these pulls."""
    Pull.objects.filter(pk__in=[pull.pk for pull in pulls]).update(rung_at=now)


def _queue_batch(size: int, today: date, actor: Actor, now: datetime) -> list[Pull] | None:
    """Queue pulls for the next accounts in one transaction; None when no account is left."""
    with transaction.atomic():
        # Another scheduler's accounts are skipped, not waited for; SQLite admits one writer at a time anyway.
        skip = bool(database.features.has_select_for_update_skip_locked)
        due = turns.accounts_due(now=now).select_for_update(of=("self",), skip_locked=skip)
        accounts = list(due[:size])
        if not accounts:
            return None
        # Asked again under the locks: a person may have asked for a pull since the accounts were chosen.
        busy = set(queries.open_pulls().filter(account__in=accounts).values_list("account", flat=True))
        free = [account for account in accounts if account.pk not in busy]
        pulls = [_scheduled(account, today, actor, now) for account in free]
        Pull.objects.bulk_create(pulls)
        _set_next_times(free, now)
        data = {"kind": PullKind.SCHEDULED.value}
        acts = [Act(verb="bankfeeds.pull_requested", subject=pull, data=data) for pull in pulls]
        record_many(acts, actor=actor, now=now)
    return pulls


def _scheduled(account: Account, today: date, actor: Actor, now: datetime) -> Pull:
    return Pull(
        account=account,
        kind=PullKind.SCHEDULED,
        today=today,
        covered=[],
        requested_by=f"{actor.kind}:{actor.key}",
        requested_at=now,
    )


def _set_next_times(accounts: Sequence[Account], now: datetime) -> None:
    for account in accounts:
        account.next_pull_at = next_time(account, now=now)
    Account.objects.bulk_update(accounts, ["next_pull_at"])


def _instead_of_older_days(room: int, today: date, actor: Actor, now: datetime) -> list[Pull]:
    """Queue scheduled pulls in the place of pulls of older days that no worker has taken yet."""
    found = []
    for account in turns.accounts_due_before_older_days(now=now)[:room]:
        try:
            with transaction.atomic():
                due = Account.objects.select_for_update().filter(
                    pk=account.pk, next_pull_at=account.next_pull_at
                )
                if not due.update(next_pull_at=next_time(account, now=now)):
                    continue  # another scheduler was first
                found.append(
                    start_pull(account=account, today=today, actor=actor, now=now, kind=PullKind.SCHEDULED)
                )
        except OperationRefused:
            continue  # a worker has taken it meanwhile: the account stays due
    return found
