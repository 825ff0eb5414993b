"""Each threshold is told once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from audit.models import AuditEntry
from audit.recording import Actor
from certificates import operations
from certificates.models import Certificate, Notice
from tests.certificates.two_people import activate

Install = Callable[..., Certificate]
MONTH = {"ends": datetime.fromisoformat("2026-07-03T12:00:00+00:00")}  # 30 days after the tests' now


@pytest.fixture
def run(django_capture_on_commit_callbacks: Any) -> Callable[[datetime], list[int]]:
    """Return a function that runs the job to its end and returns the thresholds it told."""

    def job(at: datetime) -> list[int]:
        with django_capture_on_commit_callbacks(execute=True):
            return [notice.threshold for notice in operations.record_expiry_notices(now=at)]

    return job


def test_every_threshold_is_told_once_however_often_the_job_runs(
    install: Install, run: Any, now: datetime
) -> None:
    install(signing=MONTH)
    told = [run(now + timedelta(hours=hours)) for hours in range(0, 32 * 24, 6)]
    assert [item for items in told for item in items] == [30, 14, 7, 1, 0]
    assert (Notice.objects.filter(sent_at=None).count(), len(mail.outbox)) == (0, 5)


def test_the_mail_says_whose_certificate_ends_when(install: Install, run: Any, now: datetime) -> None:
    install(signing=MONTH)
    run(now)
    (message,) = mail.outbox
    assert (message.subject, message.to) == ("1 certificate notice", ["ops@vendor.example"])
    assert message.body == (
        "connection:harbor oauth test: ends 2026-07-03 12:00 UTC\n\n"
        "http://localhost/admin/certificates/certificate/\n"
    )


def test_a_mail_server_that_fails_loses_nothing(
    install: Install, run: Any, now: datetime, settings: Any
) -> None:
    install(signing=MONTH)
    backend = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1", 1,
    )  # fmt: skip
    run(now)
    settings.EMAIL_BACKEND = backend
    assert (run(now), len(mail.outbox), Notice.objects.get().sent_at) == ([], 1, now)


def test_without_an_address_the_ledger_is_kept_all_the_same(
    install: Install, run: Any, now: datetime, settings: Any
) -> None:
    settings.OPS_EMAIL = ""
    install(signing=MONTH)
    assert (run(now), len(mail.outbox), Notice.objects.count()) == ([30], 0, 1)


def test_only_an_active_successor_silences(
    install: Install, run: Any, now: datetime, people: Any, actor: Actor
) -> None:
    operator = Actor.user(people["operator"])
    old = install(environment="production", by=operator, signing=MONTH)
    activate(old.key, people, now=now)
    new = install(environment="production", by=operator)
    assert run(now) == [30]
    activate(new.key, people, now=now)
    assert run(now + timedelta(days=29)) == []


def test_retired_certificates_are_not_spoken_of(
    install: Install, run: Any, now: datetime, actor: Actor
) -> None:
    operations.retire_key(pk=install(signing=MONTH).key.pk, actor=actor, now=now)
    assert run(now) == []


def test_a_notice_is_recorded(install: Install, run: Any, now: datetime) -> None:
    certificate = install(signing=MONTH)
    run(now)
    entry = AuditEntry.objects.latest("number")
    assert (entry.verb, entry.subject_key, entry.actor_key, entry.data) == (
        "certificates.expiry_noticed", str(certificate.pk), "warn_expiring_certificates", '{"threshold":30}',
    )  # fmt: skip
