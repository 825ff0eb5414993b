"""A hundred days of certificates that end, under a schedule that is down one day in twenty.

Six certificates end at different times; one of them arrives late, with 20 days left, and one is replaced on the way.
What must have been told is worked out here from the days alone: a threshold is told on the first day somebody looked
after it was crossed, unless a nearer one had been crossed by then too; then it is written down as superseded. Whole
lists are compared: nothing lost, nothing twice, the same for the owner and for operations.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail

from audit.queries import verify
from audit.recording import Actor
from certificates import operations
from certificates.models import Certificate, KeyPair, MonitorRun, Notice, NoticeMail
from tests.certificates.authority import Authority, pem
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

DAYS = 100
BUSY_FROM = 40
THRESHOLDS = (90, 60, 30, 14, 7, 1, 0)
OPS, OWNER = "ops@vendor.example", "owner@vendor.example"
BANK = Authority("Harbour Test Root (not a bank)")
ACTOR = Actor.command("test")

Told = tuple[int, str, int]
"""The day, the certificate and the threshold."""


@dataclass(frozen=True)
class Life:
    """A certificate: the day it is installed, the day it ends, and the day a proven successor is active."""

    name: str
    ends: float
    installed: int = 0
    replaced: int = DAYS + 1


LIVES = (
    Life("anchor", ends=95.5),
    Life("buoy", ends=91),
    Life("capstan", ends=40.2),
    Life("dinghy", ends=150),
    Life("late lantern", ends=50.5, installed=30),
    Life("replaced rudder", ends=80, replaced=60),
)


@pytest.fixture
def fleet(people: dict[str, Any]) -> dict[str, Certificate]:
    """The certificates there are on the first day, each with an owner."""
    User.objects.filter(pk=people["operator"].pk).update(email=OWNER)
    return {life.name: install(life.name, day=0, ends=life.ends) for life in LIVES if life.installed == 0}


def moment(day: float) -> datetime:
    return NOON + timedelta(days=day)


def install(name: str, *, day: int, ends: float) -> Certificate:
    key = operations.generate_csr(
        scope=f"connection:{name}", use="oauth", environment="test", actor=ACTOR, now=moment(day)
    )
    KeyPair.objects.filter(pk=key.pk).update(owner=User.objects.get(username="operator"), common_name=name)
    leaf = BANK.sign(key.csr_pem, ends=moment(ends))
    return operations.install_certificate(
        scope=key.scope, material=pem(leaf, BANK.certificate), actor=ACTOR, now=moment(day)
    )


def happenings(day: int) -> None:
    """What people do on this day."""
    for life in LIVES:
        if day == life.installed > 0:
            install(life.name, day=day, ends=life.ends)
        if day == life.replaced - 5:
            install(
                life.name, day=day, ends=life.ends + 300
            )  # certified; let in and active only five days later
        if day == life.replaced:
            successor = KeyPair.objects.get(scope=f"connection:{life.name}", state="certified")
            operations.record_proof(pk=successor.pk, proven="It let us in.", actor=ACTOR, now=moment(day))
            operations.activate_key(pk=successor.pk, actor=ACTOR, now=moment(day))


def expected(up: list[int]) -> tuple[list[Told], list[tuple[str, int, int]]]:
    """Return what is told, and what is superseded by what, when the monitor runs on the days ``up``."""
    told: list[Told] = []
    superseded: list[tuple[str, int, int]] = []
    for life in LIVES:
        looks = [day for day in up if life.installed <= day < life.replaced]
        first = {days: next((day for day in looks if day >= life.ends - days), None) for days in THRESHOLDS}
        for days, day in first.items():
            if day is None:
                continue
            nearest = min(other for other, seen in first.items() if seen == day)
            if days == nearest:
                told.append((day, life.name, days))
            elif life.ends - days > life.installed:  # crossed before it was here: never due
                superseded.append((life.name, days, nearest))
    return sorted(told), sorted(superseded)


def live_through(up: list[int], *, runs_a_day: int = 1) -> Iterator[int]:
    """Let the hundred days pass; the monitor runs on the days ``up``, from day 40 on ``runs_a_day`` times."""
    for day in range(DAYS + 1):
        happenings(day)
        yield day
        for run in range((runs_a_day if day >= BUSY_FROM else 1) if day in up else 0):
            operations.watch_expiry(now=moment(day) + timedelta(minutes=run))


def days_up(seed: int) -> list[int]:
    chance = random.Random(seed)
    return [day for day in range(DAYS + 1) if chance.random() >= 0.05]


def mailed(to: str) -> list[Told]:
    """Return what left for this address, from the mails themselves: when it was sent, of what, for which threshold."""
    sent = NoticeMail.objects.filter(topic__startswith="notice:", state="sent").select_related(
        "notice__certificate__key"
    )
    subjects = {mail_.subject for mail_ in sent}
    left = [message.subject for message in mail.outbox if message.to == [to] and message.subject in subjects]
    rows = [row for row in sent if {"ops": OPS, "owner": OWNER}[row.role] == to]
    assert sorted(left) == sorted(row.subject for row in rows)
    return sorted(
        ((row.sent_at - NOON).days, row.notice.certificate.key.common_name, row.notice.threshold)
        for row in rows
        if row.sent_at and row.notice
    )


def ledger() -> tuple[list[Told], list[tuple[str, int, int]]]:
    rows = Notice.objects.select_related("certificate__key", "superseded_by")
    told = [
        ((row.recorded_at - NOON).days, row.certificate.key.common_name, row.threshold)
        for row in rows if row.superseded_by is None
    ]  # fmt: skip
    superseded = [
        (row.certificate.key.common_name, row.threshold, row.superseded_by.threshold)
        for row in rows if row.superseded_by is not None
    ]  # fmt: skip
    return sorted(told), sorted(superseded)


def weeks(up: list[int]) -> list[str]:
    return sorted({f"digest:{moment(day):%G-W%V}" for day in up})


@pytest.mark.parametrize(("seed", "runs_a_day"), [(1, 1), (9, 5), (12, 1)])
def test_a_schedule_down_one_day_in_twenty_loses_no_notice_and_sends_none_twice(
    fleet: dict[str, Certificate], seed: int, runs_a_day: int
) -> None:
    up = days_up(seed)
    assert 2 <= DAYS + 1 - len(up) <= 10
    for _ in live_through(up, runs_a_day=runs_a_day):
        pass
    assert ledger() == expected(up)
    assert mailed(OPS) == mailed(OWNER) == expected(up)[0]
    digests = NoticeMail.objects.filter(topic__startswith="digest:").values_list("topic", flat=True)
    assert sorted(digests) == weeks(up)
    assert MonitorRun.objects.get().at == moment(max(up)) + timedelta(minutes=runs_a_day - 1)
    assert verify().broken is None


def test_a_schedule_that_slept_over_two_thresholds_tells_the_nearer_and_writes_both_down(
    fleet: dict[str, Certificate],
) -> None:
    """Somebody looks once a week, then not for three: what ends on day 91 crosses 14 days and 7 days unseen."""
    up = [*range(0, 64, 7), 86, 91, 98]
    for _ in live_through(up):
        pass
    assert ("buoy", 14, 7) in ledger()[1]
    assert (ledger(), mailed(OWNER)) == (expected(up), expected(up)[0])


@pytest.fixture
def break_mail(settings: Any) -> Callable[[bool], None]:
    working = settings.EMAIL_BACKEND

    def switch(broken: bool) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend" if broken else working
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens there

    return switch


def test_a_mail_server_that_fails_for_a_day_loses_nothing(
    fleet: dict[str, Certificate], break_mail: Callable[[bool], None]
) -> None:
    """On day 61 a certificate crosses 30 days and the mail server is away; everything leaves a day later."""
    up = [day for day in range(DAYS + 1) if 55 <= day <= 70 or day % 5 == 0]
    for day in live_through(up):
        break_mail(day == 61)
    assert ledger() == expected(up)
    late = [(62 if day == 61 else day, name, days) for day, name, days in expected(up)[0]]
    assert (61, "buoy", 30) in expected(up)[0]
    assert mailed(OPS) == mailed(OWNER) == sorted(late)
