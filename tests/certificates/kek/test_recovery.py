"""The recovery key wraps for one row, opens with its private half alone, and shows itself nowhere."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from certificates import kek
from certificates.kek import recovery

FACTS = {"table": "keys", "row": "1", "format": "lk1"}
DEK = bytes(range(32))
KEY = rsa.generate_private_key(public_exponent=65537, key_size=3072)
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
PASSPHRASE = b"obviously a test"


def pem(key: Any, passphrase: bytes | None = None) -> bytes:
    how = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))


def public_of(key: Any) -> str:
    raw: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return raw.decode()


@pytest.fixture(scope="module")
def ours() -> recovery.RecoveryKey:
    found = recovery.read_public(PUBLIC)
    assert found is not None
    return found


def test_what_the_public_half_wraps_the_private_half_opens(ours: recovery.RecoveryKey) -> None:
    opener = recovery.read_private(pem(KEY, PASSPHRASE), PASSPHRASE)
    assert (opener.fingerprint, opener.unwrap(ours.wrap(DEK, FACTS), FACTS)) == (ours.fingerprint, DEK)


@pytest.mark.parametrize("facts", [{**FACTS, "row": "2"}, {}, {**FACTS, "more": ""}])
def test_a_wrap_opens_for_its_own_row_only(ours: recovery.RecoveryKey, facts: dict[str, str]) -> None:
    with pytest.raises(kek.WrongKek, match="another row"):
        recovery.RecoveryOpener(KEY).unwrap(ours.wrap(DEK, FACTS), facts)


@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_changed_wrap_is_refused(ours: recovery.RecoveryKey, place: int) -> None:
    blob = bytearray(ours.wrap(DEK, FACTS).blob)
    blob[place] ^= 1
    with pytest.raises(kek.WrongKek):
        recovery.RecoveryOpener(KEY).unwrap(recovery.RecoveryWrap(ours.fingerprint, bytes(blob)), FACTS)


def test_another_recovery_key_is_named_and_not_tried(ours: recovery.RecoveryKey) -> None:
    wrap = recovery.RecoveryWrap("f" * 64, ours.wrap(DEK, FACTS).blob)
    with pytest.raises(kek.WrongKek, match="wrapped for recovery key ffffffffffffffff"):
        recovery.RecoveryOpener(KEY).unwrap(wrap, FACTS)
    with pytest.raises(kek.WrongKek, match="wrapped for no recovery key"):
        recovery.RecoveryOpener(KEY).unwrap(recovery.RecoveryWrap("", b""), FACTS)


def test_no_recovery_key_is_allowed_and_line_ends_may_be_escaped() -> None:
    assert recovery.read_public(" \n") is None
    escaped = recovery.read_public(PUBLIC.replace("\n", "\\n"))
    assert escaped is not None
    assert escaped.fingerprint == recovery.RecoveryOpener(KEY).fingerprint


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (pem(KEY).decode(), "holds a private key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "is not a public key as PEM"),
        (public_of(rsa.generate_private_key(public_exponent=65537, key_size=2048)), "has 2048 bits; 3072"),
        (public_of(ec.generate_private_key(ec.SECP256R1())), "is not an RSA key"),
    ],
    ids=["private", "malformed", "too small", "not RSA"],
)
def test_a_bad_recovery_key_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(kek.KekMisconfigured, match=says) as caught:
        recovery.read_public(text)
    assert text.splitlines()[1] not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "passphrase", "says"),
    [
        (pem(KEY, PASSPHRASE), None, "needs its passphrase"),
        (pem(KEY, PASSPHRASE), b"another", "passphrase is another one"),
        (pem(KEY), PASSPHRASE, "has no passphrase"),
        (b"no PEM at all", None, "no private key as PEM"),
        (pem(ec.generate_private_key(ec.SECP256R1())), None, "not an RSA key"),
    ],
    ids=["no passphrase", "wrong passphrase", "needless passphrase", "no key", "not RSA"],
)
def test_a_private_half_that_does_not_load_is_named(
    content: bytes, passphrase: bytes | None, says: str
) -> None:
    with pytest.raises(kek.KekMisconfigured, match=says):
        recovery.read_private(content, passphrase)


def test_the_private_half_shows_and_copies_nothing() -> None:
    opener = recovery.RecoveryOpener(KEY)
    assert str(KEY.private_numbers().d) not in repr(opener)
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            act(opener)
