"""A private key in every disguise in which one reaches a form or an upload."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

LOCK = BestAvailableEncryption(b"obviously")


def _bytes(key: Any, encoding: Encoding, form: PrivateFormat, lock: Any = None) -> bytes:
    written: bytes = key.private_bytes(encoding, form, lock or NoEncryption())
    return written


def _number(value: int) -> str:
    return (
        base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
    )


def disguises(key: Any, ec_key: Any, certificate: x509.Certificate) -> dict[str, bytes]:
    """Return an RSA and an EC key in every form, by name. The certificate belongs to the RSA key."""
    pem = _bytes(key, Encoding.PEM, PrivateFormat.PKCS8)
    der = _bytes(key, Encoding.DER, PrivateFormat.PKCS8)
    old = _bytes(key, Encoding.DER, PrivateFormat.TraditionalOpenSSL)
    sec1 = _bytes(ec_key, Encoding.DER, PrivateFormat.TraditionalOpenSSL)
    body = b"\n".join(pem.splitlines()[1:-1])
    whole = body.replace(b"\n", b"")
    short = b"\n".join(whole[at : at + 6] for at in range(0, len(whole), 6))
    numbers = key.private_numbers()
    jwk = {"kty": "RSA", "n": _number(numbers.public_numbers.n), "e": "AQAB", "d": _number(numbers.d)}
    return {
        "PKCS#8 PEM": pem,
        "PKCS#1 PEM": _bytes(key, Encoding.PEM, PrivateFormat.TraditionalOpenSSL),
        "SEC 1 PEM": _bytes(ec_key, Encoding.PEM, PrivateFormat.TraditionalOpenSSL),
        "encrypted PEM": _bytes(key, Encoding.PEM, PrivateFormat.PKCS8, LOCK),
        "OpenSSH": _bytes(ec_key, Encoding.PEM, PrivateFormat.OpenSSH),
        "PKCS#8 DER": der,
        "PKCS#1 DER": old,
        "SEC 1 DER": sec1,
        "PKCS#8 DER of an EC key": _bytes(ec_key, Encoding.DER, PrivateFormat.PKCS8),
        "encrypted DER": _bytes(key, Encoding.DER, PrivateFormat.PKCS8, LOCK),
        "DER with something behind it": der + b"\r\n",
        "DER cut short": der[:-200],
        "PKCS#12": pkcs12.serialize_key_and_certificates(None, key, certificate, None, NoEncryption()),
        "base64 in one line": base64.b64encode(der),
        "base64 in lines": body,
        "base64 in lines, cut short": b"\n".join(body.splitlines()[:-5]),
        "base64 of SEC 1": base64.b64encode(sec1),
        "base64 of encrypted DER": base64.encodebytes(_bytes(key, Encoding.DER, PrivateFormat.PKCS8, LOCK)),
        "base64 in short lines": short,
        "labelled as a certificate, in short lines": b"-----BEGIN CERTIFICATE-----\n"
        + short
        + b"\n-----END CERTIFICATE-----\n",
        "base64 under a letter": b"Dear bank,\nhere is what you asked for:\n\n"
        + body
        + b"\n\nKind regards\n",
        "base64 in a setting": b"KEY=" + base64.b64encode(old),
        "labelled as a certificate": pem.replace(b"PRIVATE KEY", b"CERTIFICATE"),
        "labelled as a request": pem.replace(b"PRIVATE KEY", b"CERTIFICATE REQUEST"),
        "without its last line": pem.rstrip().removesuffix(b"-----END PRIVATE KEY-----"),
        "dashes turned into one long one": pem.decode().replace("-----", "—").encode(),
        "in small letters": pem.replace(b"BEGIN PRIVATE KEY", b"begin private key"),
        "UTF-16": pem.decode().encode("utf-16"),
        "UTF-16 big end first, no mark": pem.decode().encode("utf-16-be"),
        "UTF-32": pem.decode().encode("utf-32"),
        "inside JSON": json.dumps({"private": pem.decode()}).encode(),
        "JWK": json.dumps(jwk).encode(),
        "JWK set": json.dumps({"keys": [jwk]}, indent=2).encode(),
        "JWK inside JSON": json.dumps({"note": json.dumps(jwk)}).encode(),
        "PuTTY": b"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nPrivate-Lines: 1\nAAAA\n",
        "XML": b"<RSAKeyValue><Modulus>AA</Modulus><D>AA</D></RSAKeyValue>",
        "PVK": b"\x1e\xf1\xb5\xb0" + bytes(20),
        "behind a certificate": certificate.public_bytes(Encoding.PEM) + pem,
        "behind a certificate, bare": certificate.public_bytes(Encoding.PEM) + b"\n" + body,
        "behind a certificate, as DER": certificate.public_bytes(Encoding.DER) + der,
    }
