"""Mails: each once, whatever the job does."""

from __future__ import annotations

import smtplib
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection as database

from onboarding import links, operations, queries
from onboarding.models import Message
from onboarding.operations import MessageNotFailed
from tests.onboarding.roads import OPS, Road, begin


class Sulking(EmailBackend):
    """A mail server that fails as ``problem`` says, before or after it took the mail."""

    problem: Exception | None = None
    after = False

    def send_messages(self, messages: Any) -> int:
        if self.problem is not None and not self.after:
            raise self.problem
        sent: int = super().send_messages(messages)
        if self.problem is not None:
            raise self.problem
        return sent


@pytest.fixture
def sulking(settings: Any) -> Any:
    settings.EMAIL_BACKEND = f"{__name__}.Sulking"
    yield Sulking
    Sulking.problem, Sulking.after = None, False


def test_a_mail_says_whose_turn_between_which_dates_and_where_to_look(road: Road, now: datetime) -> None:
    operations.send_pending_messages(now=now)
    sent = mail.outbox[0]
    assert sent.to == ["olive@kettle.example"]
    assert sent.subject == "We have begun: J.P. Morgan accounts of HARBOR KETTLE CO"
    text = str(sent.body)
    assert "It is our turn; there is nothing for you to do." in text
    assert "Expected finish: between Wednesday 17 June 2026 and Thursday 16 July 2026." in text
    address = next(line for line in text.splitlines() if "/status/" in line)
    token = address.removeprefix("http://localhost/status/").rstrip("/")
    assert queries.status_for(token, now=now) is not None
    assert address in sent.alternatives[0][0]


def test_what_is_stored_holds_neither_link_nor_address(road: Road, now: datetime) -> None:
    operations.send_pending_messages(now=now)
    row = Message.objects.get()
    stored = f"{row.subject} {row.text} {row.html}"
    assert "/status/" not in stored
    assert "olive" not in stored.lower()


def test_running_the_job_twice_sends_nothing_twice(road: Road, now: datetime) -> None:
    assert operations.send_pending_messages(now=now) == 1
    assert operations.send_pending_messages(now=now) == 0
    assert len(mail.outbox) == 1


def test_two_workers_at_once_send_each_mail_once(transactional_db: Any, now: datetime) -> None:
    for number in range(6):
        begin(now, f"HARBOR KETTLE {number}")
    ready = threading.Barrier(3)
    sent: list[int] = []

    def work() -> None:
        ready.wait()
        try:
            sent.append(operations.send_pending_messages(now=now))
        finally:
            database.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent) == 6
    assert len({str(message.subject) for message in mail.outbox}) == len(mail.outbox) == 6


def test_a_milestone_is_queued_once_per_contact(road: Road, now: datetime) -> None:
    from django.db import transaction

    from onboarding.operations.outbox import queue_milestone

    with transaction.atomic():
        assert queue_milestone(road.project, "requested", actor=OPS, now=now) == []
    assert Message.objects.filter(milestone="requested").count() == 1


def test_a_server_that_refuses_is_tried_again_and_then_a_person_is_asked(
    road: Road, sulking: Any, now: datetime
) -> None:
    sulking.problem = smtplib.SMTPRecipientsRefused({})
    when = now
    for _ in range(4):
        assert operations.send_pending_messages(now=when) == 0
        when += timedelta(hours=3)
    row = Message.objects.get()
    assert (row.state, row.attempts) == ("failed", 4)
    sulking.problem = None
    operations.resend_message(pk=row.pk, actor=OPS, now=when, reason="The mailbox is back.")
    assert operations.send_pending_messages(now=when) == 1


def test_a_mail_cut_off_after_it_left_is_not_sent_again_by_itself(
    road: Road, sulking: Any, now: datetime
) -> None:
    sulking.problem, sulking.after = smtplib.SMTPServerDisconnected(), True
    operations.send_pending_messages(now=now)
    sulking.problem = None
    later = now + timedelta(hours=1)
    assert operations.send_pending_messages(now=later) == 0
    assert len(mail.outbox) == 1
    assert queries.undecided_mails(now=later) == 1
    with pytest.raises(MessageNotFailed):
        operations.drop_message(pk=Message.objects.get().pk, actor=OPS, now=now, reason="too early to say")
    operations.drop_message(pk=Message.objects.get().pk, actor=OPS, now=later, reason="The customer has it.")
    assert Message.objects.get().state == "dropped"


def test_a_revoked_link_drops_the_mail(road: Road, now: datetime) -> None:
    link = links.live_link(project_id=road.pk, contact_id=road.operator.pk)
    assert link is not None
    operations.revoke_portal_link(pk=str(link.pk), actor=OPS, now=now)
    assert operations.send_pending_messages(now=now) == 0
    assert Message.objects.get().state == "dropped"


def test_contacts_of_the_bank_get_no_mail(road: Road, now: datetime) -> None:
    road.to_kickoff(now)
    roles = set(Message.objects.values_list("contact__role", flat=True))
    assert roles == {"operator", "signer"}
