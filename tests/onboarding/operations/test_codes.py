"""A write from the status page needs a code a person types."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from audit.models import AuditEntry
from onboarding import operations, queries
from onboarding.models import Evidence, PortalCode
from onboarding.operations import CodeRefused, LinkNotValid, NothingToConfirm, TooManyCodes
from tests.onboarding.roads import OPS
from tests.onboarding.stages import Stage, bring_to

MINUTE = timedelta(minutes=1)


@pytest.fixture
def stage(db: Any) -> Stage:
    return bring_to("confirm", now=timezone.now())


def ask(stage: Stage, now: datetime) -> str:
    mail.outbox.clear()
    operations.request_code(token=stage.token, now=now, address="192.0.2.7")
    found = re.search(r"\b\d{6}\b", str(mail.outbox[0].body))
    assert found is not None
    return found.group()


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def test_the_typed_code_confirms_in_the_contacts_name(stage: Stage) -> None:
    now = timezone.now()
    code = ask(stage, now)
    operations.confirm_with_code(
        token=stage.token, code=f"{code[:3]} {code[3:]}", now=now + MINUTE, address="192.0.2.9"
    )
    row = Evidence.objects.get(item="confirmation", superseded_at=None)
    assert (row.contact, row.at, row.actor_kind, row.actor_key) == (
        stage.contact,
        now + MINUTE,
        "contact",
        str(stage.contact.pk),
    )
    assert (row.value["how"], row.value["second_hand"]) == ("portal", False)
    assert PortalCode.objects.get(pk=row.value["code"]).address == "192.0.2.9"
    status = queries.status_for(stage.token, now=now + MINUTE)
    assert status is not None
    assert (status.turn, status.confirmable) == ("us", False)


def test_a_code_is_stored_hashed_and_named_nowhere(stage: Stage) -> None:
    code = ask(stage, timezone.now())
    row = PortalCode.objects.get()
    assert len(row.code_hash) == 64
    assert row.code_hash != hashlib.sha256(code.encode()).hexdigest()
    assert not AuditEntry.objects.filter(data__contains=code, verb="onboarding.code_requested").exists()


def test_five_wrong_tries_spend_a_code(stage: Stage) -> None:
    now = timezone.now()
    code = ask(stage, now)
    for _ in range(5):
        with pytest.raises(CodeRefused):
            operations.confirm_with_code(token=stage.token, code=wrong(code), now=now)
    with pytest.raises(CodeRefused) as refusal:
        operations.confirm_with_code(token=stage.token, code=code, now=now)
    assert "too often" in refusal.value.sentence
    assert not Evidence.objects.filter(item="confirmation").exists()


def test_a_code_lasts_fifteen_minutes(stage: Stage) -> None:
    now = timezone.now()
    code = ask(stage, now)
    with pytest.raises(CodeRefused):
        operations.confirm_with_code(token=stage.token, code=code, now=now + 15 * MINUTE)


def test_codes_are_mailed_every_two_minutes_and_five_times_a_day_at_most(stage: Stage) -> None:
    now = timezone.now()
    ask(stage, now)
    with pytest.raises(TooManyCodes):
        operations.request_code(token=stage.token, now=now + MINUTE)
    for n in range(1, 5):
        ask(stage, now + n * 3 * MINUTE)
    with pytest.raises(TooManyCodes):
        operations.request_code(token=stage.token, now=now + 60 * MINUTE)


def test_without_a_code_or_a_thing_to_confirm_nothing_happens(stage: Stage) -> None:
    now = timezone.now()
    with pytest.raises(CodeRefused):
        operations.confirm_with_code(token=stage.token, code="000000", now=now)
    with pytest.raises(LinkNotValid):
        operations.request_code(token="x" * 43, now=now)
    early = bring_to("bank", now=now, name="TEAPOT LANE LTD")
    with pytest.raises(NothingToConfirm):
        operations.request_code(token=early.token, now=now)


def test_a_code_of_one_link_is_worth_nothing_on_another(stage: Stage) -> None:
    now = timezone.now()
    code = ask(stage, now)
    customer = stage.project.customer
    other = operations.add_contact(
        customer=customer, role="sponsor", name="Sal Sponsor", email="sal@kettle.example", actor=OPS, now=now
    )
    token = operations.issue_portal_link(pk=stage.project.pk, contact_id=other.pk, actor=OPS, now=now)
    with pytest.raises(CodeRefused):
        operations.confirm_with_code(token=token, code=code, now=now)
