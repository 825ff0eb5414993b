"""What an earlier release sealed opens for ever: every format, frozen once, with a key that guards nothing.

A new format adds a file. None of these is ever made again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from audit.recording import Actor
from certificates import custody, kek, vault, x509
from certificates.kek import env
from certificates.kek.recovery import RecoveryOpener, RecoveryWrap
from certificates.models import KeyEnvelope, KeyPair

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "envelopes"
FROZEN = sorted(path.stem for path in GOLDEN.glob("lk*.json"))
KEYRING = "frozen1:" + base64.b64encode(bytes(range(32))).decode()


def frozen(name: str) -> dict[str, Any]:
    return dict(json.loads((GOLDEN / f"{name}.json").read_text()))


def envelope(record: dict[str, Any]) -> vault.Envelope:
    part = {name: bytes.fromhex(record[name]) for name in ("wrapped_dek", "dek_nonce", "nonce", "ciphertext")}
    dek = kek.WrappedDek(record["provider"], record["kek_version"], part["dek_nonce"], part["wrapped_dek"])
    second = RecoveryWrap(record["recovery_key"], bytes.fromhex(record["recovery_dek"]))
    return vault.Envelope(record["format"], dek, part["nonce"], part["ciphertext"], second)


def recovery_opener() -> RecoveryOpener:
    record = frozen("recovery_key")
    p, q, e = int(record["p"], 16), int(record["q"], 16), int(record["e"])
    d = rsa.rsa_recover_private_exponent(e, p, q)
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(e, p * q),
    )  # fmt: skip
    return RecoveryOpener(numbers.private_key())


def test_every_format_is_frozen_here() -> None:
    assert {frozen(name)["format"] for name in FROZEN} == {vault.FORMAT}
    assert FROZEN == ["lk1_details", "lk1_key", "lk1_key_recovery"]


@pytest.mark.parametrize("name", FROZEN)
def test_a_frozen_envelope_opens_byte_for_byte(name: str) -> None:
    record = frozen(name)
    opened = vault.open_sealed(envelope(record), record["facts"], env.parse(KEYRING, "frozen1"))
    assert hashlib.sha256(opened).hexdigest() == record["plaintext_sha256"]


def test_a_frozen_recovery_wrap_opens_without_any_keyring() -> None:
    record = frozen("lk1_key_recovery")
    opened, same = vault.recover(envelope(record), record["facts"], recovery_opener())
    assert (hashlib.sha256(opened).hexdigest(), same) == (record["plaintext_sha256"], envelope(record))


@pytest.mark.parametrize("name", ["lk1_key", "lk1_key_recovery"])
def test_a_frozen_row_is_still_the_key_of_its_public_half(
    name: str, db: None, now: datetime, actor: Actor, settings: Any
) -> None:
    record = frozen(name)
    settings.KEK_KEYRING, settings.KEK_ACTIVE = KEYRING, "frozen1"
    facts = record["facts"]
    key = KeyPair.objects.create(
        pk=uuid.UUID(facts["row"]), scope="frozen", use=facts["purpose"], environment="test", algorithm="ec-p256",
        spki_sha256=facts["spki_sha256"], common_name="frozen.example", csr_pem="-", created_at=now,
    )  # fmt: skip
    columns = {n: record[n] for n in ("format", "provider", "kek_version", "recovery_key")}
    blobs = ("wrapped_dek", "dek_nonce", "nonce", "ciphertext", "recovery_dek")
    KeyEnvelope.objects.create(key=key, **columns, **{n: bytes.fromhex(record[n]) for n in blobs})
    with custody.unseal(key=key, actor=actor, purpose="test", now=now) as private:
        assert x509.spki_sha256(private.public_key()) == facts["spki_sha256"]
