"""Chase Connect is turned away: step 1 answered so, step 2 cannot open, everybody is told why, nothing else moves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.core import mail

from audit.workflow import OperationRefused
from onboarding import checklist, operations
from onboarding.models import HandOver, Project
from tests.onboarding.stages import ACTOR, bring_to

ASK = "Ask your J.P. Morgan representative whether your accounts can be moved to, or added to, J.P. Morgan Access."


def standing(project: Project) -> list[tuple[int, str, str]]:
    return [(step.number, step.state, step.holder) for step in project.steps.order_by("number")]


@pytest.mark.django_db(transaction=True)
def test_the_project_waits_on_the_customer_who_is_told_why_and_what_to_ask(
    client: Any, now: datetime
) -> None:
    stage = bring_to("ineligible", now=now)

    assert stage.project.state == "ineligible"
    assert standing(stage.project) == [
        (1, "returned", "customer"),
        *((number, "not_ready", "") for number in range(2, 7)),
    ]
    assert set(HandOver.objects.values_list("step__number", flat=True)) == {1}

    page = client.get(stage.path).content.decode()
    assert checklist.CHASE_CONNECT_REASON in page
    assert ASK in page

    operations.send_pending_messages(now=now)
    told = {message.subject: message.body for message in mail.outbox}
    assert len(mail.outbox) == 2
    why = next(body for body in told.values() if checklist.CHASE_CONNECT_REASON in " ".join(body.split()))
    assert ASK in " ".join(why.split())


@pytest.mark.django_db(transaction=True)
def test_step_2_stays_closed_until_the_question_is_answered_anew(now: datetime) -> None:
    project = bring_to("ineligible", now=now).project
    before = standing(project)

    for attempt in (
        lambda: operations.record_kickoff(pk=project.pk, held_on=now.date(), actor=ACTOR, now=now),
        lambda: operations.complete_step(pk=project.pk, number=1, actor=ACTOR, now=now),
        lambda: operations.complete_step(pk=project.pk, number=2, actor=ACTOR, now=now),
        lambda: operations.waive_step(pk=project.pk, number=1, actor=ACTOR, now=now, reason="in a hurry"),
    ):
        with pytest.raises(OperationRefused):
            attempt()
    assert standing(project) == before

    operations.confirm_platform(pk=project.pk, platform="jpm_access", actor=ACTOR, now=now)
    assert Project.objects.get().state == "requested"
    assert standing(project)[0] == (1, "in_hand", "us")
