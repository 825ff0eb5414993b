"""What the queue's workers run. Each reads the clock, makes one call, and may be called twice or not at all."""

from __future__ import annotations

import structlog
from django.utils import timezone

from audit.recording import Actor
from bankfeeds import operations, schedule
from bankfeeds.bank_dates import business_date
from bankfeeds.pipeline.book import LeaseLost
from bankfeeds.pipeline.claim import NotClaimed, new_owner
from bankfeeds.pipeline.run import run_pull
from certificates import operations as certificates

log = structlog.get_logger("lockkeeper.bankfeeds")


def tick() -> None:
    """Every minute: a sign of life, the pulls whose time has come, and a look at whether the other monitor lives."""
    now = timezone.now()
    schedule.beat(now=now)
    schedule.tick(today=business_date(now), actor=Actor.task("tick"), now=now)
    operations.tell_of_outages(now=now)
    certificates.alarm_if_monitor_stopped(now=now)  # last: whatever it meets, the pulls were called for


def heartbeat() -> None:
    """A sign of life, asked for."""
    schedule.beat(now=timezone.now())


def pull_account(pull_id: str) -> None:
    """Carry out one pull, if it is still to be done."""
    try:
        run_pull(
            pull_id=pull_id,
            owner=new_owner(),
            today=business_date(timezone.now()),
            actor=Actor.task("pull_account"),
            clock=timezone.now,
        )
    except (NotClaimed, LeaseLost) as reason:
        log.info("pull left alone", pull=pull_id, reason=str(reason))


def prune() -> None:
    """Once a day: forget raw answers that changed nothing."""
    schedule.prune(actor=Actor.task("prune"), now=timezone.now())
