"""Activation needs two people in production; what ends, ends for good."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import TransitionRefused
from certificates import custody, identity, operations, profiles
from certificates.models import Act, Certificate, KeyEnvelope, KeyPair
from certificates.operations import lifecycle
from tests.certificates.two_people import activate, ask, destroy, prove

Install = Callable[..., Certificate]


@pytest.fixture
def certified(install: Install, people: Any) -> KeyPair:
    return install(environment="production", by=Actor.user(people["operator"])).key


@pytest.mark.parametrize("who", ["operator", "approver", "admin", "command"])
def test_nobody_activates_a_production_key_alone(
    certified: KeyPair, people: Any, who: str, now: datetime
) -> None:
    prove(certified, now=now)
    alone = Actor.user(people[who]) if who in people else Actor.command(who)
    with pytest.raises(
        operations.SecondPersonNeeded, match="ask for its activation; another person allows it"
    ):
        operations.activate_key(pk=certified.pk, actor=alone, now=now)


def test_the_key_before_stands_by_and_can_come_back(install: Install, people: Any, now: datetime) -> None:
    operator = Actor.user(people["operator"])
    old, new = (install(environment="production", by=operator).key for _ in range(2))
    states = []
    for key in (old, new, old):
        activate(key, people, now=now)
        states.append([KeyPair.objects.get(pk=each.pk).state for each in (old, new)])
    assert states == [["active", "certified"], ["standby", "active"], ["active", "standby"]]
    until = [KeyPair.objects.get(pk=each.pk).standby_until for each in (old, new)]
    assert until == [None, now + timedelta(days=profiles.profile("production").overlap_days)]


def test_a_refused_activation_leaves_the_active_key_active(
    install: Install, people: Any, now: datetime
) -> None:
    old, new = (install(environment="production", by=Actor.user(people["operator"])).key for _ in range(2))
    activate(old, people, now=now)
    prove(new, now=now)
    asked = ask(Act.ACTIVATE, new, by=people["operator"], now=now)
    Certificate.objects.filter(key=new).update(not_before=now + timedelta(days=1))
    with pytest.raises(operations.ActivationRefused, match="not now"):
        operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now)
    assert [KeyPair.objects.get(pk=key.pk).state for key in (old, new)] == ["active", "certified"]


def test_in_test_a_key_that_takes_over_must_be_proven(install: Install, now: datetime, actor: Actor) -> None:
    """Proven now, or proven again where that was too long ago; the first key of all needs no proof."""
    spare, good = install().key, install().key
    KeyPair.objects.filter(pk=spare.pk).update(state="standby", proven_at=None)
    KeyPair.objects.filter(pk=good.pk).update(state="active")
    with pytest.raises(operations.ActivationRefused, match="never tried at the bank: prove it first"):
        operations.activate_key(pk=spare.pk, actor=actor, now=now)
    prove(spare, now=now - timedelta(days=8))
    Certificate.objects.update(installed_at=now - timedelta(days=9))
    with pytest.raises(
        operations.ActivationRefused, match="2026-05-26, more than 7 days ago: prove it again"
    ):
        operations.activate_key(pk=spare.pk, actor=actor, now=now)
    prove(spare, now=now)
    assert operations.activate_key(pk=spare.pk, actor=actor, now=now).state == "active"
    assert KeyPair.objects.get(pk=good.pk).state == "standby"
    operations.retire_key(pk=spare.pk, actor=actor, now=now)
    assert operations.activate_key(pk=good.pk, actor=actor, now=now).state == "active"


def test_an_active_key_cannot_be_activated_again(install: Install, now: datetime, actor: Actor) -> None:
    key = install().key
    with pytest.raises(TransitionRefused, match="while this key is “active”"):
        operations.activate_key(pk=key.pk, actor=actor, now=now)


@pytest.mark.parametrize("act", [operations.retire_key, operations.mark_compromised])
def test_a_key_out_of_use_is_not_used(
    act: Callable[..., KeyPair], install: Install, now: datetime, actor: Actor
) -> None:
    stale = install().key
    act(pk=stale.pk, actor=actor, now=now, reason="test")
    with pytest.raises(identity.KeyNotUsable):
        identity.sign(key=stale, message=b"m", actor=actor, purpose="test", now=now)


def test_destruction_removes_the_sealed_key_keeps_the_facts_and_names_what_sealed_it(
    install: Install, people: Any, now: datetime, actor: Actor
) -> None:
    key = install().key
    with pytest.raises(
        operations.ApprovalRefused, match="is active: only a retired, rejected or compromised"
    ):
        ask(Act.DESTROY, key, by=people["operator"], now=now)
    assert KeyEnvelope.objects.filter(key=key).exists()
    operations.retire_key(pk=key.pk, actor=actor, now=now)
    gone = destroy(key, people, now=now, reason="Contract ended.")
    assert (gone.state, gone.spki_sha256, KeyEnvelope.objects.count()) == ("destroyed", key.spki_sha256, 0)
    with pytest.raises(custody.NotSealed):
        custody.unseal(key=gone, actor=actor, purpose="test", now=now)
    entry = AuditEntry.objects.filter(verb="certificates.keypair.destroy").get()
    facts = json.loads(entry.data)
    assert (entry.reason, facts["provider"], facts["kek_version"]) == ("Contract ended.", "env", "test1")
    assert operations.backups_sentence(*operations.sealed_under(gone)) == (
        "Backups made before hold it sealed under version “test1” of “env”, "
        "and open until that version is destroyed too."
    )


def test_only_ended_standby_keys_are_retired_by_themselves(
    install: Install, now: datetime, actor: Actor
) -> None:
    old, new = install().key, install().key
    Certificate.objects.update(not_after=now)
    retired = operations.retire_expired(actor=actor, now=now)
    assert ([key.pk for key in retired], KeyPair.objects.get(pk=new.pk).state) == ([old.pk], "active")


def test_a_standby_key_somebody_falls_back_to_at_that_moment_is_not_retired(
    install: Install, now: datetime, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = install().key, install().key
    later = now + timedelta(days=profiles.profile("test").overlap_days)
    lock = lifecycle.lock_owner

    def fall_back(*, scope: str) -> None:
        monkeypatch.setattr(lifecycle, "lock_owner", lock)
        operations.record_proof(pk=old.pk, proven="It was let in.", actor=actor, now=later)
        operations.activate_key(pk=old.pk, actor=actor, now=later)

    monkeypatch.setattr(lifecycle, "lock_owner", fall_back)
    assert operations.retire_expired(actor=actor, now=later) == []
    assert [KeyPair.objects.get(pk=key.pk).state for key in (old, new)] == ["active", "standby"]
