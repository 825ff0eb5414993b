"""One customer's whole road against the simulated bank, by operations."""

from __future__ import annotations

from typing import Any

from django.core import mail
from django.utils import timezone

from audit.queries import verify
from onboarding import operations, queries
from onboarding.models import Message
from tests.bankfeeds.feeds import certify, feed
from tests.onboarding.roads import OPS, begin


def test_a_customer_goes_from_request_to_live(transactional_db: Any) -> None:
    with feed(certified=False) as bank:
        road = begin(timezone.now())
        road.to_bank(timezone.now(), bank.connection)
        assert road.fresh().state == "bank_approval"
        road.act("record_bank_approval", timezone.now(), approved_on=timezone.now().date())
        certify(bank)
        bank.bank.approve(bank.bank.client.client_id)
        bank.pull()
        road.complete(5, timezone.now())
        assert (road.fresh().state, road.holders()[5]) == ("validation", "customer")
        operations.record_confirmation(
            pk=road.pk, contact_id=road.operator.pk, heard="phone", actor=OPS, now=timezone.now()
        )
        assert road.holders()[5] == "us"
        road.complete(6, timezone.now())
    assert (road.fresh().state, road.states()) == ("live", ["done"] * 6)
    operations.send_pending_messages(now=timezone.now())
    assert operations.send_pending_messages(now=timezone.now()) == 0
    assert sorted(Message.objects.filter(contact=road.operator).values_list("milestone", "state")) == sorted(
        (milestone, "sent")
        for milestone in (
            "requested", "initial_request", "kickoff", "technical_setup", "security_admins", "bank_approval",
            "please_confirm", "live",
        )
    )  # fmt: skip
    assert len(mail.outbox) == Message.objects.count()
    status = queries.status_of(road.fresh(), now=timezone.now())
    assert (status.sentence, status.turn, status.action) == (
        "Your J.P. Morgan accounts are connected.",
        "",
        None,
    )
    assert verify().broken is None
