"""Steps 5 and 6 ask the feed: each thing it lacks is named, alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from bankfeeds import operations as feeds
from bankfeeds.models import Connection, Day, Finding, LineId, Pull
from certificates.models import Certificate, KeyPair
from onboarding import checklist, evidence, operations
from onboarding.models import Evidence, Project, Step
from onboarding.operations import EvidenceMissing
from tests.certificates.authority import Authority, pem
from tests.onboarding.roads import OPS, Road
from tests.onboarding.stages import Stage, bring_to


def name_of(number: int, key: str) -> str:
    item = checklist.step(number).item(key)
    assert item is not None
    return item.name


def lacking(project: Project, number: int) -> list[str]:
    step = Step.objects.select_related("project__connection").get(project=project.pk, number=number)
    return evidence.missing(step, now=timezone.now())


@pytest.fixture
def stage(db: Any) -> Stage:
    return bring_to("confirm", now=timezone.now())


def test_before_the_customer_confirms_only_that_is_missing(stage: Stage) -> None:
    assert lacking(stage.project, 6) == [name_of(6, "confirmation")]


BREAKS: list[tuple[int, str, Callable[[Stage], Any]]] = [
    (6, "days_proven", lambda stage: break_day()),
    (6, "no_findings", lambda stage: open_finding(stage)),
    (6, "no_duplicates", lambda stage: LineId.objects.filter(current=True).update(current=False)),
]


def break_day() -> None:
    day = Day.objects.filter(state="proven").first()
    assert day is not None
    Day.objects.filter(pk=day.pk).update(state="broken")


def open_finding(stage: Stage) -> None:
    project = Project.objects.select_related("connection").get(pk=stage.project.pk)
    assert project.connection is not None
    Finding.objects.create(
        connection=project.connection,
        kind="broken_day",
        key="k",
        sentence="It does not foot.",
        opened_at=timezone.now(),
    )


@pytest.fixture
def set_up(road: Road, connection: Connection, now: datetime) -> Road:
    """Return a road at step 5 with approval, certificate and a booked pull."""
    road.to_bank(now, connection)
    road.act("record_bank_approval", now, approved_on=now.date())
    root = Authority("Harbour Test Root (not a bank)")
    leaf = root.sign(KeyPair.objects.get().csr_pem)
    feeds.install_certificate(connection=connection, material=pem(leaf, root.certificate), actor=OPS, now=now)
    Pull.objects.create(
        account=connection.accounts.get(),
        kind="requested",
        state="booked",
        today=now.date(),
        requested_by="test",
        requested_at=now,
        finished_at=now,
    )
    return road


SPOILT: list[tuple[str, Callable[[], Any]]] = [
    (
        "bank_approval",
        lambda: Evidence.objects.filter(item="bank_approval").update(superseded_at=timezone.now()),
    ),
    ("credentials", lambda: Certificate.objects.update(not_after=datetime(2026, 6, 3, tzinfo=UTC))),
    ("connection", lambda: Connection.objects.update(state="paused")),
    ("first_data", lambda: Pull.objects.update(state="undone")),
]


@pytest.mark.parametrize(("key", "spoil"), SPOILT, ids=[key for key, _ in SPOILT])
def test_step_5_is_refused_without_each_of_its_evidence(
    set_up: Road, now: datetime, key: str, spoil: Callable[[], Any]
) -> None:
    assert evidence.missing(set_up.step(5), now=now) == []
    spoil()
    with pytest.raises(EvidenceMissing) as refusal:
        set_up.complete(5, now)
    assert (refusal.value.missing, set_up.states()[4]) == ([name_of(5, key)], "in_hand")


def test_with_all_of_it_step_5_completes(set_up: Road, now: datetime) -> None:
    set_up.complete(5, now)
    assert (set_up.fresh().state, set_up.holders()[5]) == ("validation", "us")


@pytest.mark.parametrize(("number", "key", "spoil"), BREAKS, ids=[key for _, key, _ in BREAKS])
def test_each_thing_the_feed_lacks_is_named(
    stage: Stage, number: int, key: str, spoil: Callable[[Stage], Any]
) -> None:
    assert name_of(number, key) not in lacking(stage.project, number)
    spoil(stage)
    assert name_of(number, key) in lacking(stage.project, number)


def test_what_is_not_ready_cannot_be_confirmed_by_phone(stage: Stage) -> None:
    open_finding(stage)
    with pytest.raises(EvidenceMissing) as refusal:
        operations.record_confirmation(
            pk=stage.project.pk, contact_id=stage.contact.pk, heard="phone", actor=OPS, now=timezone.now()
        )
    assert refusal.value.missing == [name_of(6, "no_findings")]


def test_a_finding_after_the_confirmation_still_stops_the_completion(stage: Stage) -> None:
    now = timezone.now()
    operations.record_confirmation(
        pk=stage.project.pk, contact_id=stage.contact.pk, heard="phone", actor=OPS, now=now
    )
    assert Evidence.objects.get(item="confirmation").value["second_hand"] is True
    open_finding(stage)
    with pytest.raises(EvidenceMissing):
        operations.complete_step(pk=stage.project.pk, number=6, actor=OPS, now=now)


def test_customers_are_asked_once_their_data_is_checked(db: Any) -> None:
    stage = bring_to("checking", now=timezone.now())
    asked = operations.offer_confirmations(actor=OPS, now=timezone.now())
    step = Step.objects.get(project=stage.project.pk, number=6)
    assert asked == (step.holder == "customer")
    assert operations.offer_confirmations(actor=OPS, now=timezone.now()) == 0
