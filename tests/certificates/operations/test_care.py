"""Rotation re-wraps and nothing more; the proof of custody finds what does not open."""

from __future__ import annotations

import base64
import itertools
import os
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction

from audit.models import AuditEntry
from audit.queries import verify
from audit.recording import Actor
from certificates import custody, kek, operations, queries
from certificates.kek import env
from certificates.models import KekCanary, KeyEnvelope, KeyPair
from onboarding import sealing
from onboarding.models import ContactDetails, PortalLink
from tests.certificates.operations.sealed import seal_key
from tests.onboarding.roads import begin

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


def test_everything_sealed_is_rotated_by_the_one_command(
    rotated: Callable[[], None], settings: Any, db: None, now: datetime, actor: Actor
) -> None:
    seal_key(now)
    contact = begin(now).operator
    rotated()
    done = operations.rotate_keks(actor=actor, now=now)
    assert (done.rewrapped, done.per_version) == (3, {("env", "test2"): 3})
    told = AuditEntry.objects.filter(verb="certificates.key_rewrapped").order_by("subject_type")
    assert list(told.values_list("subject_type", flat=True)) == [
        "certificates.keypair", "onboarding.contactdetails", "onboarding.portallink",
    ]  # fmt: skip
    settings.KEK_KEYRING = NEXT
    details = sealing.details_of(contact)
    assert details is not None
    assert details.name == "Olive Operator"
    assert verify().broken is None


def test_rows_sealed_behind_the_rotations_back_are_seen_by_its_next_look(
    rotated: Callable[[], None], settings: Any, db: None, now: datetime, actor: Actor
) -> None:
    """A process that still has the old active version goes on sealing while the rotation walks."""
    for number in range(4):
        seal_key(now, number)
    rotated()

    def somebody_else(done: int, total: int) -> None:
        if KeyPair.objects.count() < 6:
            settings.KEK_ACTIVE = "test1"
            seal_key(now, KeyPair.objects.count())
            settings.KEK_ACTIVE = "test2"

    done = operations.rotate_keks(actor=actor, now=now, batch=2, watch=somebody_else)
    assert (done.total, done.rewrapped, done.remaining) == (4, 6, 0)


def test_a_row_somebody_holds_is_skipped_and_reported(
    rotated: Callable[[], None], transactional_db: None, now: datetime, actor: Actor
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time: nobody can hold a single row")
    held, free = seal_key(now, 1), seal_key(now, 2)
    rotated()
    locked, over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            KeyEnvelope.objects.select_for_update().get(pk=held.pk)
            locked.set()
            over.wait(30)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait(30)
    try:
        done = operations.rotate_keks(actor=actor, now=now)
    finally:
        over.set()
        holder.join()
    assert (done.rewrapped, done.failed, done.remaining) == (1, {}, 1)
    assert KeyEnvelope.objects.get(pk=free.pk).kek_version == "test2"
    assert operations.rotate_keks(actor=actor, now=now).rewrapped == 1


def test_a_version_comes_into_use_only_with_the_key_its_rows_were_sealed_with(
    settings: Any, db: None, now: datetime
) -> None:
    """Rows from before there were canaries: the first canary must not be laid under another key of that name."""
    begin(now)
    KekCanary.objects.all().delete()
    right = settings.KEK_KEYRING
    settings.KEK_KEYRING = "test1:" + base64.b64encode(os.urandom(32)).decode()
    with pytest.raises(custody.CustodyFailed, match="does not open"):
        seal_key(now)
    settings.KEK_KEYRING = right
    assert seal_key(now).pk


def test_the_standing_says_which_version_may_leave(
    rotated: Callable[[], None], settings: Any, db: None, now: datetime, actor: Actor
) -> None:
    seal_key(now)
    rotated()
    before = operations.standing()
    operations.rotate_keks(actor=actor, now=now)
    after = operations.standing()
    assert (before.needed, before.may_leave) == ({("env", "test1"): 1}, [])
    assert (after.needed, after.may_leave) == ({("env", "test2"): 1}, [("env", "test1")])


def test_the_proof_covers_what_other_apps_seal(db: None, now: datetime, actor: Actor) -> None:
    road = begin(now)
    ContactDetails.objects.filter(pk=road.operator.pk).update(nonce=os.urandom(12))
    found = {
        proof.row: (proof.of_key, bool(proof.problem))
        for proof in operations.verify_custody(actor=actor, now=now)
    }
    link = PortalLink.objects.get()
    assert found == {
        f"onboarding.contactdetails:{road.operator.pk}": (False, True),
        f"onboarding.portallink:{link.pk}": (False, False),
    }
    opened = AuditEntry.objects.filter(verb="certificates.seal_opened").values_list("data", flat=True)
    assert set(opened) == {'{"kek_version":"test1","provider":"env","purpose":"custody check"}'}


def test_nothing_depends_on_the_secret_key(settings: Any, db: None, now: datetime, actor: Actor) -> None:
    seal_key(now)
    begin(now)
    settings.SECRET_KEY = "obviously another test key, sixty characters or so, and no more"
    assert [proof.problem for proof in operations.verify_custody(actor=actor, now=now)] == [""] * 3


def test_a_silent_key_service_stops_the_walk_and_keeps_what_is_done(
    rotated: Callable[[], None], db: None, now: datetime, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        seal_key(now, number)
    rotated()
    calls = itertools.count()

    def answers_twice(self: env.Keyring, wrapped: kek.WrappedDek, facts: Any) -> kek.WrappedDek:
        if next(calls) >= 2:
            raise kek.KekUnavailable("The key service does not answer. Try again later.")
        return self.wrap(self.unwrap(wrapped, facts), facts)

    with monkeypatch.context() as patched:
        patched.setattr(env.Keyring, "rewrap", answers_twice)
        with pytest.raises(custody.KeyServiceSilent, match="Try again later"):
            operations.rotate_keks(actor=actor, now=now, batch=2)
    assert queries.envelopes_per_version() == {("env", "test1"): 2, ("env", "test2"): 2}
    assert operations.rotate_keks(actor=actor, now=now).rewrapped == 2
