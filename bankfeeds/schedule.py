"""The doorbell: the queue only says "look at the rows", and what must be done stands in the rows.

A delivery may be lost, doubled or late: a pull that is still due is rung for again after ten minutes, and a worker
that comes twice finds the lease taken.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django_q.brokers import get_broker
from django_q.models import Schedule
from django_q.tasks import async_task

from audit.recording import Actor, record
from bankfeeds import queries
from bankfeeds.models import (
    BalanceObservation,
    Connection,
    Day,
    Heartbeat,
    Line,
    LineRevision,
    Pull,
    RawPage,
)
from bankfeeds.models.pull import PullKind
from bankfeeds.operations import dispatch, judge_late_feeds


def tick(*, today: date, actor: Actor, now: datetime) -> list[Pull]:
    """Queue the pulls whose time has come and call workers for the due ones; return those called for."""
    dispatch.queue_due_pulls(today=today, actor=actor, now=now)
    with transaction.atomic():
        due = _to_ring(now)
        for pull in due:
            ring("bankfeeds.tasks.pull_account", str(pull.pk))
        dispatch.mark_rung(pulls=due, now=now)
    judge_late_feeds(actor=actor, now=now)  # last: whatever it meets, the workers were called
    return due


def _to_ring(now: datetime) -> list[Pull]:
    """Return the pulls to call for: in the order of their turn, but one call in ten for who has waited longest.

    No more than PULLS_PER_TICK calls wait in the queue at once, whether workers chew them or not; only what a person
    asked for is called for beyond that.
    """
    room = max(0, settings.PULLS_PER_TICK - get_broker().queue_size())
    due = queries.pulls_to_ring(now=now).select_for_update(of=("self",), skip_locked=_can_skip())
    asked = list(due.filter(kind=PullKind.REQUESTED)[: settings.PULLS_PER_TICK])
    others = due.exclude(kind=PullKind.REQUESTED)
    longest = list(others.order_by("requested_at", "pk")[: -(-room // 10)])
    rest = list(others.exclude(pk__in=[pull.pk for pull in longest])[: room - len(longest)])
    return [*asked, *longest, *rest]


def ring(task: str, *arguments: str) -> None:
    """Call a worker once the transaction at hand commits; not at all if it does not."""
    if settings.QUEUE_BROKER == "orm":
        async_task(task, *arguments)  # a row of the same database: it commits or rolls back with ours
    else:
        transaction.on_commit(lambda: async_task(task, *arguments))


def beat(*, now: datetime) -> None:
    """Write down that a worker executed something at ``now``."""
    Heartbeat.objects.update_or_create(name=queries.WORKER, defaults={"at": now})


def ask_for_heartbeat() -> None:
    """Ask the workers for a sign of life."""
    ring("bankfeeds.tasks.heartbeat")


def ensure_schedule(name: str, func: str, minutes: int) -> None:
    """Make sure that ``func`` (a dotted path, called without arguments) runs every ``minutes`` minutes; idempotent."""
    with transaction.atomic():
        rows = list(Schedule.objects.select_for_update().filter(name=name).order_by("pk"))
        if not rows:
            Schedule.objects.create(
                name=name, func=func, schedule_type=Schedule.MINUTES, minutes=minutes, repeats=-1
            )
            return
        # The name is not unique in the queue's table: two installers at once leave two rows, and one goes.
        Schedule.objects.filter(pk__in=[row.pk for row in rows[1:]]).delete()
        wanted = {"func": func, "schedule_type": Schedule.MINUTES, "minutes": minutes, "repeats": -1}
        if any(getattr(rows[0], key) != value for key, value in wanted.items()):
            Schedule.objects.filter(pk=rows[0].pk).update(**wanted)


def ensure_schedules(**_: Any) -> None:
    """Lay down this app's schedules; called after every migration and at every start of a worker."""
    if Schedule._meta.db_table not in database.introspection.table_names():
        return  # one app alone was migrated; the queue's tables come later
    ensure_schedule("bankfeeds tick", "bankfeeds.tasks.tick", 1)
    ensure_schedule("bankfeeds prune", "bankfeeds.tasks.prune", 24 * 60)
    ensure_schedule("certificates retire", "certificates.tasks.retire_expired_keys", 60)
    ensure_schedule("certificates lapse", "certificates.tasks.lapse_approvals", 60)
    ensure_schedule("certificates watch", "certificates.tasks.warn_expiring_certificates", 60)


def prune(*, actor: Actor, now: datetime) -> int:
    """Remove raw answers that changed nothing and are older than RAW_PAGE_DAYS; return how many.

    Of a pull all go or none. Connections under a legal hold keep everything. What stays rebuilds the same ledger.
    """
    return sum(
        _prune(pk, actor, now) for pk in Connection.objects.values_list("pk", flat=True).order_by("pk")
    )


def _prune(pk: int, actor: Actor, now: datetime) -> int:
    with transaction.atomic():
        # The row, so that a hold set at this moment either comes first or finds what is left.
        connection = Connection.objects.select_for_update().get(pk=pk)
        if connection.legal_hold:
            return 0
        before = now - timedelta(days=settings.RAW_PAGE_DAYS)
        found = RawPage.objects.filter(
            pull__in=_unchanged(connection).filter(finished_at__lt=before)
        ).delete()[0]
        if found:
            told = {"pages": found, "older_than_days": settings.RAW_PAGE_DAYS}
            record(verb="bankfeeds.raw_pages_pruned", actor=actor, subject=connection, now=now, data=told)
    return found


def _unchanged(connection: Connection) -> QuerySet[Pull]:
    """Return the pulls that brought neither lines nor balances nor a change of a day as it stands."""
    pulls = Pull.objects.filter(
        account__connection=connection,
        state="booked",
        new=0,
        amended=0,
        renumbered=0,
        withdrawn=0,
        rejected=0,
        held=0,
    )
    # A quiet pull's balances may be what a later withdrawal was proven by, when the bank did not state them again.
    told = BalanceObservation.objects.filter(account__connection=connection).values("pull")
    known = Day.objects.filter(account__connection=connection, pull__isnull=False)
    judged = known.exclude(state__in=["missing", "provisional"]).values("pull")
    # The counts are those of the newest turn: what one before it wrote, the lines say.
    first, changed = (
        Line.objects.filter(first_pull=OuterRef("pk")),
        LineRevision.objects.filter(replaced_by_pull=OuterRef("pk")),
    )
    return pulls.exclude(pk__in=told).exclude(pk__in=judged).exclude(Exists(first)).exclude(Exists(changed))


def _can_skip() -> bool:
    return bool(database.features.has_select_for_update_skip_locked)
