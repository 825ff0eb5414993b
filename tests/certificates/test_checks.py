"""A configuration that could lose keys does not start."""

from __future__ import annotations

import base64
import os
from datetime import datetime
from importlib import metadata
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.core import checks
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from certificates.kek import env
from certificates.models import KeyEnvelope
from tests.certificates.operations.sealed import seal_key
from tests.onboarding.roads import begin


def found() -> list[tuple[str | None, str]]:
    return [(message.id, message.msg) for message in checks.run_checks(tags=["certificates"])]


def test_a_sound_keyring_passes(db: Any) -> None:
    assert found() == []


def test_a_missing_keyring_is_refused_with_the_command_that_makes_one(settings: Any, db: Any) -> None:
    settings.KEK_KEYRING = ""
    ((code, sentence),) = found()
    assert (code, env.MAKE_ONE in sentence) == ("certificates.E001", True)


@pytest.mark.parametrize(
    "keyring", ["test1:c2hvcnQ=", "test1", "test1:" + base64.b64encode(b"a" * 32).decode()]
)
def test_a_bad_keyring_is_refused(settings: Any, db: Any, keyring: str) -> None:
    settings.KEK_KEYRING = keyring
    assert [code for code, _ in found()] == ["certificates.E001"]


def test_an_unknown_provider_is_refused(settings: Any, db: Any) -> None:
    settings.KEK_PROVIDER = "abacus"
    assert [code for code, _ in found()] == ["certificates.E001"]


def test_another_key_under_a_known_version_is_refused(settings: Any, request_key: Any) -> None:
    request_key()
    settings.KEK_KEYRING = "test1:" + base64.b64encode(os.urandom(32)).decode()
    assert [code for code, _ in found()] == ["certificates.E002"]


@pytest.mark.parametrize(("rows", "words"), [(1, "1 sealed row needs it"), (2, "2 sealed rows need it")])
def test_a_missing_version_that_seals_keys_is_refused_with_the_count(
    rows: int, words: str, settings: Any, db: Any, now: datetime
) -> None:
    for number in range(rows):
        seal_key(now, number)
    settings.KEK_KEYRING, settings.KEK_ACTIVE = "new:" + base64.b64encode(os.urandom(32)).decode(), "new"
    ((code, sentence),) = found()
    assert code == "certificates.E002"
    assert sentence.startswith(f"Version “test1” is not in the keyring, but {words}")


def test_what_other_apps_seal_counts_too(settings: Any, db: Any, now: datetime) -> None:
    begin(now)
    settings.KEK_KEYRING, settings.KEK_ACTIVE = "new:" + base64.b64encode(os.urandom(32)).decode(), "new"
    assert [(code, "2 sealed rows need it" in sentence) for code, sentence in found()] == [
        ("certificates.E002", True)
    ]


def test_a_missing_trigger_is_refused_and_restored(db: Any, now: datetime) -> None:
    with connection.cursor() as cursor:
        on = " ON certificates_keyenvelope" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER certificates_keyenvelope_fixed{on}")
    assert [code for code, _ in found()] == ["certificates.E004"]
    call_command("restore_triggers")
    assert found() == []
    seal_key(now)
    with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
        KeyEnvelope.objects.update(ciphertext=b"x")


def test_a_trigger_that_guards_less_is_refused(db: Any) -> None:
    with connection.cursor() as cursor:
        table = "certificates_keyenvelope"
        on = f" ON {table}" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER {table}_fixed{on}")
        when = 'WHEN (OLD."format" <> NEW."format")'
        cursor.execute(
            f"CREATE TRIGGER {table}_fixed BEFORE UPDATE ON {table} FOR EACH ROW {when} "
            + ("EXECUTE FUNCTION certificates_refuse()" if on else "BEGIN SELECT RAISE(ABORT, 'no'); END")
        )
    assert [code for code, _ in found()] == ["certificates.E004"]


def public(bits: int) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_recovery_key_is_checked(settings: Any, db: Any) -> None:
    settings.RECOVERY_PUBLIC_KEY = public(3072)
    sound = found()
    settings.RECOVERY_PUBLIC_KEY = public(2048)
    small = found()
    settings.RECOVERY_PUBLIC_KEY = "not a key"
    assert (sound, [code for code, _ in small + found()]) == ([], ["certificates.E005"] * 2)


def test_a_private_recovery_key_in_the_environment_is_refused(
    settings: Any, db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    monkeypatch.setenv("OF_SOMETHING_ELSE", pem)
    nothing = found()
    settings.RECOVERY_PUBLIC_KEY = (
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    )
    ((code, sentence),) = found()
    assert (nothing, code, "OF_SOMETHING_ELSE" in sentence, pem[40:80] in sentence) == (
        [], "certificates.E006", True, False,
    )  # fmt: skip
    monkeypatch.delenv("OF_SOMETHING_ELSE")
    monkeypatch.setenv("RECOVERY_PRIVATE_KEY", "-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert [code for code, _ in found()] == ["certificates.E006"]


def test_both_state_machine_packages_at_once_are_refused(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "distribution", lambda name: name)
    assert [code for code, _ in found()] == ["certificates.E003"]
