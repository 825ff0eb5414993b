"""Two people at once: one acts, the other is told, nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connection as database

from audit.queries import verify
from audit.workflow import OperationRefused
from onboarding import operations
from onboarding.models import Evidence, HandOver, Message, PortalLink
from tests.onboarding.roads import OPS, Road, begin


def at_once(*acts: Callable[[], Any]) -> list[str]:
    """Run the acts in threads that start together; return what each raised by name, or empty."""
    ready = threading.Barrier(len(acts))
    said: list[str] = []

    def run(act: Callable[[], Any]) -> None:
        ready.wait()
        try:
            act()
            said.append("")
        except OperationRefused as refusal:
            said.append(type(refusal).__name__)
        finally:
            database.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(said)


def ready_road(now: datetime) -> Road:
    road = begin(now)
    road.answer_step_1(now)
    return road


def test_a_step_is_completed_once(transactional_db: Any, now: datetime) -> None:
    road = ready_road(now)
    said = at_once(*[lambda: operations.complete_step(pk=road.pk, number=1, actor=OPS, now=now)] * 3)
    assert said == ["", "StepNotOpen", "StepNotOpen"]
    assert (road.fresh().state, road.turns(1), road.turns(2)) == ("kickoff", ["us", ""], ["customer"])
    assert Message.objects.filter(milestone="initial_request").count() == 2
    assert verify().broken is None


def test_completion_and_cancellation_at_once_leave_one_story(transactional_db: Any, now: datetime) -> None:
    road = ready_road(now)
    at_once(
        lambda: operations.complete_step(pk=road.pk, number=1, actor=OPS, now=now),
        lambda: operations.cancel_project(pk=road.pk, actor=OPS, now=now, reason="Another bank."),
    )
    assert road.fresh().state == "cancelled"
    assert (road.states()[0] == "done") == (
        HandOver.objects.filter(step=road.step(1), to_holder="").count() == 1
    )
    assert not PortalLink.objects.filter(revoked_at=None).exists()
    assert verify().broken is None


def test_different_acts_on_one_project_do_not_wait_for_each_other_for_ever(
    transactional_db: Any, now: datetime
) -> None:
    road = ready_road(now)
    other = begin(now, "TEAPOT LANE LTD")
    said = at_once(
        lambda: road.act("confirm_platform", now, platform="jpm_access"),
        lambda: other.act("confirm_platform", now, platform="jpm_access"),
        lambda: operations.issue_portal_link(pk=road.pk, contact_id=road.operator.pk, actor=OPS, now=now),
        lambda: operations.change_contact(pk=road.operator.pk, gets_mail=True, actor=OPS, now=now),
        lambda: operations.send_pending_messages(now=now),
        lambda: road.act("hand_over", now, number=1, to="customer"),
    )
    assert said == [""] * 6
    assert Evidence.objects.filter(item="platform", superseded_at=None).count() == 2
    assert verify().broken is None
