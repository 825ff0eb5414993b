"""Evidence or nothing: the gates, the hand-overs, and the way back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from audit.models import AuditEntry
from audit.queries import verify
from audit.recording import Actor
from audit.workflow import OperationRefused, PermissionMissing, TransitionRefused
from bankfeeds.models import Connection
from onboarding import checklist, operations, queries
from onboarding.models import Evidence, HandOver, Message
from onboarding.operations import EvidenceMissing, ProjectStopped, StepNotOpen
from tests.onboarding.roads import OPS, Road


def name_of(key: str) -> str:
    return next(item.name for step in checklist.steps() for item in step.items if item.key == key)


def everything(road: Road) -> tuple[Any, ...]:
    rows = (
        HandOver.objects.count(),
        Message.objects.count(),
        Evidence.objects.count(),
        AuditEntry.objects.count(),
    )
    return (road.fresh().state, road.states(), road.holders(), *rows)


def test_a_new_project_has_six_steps_and_the_first_is_with_us(road: Road) -> None:
    assert road.states() == ["ready", *["not_ready"] * 5]
    assert road.holders() == ["us", "", "", "", "", ""]
    assert road.turns(1) == ["us"]


@pytest.mark.parametrize("key", ["platform", "bank_rep", "signer"])
def test_step_1_is_refused_without_each_of_its_evidence(road: Road, now: datetime, key: str) -> None:
    road.answer_step_1(now, skip=[key])
    before = everything(road)
    with pytest.raises(EvidenceMissing) as refusal:
        road.complete(1, now)
    assert refusal.value.missing == [name_of(key)]
    assert refusal.value.sentence == "Step 1, Initial request cannot be completed yet."
    assert everything(road) == before


@pytest.mark.parametrize("key", ["kickoff", "portal_project"])
def test_step_2_is_refused_without_each_of_its_evidence(road: Road, now: datetime, key: str) -> None:
    road.to_kickoff(now).answer_step_2(now, skip=[key])
    before = everything(road)
    with pytest.raises(EvidenceMissing) as refusal:
        road.complete(2, now)
    assert (refusal.value.missing, everything(road)) == ([name_of(key)], before)


@pytest.mark.parametrize("key", ["csr", "transaction_details", "account_balances"])
def test_step_3_is_refused_without_each_of_its_evidence(
    road: Road, connection: Connection, now: datetime, key: str
) -> None:
    road.to_setup(now).answer_step_3(now, connection, skip=[key])
    before = everything(road)
    with pytest.raises(EvidenceMissing) as refusal:
        road.complete(3, now)
    assert (refusal.value.missing, everything(road)) == ([name_of(key)], before)


@pytest.mark.parametrize("key", ["customer_admin", "customer_stand_in", "vendor_admin", "vendor_stand_in"])
def test_step_4_is_refused_without_each_of_its_evidence(road: Road, now: datetime, key: str) -> None:
    road.to_setup(now).answer_step_4(now, skip=[key])
    before = everything(road)
    with pytest.raises(EvidenceMissing) as refusal:
        road.complete(4, now)
    assert (refusal.value.missing, everything(road)) == ([name_of(key)], before)


def test_a_recorded_waiver_stands_for_a_stand_in(road: Road, now: datetime) -> None:
    road.to_setup(now).answer_step_4(now, skip=["vendor_stand_in"])
    road.act("record_waiver", now, item="vendor_stand_in", reason="One of us only, for a month.")
    road.complete(4, now)
    assert road.states()[3] == "done"


def test_an_administrator_is_not_their_own_stand_in(road: Road, now: datetime) -> None:
    road.to_setup(now)
    admin = road.act(
        "name_security_admin", now, side="customer", name="Ada Admin", email="ada@kettle.example"
    )
    with pytest.raises(OperationRefused):
        road.act("name_security_admin", now, side="customer", stand_in=True, contact_id=admin.pk)


def test_steps_5_and_6_name_everything_the_feed_lacks(
    road: Road, connection: Connection, now: datetime
) -> None:
    road.to_bank(now, connection)
    with pytest.raises(EvidenceMissing) as refusal:
        road.complete(5, now)
    assert refusal.value.missing == [item.name for item in checklist.step(5).items]
    with pytest.raises(StepNotOpen) as closed:
        road.complete(6, now)
    assert closed.value.missing == ["Step 5, J.P. Morgan approval and setup"]


def test_a_contact_who_was_removed_is_evidence_no_longer(road: Road, now: datetime) -> None:
    road.answer_step_1(now)
    signer = road.step(1).evidence.get(item="signer").contact
    operations.remove_contact(pk=signer.pk, actor=OPS, now=now)
    with pytest.raises(EvidenceMissing) as refusal:
        road.complete(1, now)
    assert refusal.value.missing == [name_of("signer")]


def test_steps_3_and_4_run_side_by_side_and_the_bank_waits_for_both(
    road: Road, connection: Connection, now: datetime
) -> None:
    road.to_setup(now)
    assert (road.fresh().state, road.holders()) == ("technical_setup", ["", "", "us", "customer", "", ""])
    road.answer_step_4(now)
    road.complete(4, now)
    assert road.fresh().state == "technical_setup"
    road.answer_step_3(now, connection)
    road.complete(3, now)
    assert (road.fresh().state, road.holders()[4]) == ("bank_approval", "bank")


def test_with_step_3_first_the_project_stands_at_the_administrators(
    road: Road, connection: Connection, now: datetime
) -> None:
    road.to_setup(now).answer_step_3(now, connection)
    road.complete(3, now)
    assert (road.fresh().state, road.states()[4]) == ("security_admins", "not_ready")


def test_the_turn_is_ours_once_the_customer_has_brought_everything(road: Road, now: datetime) -> None:
    road.to_kickoff(now)
    assert road.holders()[1] == "customer"
    road.act("record_kickoff", now, held_on=now.date())
    assert (road.holders()[1], road.turns(2)) == ("us", ["customer", "us"])


def test_an_approval_brings_the_turn_to_us(road: Road, connection: Connection, now: datetime) -> None:
    road.to_bank(now, connection)
    road.act("record_bank_approval", now, approved_on=now.date(), reference="APPROVAL-0001")
    assert road.turns(5) == ["bank", "us"]


def test_handing_over_and_returning(road: Road, now: datetime) -> None:
    road.act("hand_over", now, number=1, to="customer", reason="who signs?")
    assert (road.states()[0], road.holders()[0]) == ("waiting", "customer")
    with pytest.raises(operations.HandOverRefused):
        road.act("hand_over", now, number=1, to="customer")
    road.act("hand_over", now, number=1, to="us")
    road.act("return_step", now, number=1, reason="The name is not readable.")
    status = queries.status_of(road.fresh(), now=now)
    assert (road.states()[0], status.turn) == ("returned", "customer")
    assert status.action is not None
    assert status.action.detail.startswith("The name is not readable.")
    assert road.turns(1) == ["us", "customer", "us", "customer"]


def test_kickoff_needs_a_bank_representative(road: Road, now: datetime) -> None:
    road.to_kickoff(now)
    rep = road.step(1).evidence.get(item="bank_rep").contact
    operations.remove_contact(pk=rep.pk, actor=OPS, now=now)
    with pytest.raises(OperationRefused) as refusal:
        road.act("record_kickoff", now, held_on=now.date())
    assert refusal.value.missing == [name_of("bank_rep")]


@pytest.mark.parametrize(
    ("verb", "more"),
    [
        ("record_bank_approval", {"approved_on": datetime(2026, 6, 3).date()}),
        ("record_waiver", {"item": "vendor_stand_in", "reason": "for now"}),
        ("waive_step", {"number": 1, "reason": "for now"}),
    ],
)
def test_an_operator_cannot_do_an_approvers_act(
    road: Road, people: dict[str, Any], now: datetime, verb: str, more: dict[str, Any]
) -> None:
    before = everything(road)
    with pytest.raises(PermissionMissing):
        road.act(verb, now, actor=Actor.user(people["operator"]), **more)
    assert everything(road) == before


def test_an_outsider_completes_nothing(road: Road, people: dict[str, Any], now: datetime) -> None:
    road.answer_step_1(now)
    with pytest.raises(PermissionMissing):
        operations.complete_step(pk=road.pk, number=1, actor=Actor.user(people["outsider"]), now=now)


def test_waiving_a_step_opens_the_next_and_is_marked(road: Road, now: datetime) -> None:
    road.act("waive_step", now, number=1, reason="Checked in an earlier project.")
    assert (road.states()[:2], road.fresh().state) == (["waived", "ready"], "kickoff")
    assert road.step(1).note == "Checked in an earlier project."


def test_reopening_step_3_invalidates_step_5_and_keeps_step_4(
    road: Road, connection: Connection, now: datetime
) -> None:
    road.to_bank(now, connection)
    road.act("record_bank_approval", now, approved_on=now.date())
    assert queries.reopening(road.step(3)) == queries.Reopening(invalid=(5,), kept=(1, 2, 4))
    later = now + timedelta(days=1)
    road.act("reopen_step", later, number=3, reason="The certificate was rejected.")
    assert road.states() == ["done", "done", "reopened", "done", "not_ready", "not_ready"]
    assert (road.fresh().state, road.holders()[2]) == ("technical_setup", "us")
    assert road.turns(3) == ["us", "", "us"]
    assert not Evidence.objects.filter(step__number=5, superseded_at=None).exists()
    assert Evidence.objects.filter(step__number=5, item="bank_approval", superseded_at=later).count() == 1
    assert (
        list(Message.objects.filter(milestone__startswith="correction").values_list("milestone", flat=True))
        == ["correction-1"] * road.customer.contacts.filter(gets_mail=True).count()
    )
    road.complete(3, later)
    assert (road.fresh().state, road.holders()[4]) == ("bank_approval", "bank")
    history = [event.words for event in queries.status_of(road.fresh(), now=later).history]
    assert history.count("Done: step 3, technical setup.") == 2


def test_reopening_needs_a_reason_and_a_closed_step(road: Road, now: datetime) -> None:
    road.to_kickoff(now)
    with pytest.raises(operations.ReasonMissing):
        road.act("reopen_step", now, number=1, reason=" ")
    with pytest.raises(StepNotOpen):
        road.act("reopen_step", now, number=2, reason="again")


def test_two_operators_at_once_the_second_is_told(road: Road, now: datetime) -> None:
    road.answer_step_1(now)
    road.complete(1, now)
    with pytest.raises(StepNotOpen) as refusal:
        road.complete(1, now)
    assert refusal.value.sentence == "Step 1, Initial request is closed already."


def test_a_held_project_does_not_move(road: Road, now: datetime) -> None:
    road.answer_step_1(now)
    road.act(
        "hold_project", now, reason="The customer moves offices.", review_on=now.date() + timedelta(days=14)
    )
    with pytest.raises(ProjectStopped):
        road.complete(1, now)
    with pytest.raises(TransitionRefused):
        road.act("hold_project", now, reason="twice", review_on=now.date())


def test_the_audit_chain_holds_and_names_nobody(road: Road, connection: Connection, now: datetime) -> None:
    road.to_bank(now, connection)
    said = " ".join(f"{entry.data} {entry.reason}" for entry in AuditEntry.objects.all())
    for secret in ("Olive", "Sigmund", "kettle.example", "4821", "rita@"):
        assert secret not in said
    assert verify().broken is None
