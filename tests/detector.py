"""Finds a private key in anything: raw, hex, decimal, base64 at every alignment, PEM, wrapped or escaped.

Needles are pieces of the private numbers only, so a certificate or CSR of the same key is not mistaken for a leak.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

WORDS = (b"PRIVATE KEY", b'"kty"')


def needles(key: RSAPrivateKey) -> frozenset[bytes]:
    """Return the byte strings of which none may appear anywhere."""
    numbers = key.private_numbers()
    found: set[bytes] = set()
    for value in (numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp):
        raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
        found |= set(_pieces(raw, 24, 12)) | set(_pieces(raw[::-1], 24, 12))
        found |= set(_pieces(raw.hex().encode(), 40, 20)) | set(_pieces(raw.hex().upper().encode(), 40, 20))
        found |= set(_pieces(raw.hex(":").encode(), 60, 30)) | set(
            _pieces(raw.hex(":").upper().encode(), 60, 30)
        )
        found |= set(_pieces(str(value).encode(), 40, 20))
        for offset in range(3):
            encoded = base64.b64encode(raw[offset:]).rstrip(b"=")[:-2]
            found |= set(_pieces(encoded, 28, 14))
            found |= set(_pieces(encoded.replace(b"+", b"-").replace(b"/", b"_"), 28, 14))
    return frozenset(found)


def leaks(key: RSAPrivateKey, sink: bytes) -> list[str]:
    """Return how the key shows in ``sink``; an empty list means it does not."""
    wanted = needles(key)
    found = []
    for name, view in _views(sink):
        if any(needle in view for needle in wanted):
            found.append(f"a private number, {name}")
        found += [f"the words {word.decode()}, {name}" for word in WORDS if word in view]
    return sorted(set(found))


def _pieces(whole: bytes, length: int, stride: int) -> Iterator[bytes]:
    if len(whole) <= length:
        yield whole
        return
    for start in range(0, len(whole) - length + 1, stride):
        yield whole[start : start + length]


def _views(sink: bytes) -> Iterator[tuple[str, bytes]]:
    yield "as it stands", sink
    yield "unwrapped", re.sub(rb"(\\r|\\n|\s|\"|')+", b"", sink)
    yield "percent-decoded", _percent(sink)
    for start in [m.start() for m in re.finditer(rb"x[\x01\x9c\xda]", sink)][:20000]:
        try:
            inner = zlib.decompressobj().decompress(sink[start:], 1 << 22)
        except zlib.error:
            continue
        if len(inner) > 32:
            yield "compressed", inner


def _percent(sink: bytes) -> bytes:
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m.group(1), 16)]), sink)


def planted(key: RSAPrivateKey) -> dict[str, bytes]:
    """Return one leak of every kind the detector must find, by name."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    numbers = key.private_numbers()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    old = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    body = b"".join(pem.splitlines()[1:-1])
    d = numbers.d.to_bytes(256, "big")
    jwk = base64.urlsafe_b64encode(d).rstrip(b"=")
    return {
        "PKCS#8 PEM": pem,
        "PKCS#1 PEM": old,
        "PEM body in one line": b"x" + body,
        "PEM inside JSON": json.dumps({"note": "\n".join(pem.decode().splitlines()[1:-1])}).encode(),
        "DER": der,
        "DER base64, shifted": base64.b64encode(b"!" + der),
        "DER base64url, shifted": base64.urlsafe_b64encode(b"!!" + der),
        "DER hex": der.hex().encode(),
        "DER hex upper": der.hex().upper().encode(),
        "d with colons": d.hex(":").encode(),
        "d decimal": str(numbers.d).encode(),
        "p decimal in a repr": f"RSAPrivateNumbers(p={numbers.p}, q={numbers.q})".encode(),
        "d as JWK": b'{"d":"' + jwk + b'"}',
        "p raw": b"\0\0" + numbers.p.to_bytes(128, "big"),
        "q little endian": numbers.q.to_bytes(128, "little"),
        "percent-encoded": "".join(f"%{byte:02X}" for byte in der).encode(),
        "compressed": b"abc" + zlib.compress(der),
    }
