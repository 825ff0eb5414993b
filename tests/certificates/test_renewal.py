"""The next step of a renewal, from what is there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from audit.recording import Actor
from certificates import operations, queries, renewal
from certificates.models import Approval, Certificate, KeyPair, KeyState
from certificates.renewal import Step, Successor, furthest, step_of
from tests.certificates.two_people import activate


@pytest.mark.parametrize(
    ("successor", "step"),
    [
        (Successor(state="generated"), Step.SUBMIT),
        (Successor(state="csr_issued"), Step.SUBMIT),
        (Successor(state="submitted"), Step.INSTALL),
        (Successor(state="certified", outlives=True), Step.PROVE),
        (Successor(state="certified", outlives=True, proven=True), Step.ACTIVATE),
        (Successor(state="certified", outlives=True, proven=True, asked=True), Step.ALLOW),
        (Successor(state="standby", outlives=True, proven=True), Step.ACTIVATE),
        (Successor(state="active", outlives=True), Step.PROVE),
        (Successor(state="active", outlives=True, proven=True), Step.DONE),
        (Successor(state="active", proven=True), None),
        (Successor(state="certified", proven=True), None),
        (Successor(state="rejected"), None),
        (Successor(state="retired", outlives=True, proven=True), None),
        (Successor(state="compromised", outlives=True, proven=True), None),
        (Successor(state="destroyed", outlives=True, proven=True), None),
    ],
)
def test_each_successor_has_one_next_step(successor: Successor, step: Step | None) -> None:
    assert step_of(successor) == step


def test_every_state_of_a_key_is_judged_on_purpose() -> None:
    alive = {state.value for state in KeyState if step_of(Successor(state=state.value, outlives=True))}
    assert alive == {"generated", "csr_issued", "submitted", "certified", "active", "standby"}


def test_the_furthest_successor_counts() -> None:
    keys = [
        Successor(state="csr_issued"),
        Successor(state="certified", outlives=True),
        Successor(state="active"),
    ]
    assert furthest(keys) == (Step.PROVE, 1)
    assert furthest([]) is None


def test_every_step_has_a_label_and_advice_in_words() -> None:
    assert set(renewal.LABELS) == set(renewal.ADVICE) == set(Step)
    assert renewal.advice(Step.INSTALL, environment="test", ended=True).endswith(renewal.ENDED)
    assert "Call the bank" in renewal.advice(renewal.first_step(ended=True), environment="test", ended=True)


def test_one_person_activates_in_test_and_two_in_production() -> None:
    said = [
        (renewal.label(Step.ACTIVATE, environment=place), renewal.advice(Step.ACTIVATE, environment=place, ended=False))
        for place in ("test", "production")
    ]  # fmt: skip
    assert said == [
        ("Activate", "The bank lets the new key in. Activate it."),
        ("Ask for activation", "The bank lets the new key in. Ask for its activation."),
    ]


def test_a_production_renewal_walks_from_request_to_done(
    request_key: Any, install: Any, issuing: Any, root: Any, people: Any, now: datetime, actor: Actor
) -> None:
    operator = Actor.user(people["operator"])
    old = install(environment="production", by=operator, signing={"ends": now + timedelta(days=59, hours=1)})
    activate(old.key, people, now=now)
    renewal_page = f"/admin/certificates/keypair/{old.key_id}/renewal/"

    def due(at: datetime = now) -> list[tuple[str, int, str]]:
        return [
            (item.step.value, item.days_left, item.url) for item in queries.renewals_due(at)
            if item.certificate == old
        ]  # fmt: skip

    assert due() == [("request", 59, renewal_page)]
    assert due(now + timedelta(days=60)) == [("call", -1, renewal_page)]
    assert due(now - timedelta(days=1)) == []
    new = request_key(environment="production")
    key_page = f"/admin/certificates/keypair/{new.pk}/change/"
    walked = due()
    operations.mark_submitted(pk=new.pk, actor=operator, now=now)
    walked += due()
    _install(new, issuing, root, operator, now)
    walked += due()
    operations.record_proof(pk=new.pk, proven="It let us in.", actor=actor, now=now)
    walked += due()
    approval = Approval.objects.create(
        act="activate", key=new, target=str(new.pk), seen="0" * 64, requested_by="user:1", requested_at=now,
        expires_at=now + timedelta(days=1), reason="Its time has come.",
    )  # fmt: skip
    walked += due()
    assert walked == [(step, 59, key_page) for step in ("submit", "install", "prove", "activate", "allow")]
    Approval.objects.filter(pk=approval.pk).update(expires_at=now)
    assert due() == [("activate", 59, key_page)]
    activate(new, people, now=now)
    assert due() == []


def test_the_number_of_queries_does_not_grow_with_the_renewals(
    install: Any, now: datetime, django_assert_max_num_queries: Any
) -> None:
    for number in range(4):
        install(f"connection:harbor-{number}", signing={"ends": now + timedelta(days=20)})
    with django_assert_max_num_queries(3):
        assert len(queries.renewals_due(now)) == 4


def _install(key: KeyPair, issuing: Any, root: Any, actor: Actor, now: datetime) -> Certificate:
    from tests.certificates.authority import pem

    material = pem(issuing.sign(key.csr_pem), issuing.certificate, root.certificate)
    return operations.install_certificate(scope=key.scope, material=material, actor=actor, now=now)
