"""With the keyring lost, the recovery key brings everything back; until then it is tried, and changes nothing."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)
from django.core.management import call_command

from audit.models import AuditEntry
from audit.recording import Actor
from certificates import custody, operations, vault, x509
from certificates.envelopes import put
from certificates.kek.recovery import RecoveryOpener, read_public
from certificates.models import KeyEnvelope, KeyPair
from onboarding import sealing
from tests.certificates.operations.sealed import seal_key
from tests.onboarding.roads import begin

KEY = rsa.generate_private_key(public_exponent=65537, key_size=3072)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=3072)
OPENER = RecoveryOpener(KEY)
PASSPHRASE = b"obviously a test passphrase"
Run = Callable[..., tuple[int, str, str]]


def public(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def fresh(version: str) -> str:
    return f"{version}:" + base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def guarded(settings: Any, db: None) -> Any:
    """An installation with a recovery key."""
    settings.RECOVERY_PUBLIC_KEY = public(KEY)
    return settings


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The private half as it is kept offline: in a file with a passphrase."""
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE))
    (tmp_path / "recovery.pem").write_bytes(pem)
    (tmp_path / "passphrase").write_bytes(PASSPHRASE + b"\n")
    return ["--private-key", f"{tmp_path}/recovery.pem", "--passphrase-file", f"{tmp_path}/passphrase"]


@pytest.fixture
def run(capsys: Any) -> Run:
    def command(name: str, *arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            call_command(name, *arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def opens(key: KeyPair, now: datetime) -> bool:
    with custody.unseal(key=key, actor=Actor.command("test"), purpose="test", now=now) as private:
        return x509.spki_sha256(private.public_key()) == key.spki_sha256


def test_each_new_data_key_is_wrapped_for_the_recovery_key_too(guarded: Any, now: datetime) -> None:
    rows = [KeyEnvelope.objects.get(key=seal_key(now, n)) for n in range(2)]
    assert {row.recovery_key for row in rows} == {OPENER.fingerprint}
    assert len({bytes(row.recovery_dek) for row in rows}) == 2


def test_everything_comes_back_after_the_keyring_is_lost(
    guarded: Any, now: datetime, run: Run, files: list[str]
) -> None:
    keys = [seal_key(now, n) for n in range(2)]
    contact = begin(now).operator
    guarded.KEK_KEYRING, guarded.KEK_ACTIVE = fresh("after"), "after"
    with pytest.raises(custody.CustodyFailed):
        opens(keys[0], now)

    assert run("recover_custody", *files, "--all") == (0, "env\tafter\t4\n", "4 re-wrapped, 0 left\n")

    assert [opens(key, now) for key in keys] == [True, True]
    details = sealing.details_of(contact)
    assert details is not None
    assert details.name == "Olive Operator"
    told = AuditEntry.objects.filter(verb="certificates.key_recovered")
    assert sorted(told.values_list("subject_type", flat=True)) == [
        "certificates.keypair", "certificates.keypair", "onboarding.contactdetails", "onboarding.portallink",
    ]  # fmt: skip
    assert run("recover_custody", *files, "--all") == (0, "env\tafter\t4\n", "0 re-wrapped, 0 left\n")
    assert custody.unprovable() == []


def test_the_recovery_key_stands_in_for_two_people_where_production_keys_are_held(
    guarded: Any, request_key: Any, now: datetime, actor: Actor
) -> None:
    key = request_key(environment="production")
    guarded.KEK_KEYRING, guarded.KEK_ACTIVE = fresh("after"), "after"
    assert operations.recover_custody(opener=OPENER, actor=actor, now=now).rewrapped == 1
    admitted = AuditEntry.objects.filter(verb="certificates.keyring_version_admitted").latest("number")
    assert (OPENER.fingerprint in admitted.data, opens(key, now)) == (True, True)


def test_another_recovery_key_admits_no_version_where_production_keys_are_held(
    guarded: Any, request_key: Any, now: datetime, actor: Actor
) -> None:
    request_key(environment="production")
    guarded.KEK_KEYRING, guarded.KEK_ACTIVE = fresh("after"), "after"
    with pytest.raises(custody.CustodyFailed, match="“after” of provider “env” may not seal yet"):
        operations.recover_custody(opener=RecoveryOpener(OTHER), actor=actor, now=now)


def test_a_new_keyring_under_the_lost_versions_name_is_refused(
    guarded: Any, now: datetime, run: Run, files: list[str]
) -> None:
    seal_key(now)
    guarded.KEK_KEYRING = fresh("test1")
    code, out, err = run("recover_custody", *files, "--all")
    assert (code, out, "Version “test1” of the keyring does not open" in err) == (2, "", True)


def test_the_drill_opens_and_changes_nothing(guarded: Any, now: datetime, run: Run, files: list[str]) -> None:
    for n in range(3):
        seal_key(now, n)
    before = list(KeyEnvelope.objects.order_by("pk").values())
    guarded.KEK_KEYRING, guarded.KEK_ACTIVE = "", ""  # not even asked for
    said = f"recovery key {OPENER.fingerprint[:16]}…: 2 opened, 0 did not\n"
    assert run("recover_custody", *files, "--sample", "2") == (0, "", said)
    assert list(KeyEnvelope.objects.order_by("pk").values()) == before
    uses = AuditEntry.objects.filter(verb="certificates.key_used", data__contains="recovery drill")
    assert uses.count() == 2


def test_the_drill_names_a_row_without_its_wrap_and_one_that_holds_another_key(
    guarded: Any, now: datetime, run: Run, files: list[str]
) -> None:
    good, bare, forged = (seal_key(now, n) for n in range(3))
    KeyEnvelope.objects.filter(key=bare).update(recovery_key="", recovery_dek=b"")
    plant(forged)
    code, _, err = run("recover_custody", *files, "--sample", "9")
    assert (code, "1 opened, 2 did not" in err) == (1, True)
    assert f"{bare.pk}: The row is wrapped for no recovery key" in err
    assert f"{forged.pk}: The sealed key of {forged.common_name} is not the one" in err
    assert str(good.pk) not in err


def plant(key: KeyPair) -> None:
    """Do what anybody can who may write the row and knows the public recovery key: seal a key of their own for it."""
    row = KeyEnvelope.objects.select_related("key").get(key=key)
    recovery = read_public(public(KEY))
    put(row, vault.seal(b"not even a key", row.facts(), custody.provider(), recovery))
    KeyEnvelope.objects.filter(pk=row.pk).delete()
    row.save(force_insert=True)


def test_a_planted_key_is_not_recovered(guarded: Any, now: datetime, actor: Actor) -> None:
    plant(key := seal_key(now))
    guarded.KEK_KEYRING, guarded.KEK_ACTIVE = fresh("after"), "after"
    done = operations.recover_custody(opener=OPENER, actor=actor, now=now)
    assert (done.rewrapped, done.remaining, list(done.failed)) == (0, 1, [str(key.pk)])


def test_rotation_adds_missing_wraps_and_replaces_those_of_an_older_recovery_key(
    settings: Any, db: None, now: datetime, actor: Actor
) -> None:
    bare = seal_key(now, 1)
    settings.RECOVERY_PUBLIC_KEY = public(OTHER)
    seal_key(now, 2)
    settings.RECOVERY_PUBLIC_KEY = public(KEY)
    standing = operations.standing()
    assert (standing.with_recovery, standing.without_recovery, standing.for_another) == (0, 1, 1)
    before = KeyEnvelope.objects.get(key=bare)

    done = operations.rotate_keks(actor=actor, now=now)

    after = KeyEnvelope.objects.get(key=bare)
    assert (done.rewrapped, done.second_wraps, done.remaining) == (0, 2, 0)
    assert bytes(after.wrapped_dek) == bytes(before.wrapped_dek)
    assert operations.drill_recovery(opener=OPENER, sample=None, actor=actor, now=now).opened == 2
    entry = AuditEntry.objects.filter(verb="certificates.recovery_wrapped").first()
    assert entry is not None
    assert entry.data == f'{{"recovery_key":"{OPENER.fingerprint}"}}'
    assert operations.standing().behind == 0


def test_without_a_recovery_key_old_wraps_are_left_alone(guarded: Any, now: datetime, actor: Actor) -> None:
    seal_key(now)
    guarded.RECOVERY_PUBLIC_KEY = ""
    assert operations.rotate_keks(actor=actor, now=now).second_wraps == 0
    assert KeyEnvelope.objects.get().recovery_key == OPENER.fingerprint


def test_a_bad_recovery_key_stops_sealing(guarded: Any, now: datetime) -> None:
    guarded.RECOVERY_PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----"
    with pytest.raises(custody.CustodyFailed, match="RECOVERY_PUBLIC_KEY"):
        seal_key(now)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--private-key", "/nowhere/at/all", "--sample", "1"], "cannot be read: No such file"),
        (["--private-key", __file__, "--sample", "1"], "no private key as PEM"),
        (["--private-key", __file__, "--sample", "0"], "--sample takes a number from 1"),
    ],
)
def test_a_wrong_call_says_so(db: None, run: Run, arguments: list[str], says: str) -> None:
    code, out, err = run("recover_custody", *arguments)
    assert (code, out, says in err) == (2, "", True)


def test_a_recovery_records_each_key_before_it_opens_it(
    guarded: Any, now: datetime, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = seal_key(now)
    guarded.KEK_KEYRING, guarded.KEK_ACTIVE = fresh("after"), "after"
    recover, uses = custody.recover, []

    def watched(*arguments: Any) -> None:
        entries = AuditEntry.objects.filter(verb="certificates.key_used", subject_key=str(key.pk))
        uses.append(entries.count())
        recover(*arguments)

    monkeypatch.setattr(custody, "recover", watched)
    operations.recover_custody(opener=OPENER, actor=actor, now=now)
    assert uses == [1, 2]  # once to prove the recovery key, once for good
