"""What an error reporter collects when custody fails: every local of every frame, and no key in any of them.

Reporters of the kind of Sentry take the locals of all frames, whatever is marked as sensitive, and the bytes in them.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from types import TracebackType
from typing import Any, NoReturn

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from audit.recording import Actor
from certificates import custody, kek, x509
from certificates.kek import env
from certificates.kek.recovery import RecoveryOpener
from certificates.models import KeyEnvelope, KeyPair
from certificates.wrapping import wrapping
from tests.certificates.operations.sealed import seal_key
from tests.detector import leaks

RECOVERY = rsa.generate_private_key(public_exponent=65537, key_size=3072)


def report(act: Callable[[], object], expected: type[Exception]) -> bytes:
    """Return what a reporter would send about the failure of ``act``: this test's own frame is left out."""
    try:
        act()
    except expected as error:
        return b"\n".join(collected(error))
    raise AssertionError("nothing failed")


def collected(error: BaseException) -> Iterator[bytes]:
    seen: BaseException | None = error
    while seen is not None:
        yield repr(seen).encode()
        trace = seen.__traceback__
        yield from locals_of(trace.tb_next if trace and seen is error else trace)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def locals_of(trace: TracebackType | None) -> Iterator[bytes]:
    while trace is not None:
        for name, value in trace.tb_frame.f_locals.items():
            yield name.encode()
            yield from shown(value)
        trace = trace.tb_next


def shown(value: Any, depth: int = 0) -> Iterator[bytes]:
    if isinstance(value, bytes | bytearray | memoryview):
        yield bytes(value)
    elif isinstance(value, dict) and depth < 4:
        for part in (*value, *value.values()):
            yield from shown(part, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset) and depth < 4:
        for part in value:
            yield from shown(part, depth + 1)
    else:
        yield repr(value).encode()
        if hasattr(value, "__dict__") and depth < 3:
            yield from shown(vars(value), depth + 1)


def pkcs8(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def planted(db: None, rsa_key: RSAPrivateKey, now: datetime, settings: Any) -> KeyEnvelope:
    """A row that holds ``rsa_key``, which is not the half of its public key: it opens, and is refused after that."""
    public = RECOVERY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    settings.RECOVERY_PUBLIC_KEY = public.decode()
    row = KeyEnvelope.objects.select_related("key").get(key=seal_key(now))
    KeyEnvelope.objects.filter(pk=row.pk).delete()
    custody.seal_into(row, pkcs8(rsa_key), now=now)
    row.save(force_insert=True)
    return row


def test_the_reporter_of_this_test_would_find_a_key(rsa_key: RSAPrivateKey) -> None:
    def careless() -> NoReturn:
        der = {"inner": [pkcs8(rsa_key)]}
        raise ValueError(len(der))

    assert leaks(rsa_key, report(careless, ValueError)) != []


FAILURES: dict[str, Callable[[KeyEnvelope, datetime], object]] = {
    "unseal": lambda row, now: custody.unseal(
        key=row.key, actor=Actor.command("test"), purpose="test", now=now
    ),
    "check": lambda row, now: custody.check(row),
    "recover": lambda row, now: custody.recover(row, RecoveryOpener(RECOVERY), custody.provider()),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_key_that_is_not_its_rows_is_in_no_report(
    name: str, planted: KeyEnvelope, rsa_key: RSAPrivateKey, now: datetime
) -> None:
    assert leaks(rsa_key, report(lambda: FAILURES[name](planted, now), custody.KeyMismatch)) == []


def test_a_seal_that_does_not_open_is_in_no_report(
    planted: KeyEnvelope, rsa_key: RSAPrivateKey, now: datetime, settings: Any
) -> None:
    ring = settings.KEK_KEYRING
    fresh = os.urandom(32)
    settings.KEK_KEYRING = "test1:" + base64.b64encode(fresh).decode()
    settings.KEK_KEYRING += f",{ring.replace('test1', 'test2')}"
    settings.KEK_ACTIVE = "test2"
    deeds = [
        *FAILURES.values(),
        lambda row, now: custody.open_row(row),
        lambda row, now: wrapping().apply(row),
    ]
    for deed in (deeds[0], deeds[1], deeds[3], deeds[4]):
        sent = report(lambda deed=deed: deed(planted, now), custody.CustodyFailed)
        assert leaks(rsa_key, sent) == []
        assert fresh not in sent
        assert bytes(range(32)) not in sent


def test_a_provider_that_breaks_in_an_unforeseen_way_leaves_no_key_in_the_report(
    db: None, rsa_key: RSAPrivateKey, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: Any) -> NoReturn:
        raise OSError("the key service cannot be reached")

    seal_key(now)  # the version is in use
    key = KeyPair(use="oauth", spki_sha256=x509.spki_sha256(rsa_key.public_key()))
    monkeypatch.setattr(env.Keyring, "wrap", no_network)
    sent = report(lambda: custody.seal(key=key, private=rsa_key, now=now), OSError)
    assert b"plaintext" not in sent.split(b"\n")
    assert leaks(rsa_key, sent) == []


def test_a_bad_keyring_is_named_without_its_keys(planted: KeyEnvelope, now: datetime, settings: Any) -> None:
    secret = base64.b64encode(os.urandom(31)).decode()
    settings.KEK_KEYRING = f"test1:{secret}"
    with pytest.raises(custody.CustodyFailed) as caught:
        custody.check(planted)
    assert (secret in str(caught.value), isinstance(caught.value.__context__, kek.KekError)) == (False, True)
