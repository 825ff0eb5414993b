"""The key detector finds every kind of planted leak and does not cry at what is public."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.detector import leaks, planted

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
LEAKS = planted(KEY)


@pytest.mark.parametrize("kind", LEAKS)
def test_a_planted_leak_is_found(kind: str) -> None:
    assert leaks(KEY, b"before " + LEAKS[kind] + b" after") != []


def test_what_is_public_is_no_leak() -> None:
    public = KEY.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert leaks(KEY, pem + der + der.hex().encode() + str(public.public_numbers().n).encode()) == []


def test_another_key_is_not_ours() -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert leaks(KEY, planted(other)["DER"]) == []
