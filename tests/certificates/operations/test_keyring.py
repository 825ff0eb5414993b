"""Where production keys are held, another keyring version seals only once two people admitted it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.models import AuditEntry
from audit.recording import Actor
from certificates import custody, operations, permits, queries
from certificates.kek.recovery import RecoveryOpener
from certificates.models import Act, Approval, KekCanary, KeyPair

MakeKey = Callable[..., KeyPair]
NEXT = "test2:" + base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def switch(settings: Any) -> Callable[..., None]:
    """Return a function that adds version test2 to the keyring, and makes it active or not."""
    before = settings.KEK_KEYRING

    def to(active: str = "test2") -> None:
        settings.KEK_KEYRING, settings.KEK_ACTIVE = f"{before},{NEXT}", active

    return to


@pytest.fixture
def production(request_key: MakeKey) -> KeyPair:
    return request_key(environment="production")


def ask(person: Any, now: datetime, target: str = "env test2") -> Approval:
    return operations.request_approval(
        act=Act.KEYRING, target=target, reason="Yearly change.", actor=Actor.user(person), now=now
    )


def admitted() -> list[tuple[str, str]]:
    entries = AuditEntry.objects.filter(verb="certificates.keyring_version_admitted").order_by("number")
    return [(facts["version"], "approval" in facts) for facts in (json.loads(one.data) for one in entries)]


def test_without_production_keys_versions_are_admitted_by_themselves_and_recorded(
    request_key: MakeKey, switch: Any, people: Any, now: datetime, actor: Actor
) -> None:
    request_key()
    switch()
    assert operations.rotate_keks(actor=actor, now=now).rewrapped == 1
    assert admitted() == [("test1", False), ("test2", False)]
    with pytest.raises(operations.KeyringRefused, match="needs no approval"):
        ask(people["operator"], now)


def test_the_version_in_use_goes_on_sealing(production: KeyPair, request_key: MakeKey) -> None:
    request_key("connection:kettle", environment="production")
    assert admitted() == [("test1", False)]


def test_another_version_neither_seals_nor_takes_rows_over_unasked(
    production: KeyPair, request_key: MakeKey, switch: Any, now: datetime, actor: Actor
) -> None:
    switch()
    refusals = []
    for act in (
        lambda: request_key("connection:kettle"),
        lambda: operations.rotate_keks(actor=actor, now=now),
    ):
        with pytest.raises(custody.CustodyFailed) as refused:
            act()
        refusals.append(refused.value.sentence)
    assert (
        refusals
        == [
            "Keyring version “test2” of provider “env” may not seal yet: production keys are held here, "
            "so one person asks for it under Approvals in the console and another allows it."
        ]
        * 2
    )
    assert queries.envelopes_per_version() == {("env", "test1"): 1}
    assert (KekCanary.objects.count(), KeyPair.objects.count()) == (1, 1)


def test_once_allowed_the_active_version_is_admitted_at_once(
    production: KeyPair, switch: Any, people: Any, now: datetime, actor: Actor
) -> None:
    switch()
    asked = ask(people["operator"], now)
    done = operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now)
    assert (done.state, admitted()) == ("used", [("test1", False), ("test2", True)])
    assert operations.rotate_keks(actor=actor, now=now).per_version == {("env", "test2"): 1}


def test_a_version_allowed_before_it_is_active_is_admitted_at_its_first_use(
    production: KeyPair, request_key: MakeKey, switch: Any, people: Any, now: datetime
) -> None:
    switch(active="test1")
    asked = ask(people["operator"], now)
    assert operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now).state == "approved"
    request_key("connection:kettle")
    assert Approval.objects.get().state == "approved"
    switch()
    request_key("connection:third")
    assert (Approval.objects.get().state, admitted()[-1]) == ("used", ("test2", True))


@pytest.mark.parametrize("end", ["declined", "lapsed", "only asked for", "overdue"])
def test_without_a_standing_approval_it_stays_refused(
    production: KeyPair, request_key: MakeKey, switch: Any, people: Any, now: datetime, actor: Actor, end: str
) -> None:
    switch(active="test1")
    asked, approver = ask(people["operator"], now), Actor.user(people["approver"])
    later = now
    if end == "declined":
        operations.decline(pk=asked.pk, actor=approver, now=now, reason="No.")
    elif end != "only asked for":
        operations.approve(pk=asked.pk, actor=approver, now=now)
        later = now + permits.LASTS
        if end == "lapsed":
            operations.lapse_overdue(actor=actor, now=later)
    switch()
    with pytest.raises(custody.CustodyFailed, match="“test2” of provider “env” may not seal yet"):
        request_key("connection:kettle", now=later)


def test_nobody_asks_for_a_version_that_is_not_there(
    production: KeyPair, switch: Any, people: Any, now: datetime
) -> None:
    switch()
    for target in ("env test1", "env test9", "aws test2", ""):
        with pytest.raises(operations.KeyringRefused, match="Waiting: env test2"):
            ask(people["operator"], now, target)


def test_what_was_allowed_is_the_version_as_it_was_seen(
    production: KeyPair, switch: Any, people: Any, now: datetime
) -> None:
    switch()
    asked = ask(people["operator"], now)
    KekCanary.objects.create(provider="env", kek_version="test2", wrapped=b"x", nonce=b"y", created_at=now)
    with pytest.raises(operations.ApprovalLapsed, match="changed since it was asked for"):
        operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now)
    assert Approval.objects.get().state == "lapsed"


def recovery_key() -> tuple[RecoveryOpener, str]:
    private = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return RecoveryOpener(private), public.decode()


def test_nobody_gives_every_key_to_a_recovery_key_of_their_own(
    production: KeyPair, request_key: MakeKey, settings: Any, now: datetime, actor: Actor
) -> None:
    mine, settings.RECOVERY_PUBLIC_KEY = recovery_key()
    for act in (
        lambda: request_key("connection:kettle"),
        lambda: operations.rotate_keks(actor=actor, now=now),
    ):
        with pytest.raises(
            custody.CustodyFailed, match=f"The recovery key {mine.fingerprint[:16]}… may not seal"
        ):
            act()
    assert queries.recovery_wraps() == {"": 1}


def test_a_recovery_key_seals_once_another_person_allowed_it(
    production: KeyPair, settings: Any, people: Any, now: datetime, actor: Actor
) -> None:
    mine, settings.RECOVERY_PUBLIC_KEY = recovery_key()
    asked = ask(people["operator"], now, f"recovery {mine.fingerprint}")
    done = operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now)
    assert (done.state, admitted()[-1]) == ("used", (mine.fingerprint, True))
    operations.rotate_keks(actor=actor, now=now)
    assert (queries.recovery_wraps(), custody.unprovable()) == ({mine.fingerprint: 1}, [])


def test_a_version_and_a_recovery_key_that_both_wait_are_allowed_one_by_one(
    production: KeyPair, switch: Any, settings: Any, people: Any, now: datetime
) -> None:
    switch()
    mine, settings.RECOVERY_PUBLIC_KEY = recovery_key()
    waiting = ["env test2", f"recovery {mine.fingerprint}"]
    assert operations.waiting_versions() == waiting
    for target in waiting:
        asked = ask(people["operator"], now, target)
        assert operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now).state == "used"
    custody.prove(now=now)
