"""manage.py send_milestones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core import mail
from django.utils import timezone
from django_q.models import Schedule

from onboarding import tasks
from onboarding.models import Message
from tests.bankfeeds.feeds import command
from tests.onboarding.roads import Road


def test_it_sends_once_and_can_be_repeated(road: Road) -> None:
    first, second = command("send_milestones"), command("send_milestones")
    assert [(run.code, run.out, run.err.strip()) for run in (first, second)] == [
        (0, "", "1 sent, 0 to decide about"),
        (0, "", "0 sent, 0 to decide about"),
    ]
    assert len(mail.outbox) == 1


def test_a_mail_to_decide_about_is_exit_1(road: Road) -> None:
    Message.objects.update(state="sending", sending_at=timezone.now() - timedelta(hours=1))
    assert command("send_milestones").code == 1


def test_the_schedule_sends_every_minute(road: Road) -> None:
    funcs = dict(Schedule.objects.filter(name__startswith="onboarding").values_list("func", "minutes"))
    assert funcs == {"onboarding.tasks.send_milestones": 1, "onboarding.tasks.offer_confirmations": 10}
    assert (tasks.send_milestones(), tasks.offer_confirmations()) == (1, 0)


def test_whoever_runs_the_job_the_actor_is_named(road: Road, django_capture_on_commit_callbacks: Any) -> None:
    from audit.models import AuditEntry

    command("send_milestones")
    entry = AuditEntry.objects.get(verb="onboarding.message_sent")
    assert (entry.actor_kind, entry.actor_key) == ("task", "send_milestones")
