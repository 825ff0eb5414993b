"""A mail about certificates leaves once; whatever the mail server does, none is lost and none is doubled in silence."""

from __future__ import annotations

import contextlib
import smtplib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends import locmem
from django.db import connection as database

from audit.models import AuditEntry
from audit.queries import verify
from audit.recording import Actor
from audit.workflow import PermissionMissing
from certificates import operations
from certificates.models import MailState, Notice, NoticeMail
from tests.certificates.operations.test_expiry import MONTH, silent_mail_server

HOUR = timedelta(hours=1)


class Odd(locmem.EmailBackend):
    """A mail server that meets every mail with ``fault``, before or after it took it."""

    fault: BaseException
    takes = False

    def send_messages(self, email_messages: Any) -> int:
        if self.takes:
            super().send_messages(email_messages)
        raise self.fault


@pytest.fixture
def odd(settings: Any) -> Callable[..., None]:
    def make(fault: BaseException | None, *, takes: bool = False) -> None:
        Odd.fault, Odd.takes = fault or Exception(), takes
        settings.EMAIL_BACKEND = (
            f"{__name__}.Odd" if fault else "django.core.mail.backends.locmem.EmailBackend"
        )

    return make


@pytest.fixture
def queued(db: None, now: datetime) -> NoticeMail:
    return NoticeMail.objects.create(topic="digest:x", role="ops", subject="x", text="x", queued_at=now)


def send(at: datetime) -> int:
    return operations.send_pending_mails(now=at)


def state() -> str:
    return NoticeMail.objects.values_list("state", flat=True).get()


def test_a_sent_mail_is_recorded_and_not_sent_again(queued: NoticeMail, now: datetime) -> None:
    assert (send(now), send(now), len(mail.outbox)) == (1, 0, 1)
    assert NoticeMail.objects.values_list("state", "sent_at", "attempts").get() == ("sent", now, 1)
    entry = AuditEntry.objects.latest("number")
    assert (entry.verb, entry.data) == ("certificates.mail_sent", '{"role":"ops","topic":"digest:x"}')
    assert mail.outbox[0].extra_headers == {"Auto-Submitted": "auto-generated"}


def test_a_server_that_is_silent_for_days_uses_up_no_attempt(
    queued: NoticeMail, now: datetime, settings: Any
) -> None:
    with silent_mail_server(settings):
        sent = [send(now + HOUR * hours) for hours in range(72)]
        waiting = NoticeMail.objects.get()
    assert (set(sent), waiting.state, waiting.attempts) == ({0}, MailState.QUEUED, 0)
    assert waiting.problem == "The mail server is silent: ConnectionRefusedError"
    assert (send(now + HOUR * 72), state()) == (1, "sent")


def test_a_refused_mail_is_tried_four_times_and_then_shown(
    queued: NoticeMail, now: datetime, odd: Any
) -> None:
    odd(smtplib.SMTPRecipientsRefused({}))
    for hours in range(48):
        send(now + HOUR * hours)
    failed = NoticeMail.objects.get()
    assert (failed.state, failed.attempts) == ("failed", 4)
    assert failed.problem == "The mail server did not take it: SMTPRecipientsRefused"


@pytest.mark.parametrize("fault", [smtplib.SMTPServerDisconnected(), TimeoutError(), KeyboardInterrupt()])
def test_a_mail_cut_off_while_it_was_sent_is_left_to_a_person(
    queued: NoticeMail, now: datetime, odd: Any, people: Any, fault: BaseException
) -> None:
    """The server took it, and we did not hear so: nothing goes out twice by itself."""
    odd(fault, takes=True)
    with contextlib.suppress(KeyboardInterrupt):
        send(now)
    odd(None)
    assert (send(now + HOUR), state(), len(mail.outbox)) == (0, "sending", 1)
    person = Actor.user(people["operator"])
    with pytest.raises(operations.MailNotFailed):
        operations.resend_notice_mail(pk=queued.pk, actor=person, now=now + timedelta(minutes=9))
    operations.resend_notice_mail(pk=queued.pk, actor=person, now=now + HOUR, reason="It did not arrive.")
    assert (send(now + HOUR), state(), len(mail.outbox)) == (1, "sent", 2)


def test_a_cut_off_stops_the_round_and_the_others_keep_their_place(
    queued: NoticeMail, now: datetime, odd: Any
) -> None:
    NoticeMail.objects.create(topic="digest:y", role="ops", subject="y", text="y", queued_at=now)
    odd(TimeoutError())
    send(now)
    odd(None)
    assert (send(now + HOUR), [message.subject for message in mail.outbox]) == (1, ["y"])


def test_a_person_gives_a_failed_mail_up(queued: NoticeMail, now: datetime, people: Any) -> None:
    NoticeMail.objects.update(state="failed")
    with pytest.raises(PermissionMissing):
        operations.drop_notice_mail(pk=queued.pk, actor=Actor.user(people["auditor"]), now=now)
    person = Actor.user(people["operator"])
    operations.drop_notice_mail(pk=queued.pk, actor=person, now=now, reason="Told by telephone.")
    assert (state(), send(now), AuditEntry.objects.latest("number").reason) == (
        "dropped",
        0,
        "Told by telephone.",
    )
    with pytest.raises(operations.MailNotFailed):
        operations.resend_notice_mail(pk=queued.pk, actor=person, now=now)


def test_monitors_that_run_at_the_same_moment_send_each_mail_once(
    transactional_db: None, install: Any, now: datetime
) -> None:
    for number in range(3):
        install(f"connection:harbor-{number}", signing=MONTH)
    start, sent = threading.Barrier(3), []

    def watch() -> None:
        start.wait()
        try:
            sent.append(operations.watch_expiry(now=now).sent)
        finally:
            database.close()

    threads = [threading.Thread(target=watch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(sent), sum(sent), len(mail.outbox), Notice.objects.count()) == (3, 4, 4, 3)  # and one digest
    assert verify().broken is None
