"""Activation needs two people in production; what ends, ends for good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from audit.recording import Actor
from audit.workflow import PermissionMissing, TransitionRefused
from certificates import custody, identity, operations
from certificates.models import Certificate, KeyEnvelope, KeyPair
from certificates.operations import lifecycle

Install = Callable[..., Certificate]


@pytest.fixture
def certified(install: Install, people: Any) -> KeyPair:
    return install(environment="production", by=Actor.user(people["operator"])).key


def test_an_approver_activates_what_an_operator_installed(
    certified: KeyPair, people: Any, now: datetime
) -> None:
    key = operations.activate_key(pk=certified.pk, actor=Actor.user(people["approver"]), now=now)
    assert (key.state, key.activated_at) == ("active", now)


def test_who_installed_does_not_activate_even_with_the_right(
    install: Install, people: Any, now: datetime
) -> None:
    for who in ("approver", "admin"):
        person = Actor.user(people[who])
        key = install(f"connection:{who}", environment="production", by=person).key
        with pytest.raises(operations.SecondPersonNeeded, match="somebody else"):
            operations.activate_key(pk=key.pk, actor=person, now=now)


def test_an_operator_may_not_activate(
    certified: KeyPair, people: Any, now: datetime, install: Install
) -> None:
    other = install("connection:kettle", environment="production", by=Actor.user(people["approver"])).key
    with pytest.raises(PermissionMissing):
        operations.activate_key(pk=other.pk, actor=Actor.user(people["operator"]), now=now)


@pytest.mark.parametrize(
    "machine", [Actor.command("x"), Actor.task("x"), Actor.contact("1"), Actor("user", "1")]
)
def test_no_machine_activates_in_production(certified: KeyPair, machine: Actor, now: datetime) -> None:
    with pytest.raises(operations.SecondPersonNeeded, match="a person in the console"):
        operations.activate_key(pk=certified.pk, actor=machine, now=now)


def test_the_key_before_stands_by_and_can_come_back(install: Install, people: Any, now: datetime) -> None:
    operator, approver = Actor.user(people["operator"]), Actor.user(people["approver"])
    old, new = (install(environment="production", by=operator).key for _ in range(2))
    states = []
    for key in (old, new, old):
        operations.activate_key(pk=key.pk, actor=approver, now=now)
        states.append([KeyPair.objects.get(pk=each.pk).state for each in (old, new)])
    assert states == [["active", "certified"], ["standby", "active"], ["active", "standby"]]


def test_a_refused_activation_leaves_the_active_key_active(
    install: Install, people: Any, now: datetime
) -> None:
    operator, approver = Actor.user(people["operator"]), Actor.user(people["approver"])
    old, new = (install(environment="production", by=operator).key for _ in range(2))
    operations.activate_key(pk=old.pk, actor=approver, now=now)
    Certificate.objects.filter(key=new).update(not_after=now)
    with pytest.raises(operations.ActivationRefused, match="not now"):
        operations.activate_key(pk=new.pk, actor=approver, now=now)
    with pytest.raises(PermissionMissing):
        operations.activate_key(pk=new.pk, actor=Actor.user(people["outsider"]), now=now - timedelta(days=1))
    assert KeyPair.objects.get(pk=old.pk).state == "active"


def test_an_active_key_cannot_be_activated_again(install: Install, now: datetime, actor: Actor) -> None:
    key = install().key
    with pytest.raises(TransitionRefused, match="while this key pair is “active”"):
        operations.activate_key(pk=key.pk, actor=actor, now=now)


@pytest.mark.parametrize("act", [operations.retire_key, operations.mark_compromised])
def test_a_key_out_of_use_is_not_used(
    act: Callable[..., KeyPair], install: Install, now: datetime, actor: Actor
) -> None:
    stale = install().key
    act(pk=stale.pk, actor=actor, now=now, reason="test")
    with pytest.raises(identity.KeyNotUsable):
        identity.sign(key=stale, message=b"m", actor=actor, purpose="test", now=now)


def test_destruction_removes_the_sealed_key_and_keeps_the_facts(
    install: Install, now: datetime, actor: Actor
) -> None:
    key = install().key
    with pytest.raises(TransitionRefused):
        operations.destroy_key(pk=key.pk, actor=actor, now=now)
    assert KeyEnvelope.objects.filter(key=key).exists()
    operations.retire_key(pk=key.pk, actor=actor, now=now)
    gone = operations.destroy_key(pk=key.pk, actor=actor, now=now, reason="contract ended")
    assert (gone.state, gone.spki_sha256, KeyEnvelope.objects.count()) == ("destroyed", key.spki_sha256, 0)
    with pytest.raises(custody.NotSealed):
        custody.unseal(key=gone, actor=actor, purpose="test", now=now)


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
    later = now + lifecycle.OVERLAP
    lock = lifecycle.lock_owner

    def fall_back(*, scope: str) -> None:
        monkeypatch.setattr(lifecycle, "lock_owner", lock)
        operations.record_proof(pk=old.pk, proven="It was let in.", actor=actor, now=later)
        operations.activate_key(pk=old.pk, actor=actor, now=later)

    monkeypatch.setattr(lifecycle, "lock_owner", fall_back)
    assert operations.retire_expired(actor=actor, now=later) == []
    assert [KeyPair.objects.get(pk=key.pk).state for key in (old, new)] == ["active", "standby"]
