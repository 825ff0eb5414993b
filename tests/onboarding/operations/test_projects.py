"""Requested, turned away, held, cancelled; whose turn and until when, by the calendar."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from audit.workflow import OperationRefused
from bankfeeds.models import Connection
from onboarding import operations, queries
from onboarding.models import HandOver, Message, PortalLink, Project, Step
from onboarding.operations import EvidenceMissing, ProjectRefused
from onboarding.queries import timing
from tests.onboarding.roads import OPS, Road, begin, moment


def test_one_customer_has_one_project_of_a_title(road: Road, now: datetime) -> None:
    with pytest.raises(ProjectRefused):
        operations.request_project(customer=road.customer, actor=OPS, now=now)
    assert Project.objects.count() == 1


def test_chase_connect_is_turned_away(road: Road, now: datetime) -> None:
    road.answer_step_1(now, skip=["platform"])
    road.act("confirm_platform", now, platform="chase_connect")
    with pytest.raises(EvidenceMissing) as refusal:
        road.complete(1, now)
    assert refusal.value.missing == ["the customer's answer that they use J.P. Morgan Access"]
    with pytest.raises(operations.StepNotOpen):
        road.complete(2, now)
    assert (road.fresh().state, road.states()) == ("ineligible", ["returned", *["not_ready"] * 5])
    status = queries.status_of(road.project, now=now)
    assert (status.turn, status.ineligible, status.finish_from) == ("customer", True, None)
    assert status.sentence == (
        "This connection works with J.P. Morgan Access only; you told us that you use Chase Connect."
    )
    assert status.action is not None
    assert len(status.action.asks) == 2
    told = Message.objects.get(milestone="ineligible", contact=road.operator)
    assert "Chase Connect" in told.text
    assert status.action.asks[0] in told.text


def test_an_answer_given_anew_lets_it_go_on(road: Road, now: datetime) -> None:
    road.answer_step_1(now, skip=["platform"])
    road.act("confirm_platform", now, platform="chase_connect")
    road.act("confirm_platform", now + timedelta(days=9), platform="jpm_access")
    assert (road.fresh().state, road.turns(1)) == ("requested", ["us", "customer", "us"])
    road.complete(1, now + timedelta(days=9))
    assert road.fresh().state == "kickoff"


def test_the_clock_of_memorial_day(db: Any) -> None:
    start = moment(5, 18)
    road = begin(start)
    road.to_setup(start)
    handed = moment(5, 22, 16, 30)
    road.act("hand_over", moment(5, 19), number=4, to="us")
    road.act("hand_over", handed, number=4, to="customer")
    wednesday = moment(5, 27, 10)
    line = queries.status_of(road.fresh(), now=wednesday).steps[3]
    board = queries.project_page(road.project, now=wednesday).steps[3]
    assert (line.held, board.customer_reads, board.age) == (
        "With you for 2 business days",
        "With you for 2 business days",
        2,
    )
    road.answer_step_4(wednesday, skip=["vendor_admin", "vendor_stand_in"])
    later = moment(5, 29)
    board = queries.project_page(road.fresh(), now=later).steps[3]
    assert (board.holder, board.age, board.totals) == ("us", 2, "customer 3, us 5")


def test_a_hold_stops_the_clocks_and_says_why(road: Road, now: datetime) -> None:
    day = timedelta(days=1)
    road.act("hold_project", now + day, reason="Your office moves.", review_on=date(2026, 6, 12))
    status = queries.status_of(road.fresh(), now=now + 6 * day)
    assert status.sentence == "This is on hold: Your office moves."
    assert (status.finish_from, status.finish_why) == (
        None,
        "There is no date while this is on hold: Your office moves.",
    )
    assert (status.turn, status.steps[0].held) == ("", "On hold: no clock runs")
    road.act("resume_project", now + 7 * day)
    step = road.step(1)
    assert (road.fresh().state, timing.age(step, now=now + 8 * day)) == ("requested", 2)
    assert road.turns(1) == ["us", "hold", "us"]


def test_a_hold_needs_a_reason(road: Road, now: datetime) -> None:
    with pytest.raises(ProjectRefused):
        road.act("hold_project", now, reason=" ", review_on=now.date())


def test_a_cancellation_kills_links_and_mails_and_can_be_undone_for_30_days(
    road: Road, now: datetime
) -> None:
    token = operations.issue_portal_link(pk=road.pk, contact_id=road.operator.pk, actor=OPS, now=now)
    road.act("cancel_project", now, reason="Another bank.")
    assert queries.status_for(token, now=now) is None
    assert not PortalLink.objects.filter(revoked_at=None).exists()
    assert set(Message.objects.values_list("state", flat=True)) == {"dropped"}
    with pytest.raises(ProjectRefused):
        road.act("reinstate_project", now + timedelta(days=31))
    road.act("reinstate_project", now + timedelta(days=29))
    assert (road.fresh().state, road.turns(1)) == ("requested", ["us", "hold", "us"])


def test_a_connection_belongs_to_one_customer(road: Road, connection: Connection, now: datetime) -> None:
    road.act("attach_connection", now, connection=connection)
    other = begin(now, "TEAPOT LANE LTD")
    with pytest.raises(OperationRefused):
        other.act("attach_connection", now, connection=connection)


def finished(days: int, number: int) -> None:
    """Lay down a finished project whose bank step took ``days`` business days and whose validation took two."""
    from onboarding.calendars import add_business_days

    start = moment(1, 5)
    road = begin(start, f"FINISHED KETTLE {number}")
    ends = dict.fromkeys((1, 2, 3, 4), start)
    bank_end = add_business_days(start.date(), days)
    ends[5] = moment(bank_end.month, bank_end.day)
    last = add_business_days(bank_end, 2)
    ends[6] = moment(last.month, last.day)
    begins = {5: start, 6: ends[5]}
    for step in Step.objects.filter(project=road.pk):
        HandOver.objects.filter(step=step).delete()
        holder = {5: "bank"}.get(step.number, "us")
        common = {"step": step, "actor_kind": "command", "actor_key": "test"}
        HandOver.objects.create(to_holder=holder, at=begins.get(step.number, start), **common)
        HandOver.objects.create(
            from_holder=holder, to_holder="", at=ends[step.number], reason="done", **common
        )
        Step.objects.filter(pk=step.pk).update(state="done", holder="", done_at=ends[step.number])
    Project.objects.filter(pk=road.pk).update(state="live", live_at=ends[6])


def test_the_forecast_of_a_project_with_the_bank(db: Any, connection: Connection) -> None:
    for number, days in enumerate((5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 18, 20)):
        finished(days, number)
    received = moment(6, 1, 9)
    road = begin(received)
    road.to_bank(received, connection)
    status = queries.status_of(road.fresh(), now=received)
    assert (status.finish_from, status.finish_to) == (date(2026, 6, 17), date(2026, 6, 30))
    status = queries.status_of(road.fresh(), now=moment(6, 17))
    assert (status.finish_from, status.finish_to) == (date(2026, 6, 25), date(2026, 7, 2))
    assert status.finish_why.startswith("J.P. Morgan's approval is taking longer than in most projects.")
    assert status.steps[4].held == "With J.P. Morgan for 12 business days"


def test_without_history_the_published_weeks_are_named(road: Road, now: datetime) -> None:
    status = queries.status_of(road.project, now=now)
    assert (status.finish_from, status.finish_to) == (date(2026, 6, 17), date(2026, 7, 16))
    assert "2–6 weeks" in status.finish_why
    assert (road.fresh().promised_from, road.project.promised_to) == (status.finish_from, status.finish_to)
