"""Rotation re-wraps and nothing more; the proof of custody finds what does not open."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from audit.models import AuditEntry
from audit.recording import Actor
from certificates import custody, operations, queries
from certificates.models import KekCanary, KeyEnvelope, KeyPair

MakeKey = Callable[..., KeyPair]
NEXT = "test2:" + base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def rotated(settings: Any) -> Callable[[], None]:
    def add_version() -> None:
        settings.KEK_KEYRING = f"{settings.KEK_KEYRING},{NEXT}"
        settings.KEK_ACTIVE = "test2"

    return add_version


def test_rotation_re_wraps_every_data_key_and_leaves_ciphertexts(
    request_key: MakeKey, rotated: Callable[[], None], settings: Any, now: datetime, actor: Actor
) -> None:
    keys = [request_key(f"connection:{n}") for n in range(3)]
    before = dict(KeyEnvelope.objects.values_list("pk", "ciphertext"))
    rotated()
    done = operations.rotate_keks(actor=actor, now=now, batch=2)
    after = dict(KeyEnvelope.objects.values_list("pk", "ciphertext"))
    assert (done.rewrapped, done.failed, done.per_version) == (3, {}, {("env", "test2"): 3})
    assert {pk: bytes(text) for pk, text in after.items()} == {pk: bytes(text) for pk, text in before.items()}
    settings.KEK_KEYRING = NEXT  # the old version may go now
    assert [proof.problem for proof in operations.verify_custody(actor=actor, now=now)] == [""] * len(keys)


def test_rotation_again_does_nothing(
    request_key: MakeKey, rotated: Callable[[], None], now: datetime, actor: Actor
) -> None:
    request_key()
    rotated()
    operations.rotate_keks(actor=actor, now=now)
    entries = AuditEntry.objects.count()
    assert (operations.rotate_keks(actor=actor, now=now).rewrapped, AuditEntry.objects.count()) == (
        0,
        entries,
    )


def test_each_rewrap_is_recorded(
    request_key: MakeKey, rotated: Callable[[], None], now: datetime, actor: Actor
) -> None:
    key = request_key()
    rotated()
    operations.rotate_keks(actor=actor, now=now)
    entry = AuditEntry.objects.latest("number")
    assert (entry.verb, entry.subject_key, entry.data) == (
        "certificates.key_rewrapped",
        str(key.pk),
        '{"from":"test1","to":"test2"}',
    )


def test_a_row_that_does_not_open_is_named_and_the_rest_goes_on(
    request_key: MakeKey, rotated: Callable[[], None], now: datetime, actor: Actor
) -> None:
    keys = [request_key(f"connection:{n}") for n in range(3)]
    KeyEnvelope.objects.filter(key=keys[1]).update(wrapped_dek=os.urandom(48))
    rotated()
    done = operations.rotate_keks(actor=actor, now=now, batch=1)
    assert (done.rewrapped, list(done.failed), done.remaining) == (2, [str(keys[1].pk)], 1)
    assert queries.envelopes_per_version() == {("env", "test1"): 1, ("env", "test2"): 2}


def test_a_wrong_key_under_a_known_version_stops_rotation_and_sealing(
    request_key: MakeKey, settings: Any, now: datetime, actor: Actor
) -> None:
    request_key()
    settings.KEK_KEYRING = "test1:" + base64.b64encode(os.urandom(32)).decode()
    with pytest.raises(custody.CustodyFailed, match="does not open"):
        operations.rotate_keks(actor=actor, now=now)
    with pytest.raises(custody.CustodyFailed, match="does not open"):
        request_key("connection:kettle")
    assert (KeyPair.objects.count(), KekCanary.objects.count()) == (1, 1)


def test_the_proof_finds_swapped_and_missing_keys(request_key: MakeKey, now: datetime, actor: Actor) -> None:
    good, changed, lost = (request_key(f"connection:{n}") for n in range(3))
    KeyEnvelope.objects.filter(key=changed).update(dek_nonce=os.urandom(12))
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM certificates_keyenvelope WHERE key_id = '{lost.pk.hex}'")
    found = {proof.row: bool(proof.problem) for proof in operations.verify_custody(actor=actor, now=now)}
    assert found == {str(good.pk): False, str(changed.pk): True, str(lost.pk): True}


def test_a_sample_opens_no_more_than_asked(request_key: MakeKey, now: datetime, actor: Actor) -> None:
    for n in range(3):
        request_key(f"connection:{n}")
    proofs = list(operations.verify_custody(actor=actor, now=now, sample=2))
    used = AuditEntry.objects.filter(verb="certificates.key_used").count()
    assert (len(proofs), used) == (2, 2)
