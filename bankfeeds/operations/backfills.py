"""Reading an earlier history: an earlier first day, and pulls of a month each until the coverage has no gap."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import transaction

from audit.recording import Actor, record
from audit.workflow import OperationRefused, PermissionMissing
from bankfeeds import queries, turns
from bankfeeds.bank_dates import business_date
from bankfeeds.models import Account, Connection, Pull
from bankfeeds.models.pull import PullKind
from bankfeeds.pipeline import plan, wishes

LONGEST_HISTORY = timedelta(days=3653)
RIGHT = "bankfeeds.backfill"


def backfill(*, pk: int, start: date, actor: Actor, now: datetime, reason: str) -> Connection:
    """Let the feed begin on ``start``, earlier than so far: the days before are read a month at a time, oldest first.

    Everything else goes before them. Their coverage says how far they are; nothing else does. Raises OperationRefused.
    """
    _check_right(actor)
    with transaction.atomic():
        connection, accounts = _locked(pk)
        today = business_date(now)
        _check_start(connection, start, today)
        before, connection.history_start = connection.history_start, start
        connection.save(update_fields=["history_start"])
        for account in accounts:
            account.behind, account.connection = True, connection
            account.save(update_fields=["behind"])
            if Pull.objects.filter(account=account, state="booked").exists():
                _queue_slice(account, today, actor, now)
        _record("bankfeeds.backfill_requested", connection, before, reason, actor, now)
    return connection


def stop_backfill(*, pk: int, actor: Actor, now: datetime, reason: str = "") -> Connection:
    """Ask for no more older days: the feed begins where its days are read without a gap. What was read stays.

    A pull at work is finished. Raises OperationRefused.
    """
    _check_right(actor)
    with transaction.atomic():
        connection, accounts = _locked(pk)
        behind = [account for account in accounts if account.behind]
        if not behind:
            raise OperationRefused(f"No older days of {connection.label} are being read.")
        # Never later than the usual history: what lacks there is a gap, and no older day.
        usual = business_date(now) - timedelta(days=plan.HISTORY_DAYS)
        firsts = [day for day in map(turns.first_gapless_day, behind) if day is not None]
        before, connection.history_start = connection.history_start, min(usual, max(firsts, default=usual))
        connection.save(update_fields=["history_start"])
        Account.objects.filter(connection=connection).update(behind=False)
        _record("bankfeeds.backfill_stopped", connection, before, reason, actor, now)
    return connection


def queue_older_days(*, room: int, today: date, actor: Actor, now: datetime) -> list[Pull]:
    """Queue at most ``room`` pulls of older days, one for an account; an account without any is behind no more."""
    found = []
    for account in turns.accounts_behind(now=now)[:room]:
        with transaction.atomic():
            locked = Account.objects.select_for_update(of=("self",)).select_related("connection")
            pull = _queue_slice(locked.get(pk=account.pk), today, actor, now)
        if pull is not None:
            found.append(pull)
    return found


def _queue_slice(account: Account, today: date, actor: Actor, now: datetime) -> Pull | None:
    """Queue the account's next pull of older days, under its lock; None when it has another pull, or none to read."""
    if not account.behind or queries.open_pulls().filter(account=account).exists():
        return None
    wish = wishes.wish_for_older_days(account, today=today, now=now)
    if not plan.backlog(wishes.known_days(account), wish):
        Account.objects.filter(pk=account.pk).update(behind=False)
        return None
    pull = Pull.objects.create(
        account=account,
        kind=PullKind.BACKFILL,
        today=today,
        covered=[],
        requested_by=f"{actor.kind}:{actor.key}",
        requested_at=now,
    )
    data = {"kind": PullKind.BACKFILL.value}
    record(verb="bankfeeds.pull_requested", actor=actor, subject=pull, now=now, data=data)
    return pull


def _locked(pk: int) -> tuple[Connection, list[Account]]:
    # The accounts before their connection, in one order: as whoever books for one of them.
    accounts = list(Account.objects.select_for_update().filter(connection_id=pk).order_by("pk"))
    return Connection.objects.select_for_update().get(pk=pk), accounts


def _check_right(actor: Actor) -> None:
    if actor.account is not None and not actor.account.has_perm(RIGHT):
        raise PermissionMissing(f"You may not do this: it needs the right “{RIGHT}”.")


def _check_start(connection: Connection, start: date, today: date) -> None:
    if connection.state == "closed":
        raise OperationRefused(f"{connection.label} is closed: nothing is read any more.")
    first = connection.history_start or today - timedelta(days=plan.HISTORY_DAYS)
    if start >= first:
        raise OperationRefused(
            f"The feed begins on {first:%d %b %Y} already.", missing=[f"a day before {first:%d %b %Y}"]
        )
    if today - start > LONGEST_HISTORY:
        raise OperationRefused(f"{start:%d %b %Y} is more than ten years ago.")


def _record(
    verb: str, connection: Connection, before: date | None, reason: str, actor: Actor, now: datetime
) -> None:
    assert connection.history_start is not None  # noqa: S101 - both acts have just set it
    data = {"from": before.isoformat() if before else "", "to": connection.history_start.isoformat()}
    record(verb=verb, actor=actor, subject=connection, now=now, reason=reason, data=data)
