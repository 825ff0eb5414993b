"""What a person uploads: PEM, DER, PKCS#7 or PKCS#12, in any order, scarred by mail programs and editors."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key, pkcs7, pkcs12

from certificates.x509.problem import Problem

LARGEST = 256 * 1024
"""The largest upload read, in bytes."""

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 #]+)-----(.*?)(?:-----END \1-----|(?=-----BEGIN )|\Z)", re.DOTALL)
_CERTIFICATES = {"CERTIFICATE", "X509 CERTIFICATE"}
_BUNDLES = {"PKCS7", "CMS", "PKCS #7 SIGNED DATA"}
_REQUESTS = {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}
_PKCS12_VERSION = b"\x02\x01\x03"

PRIVATE_KEY = Problem(
    "private_key",
    "The file contains a private key. Nothing of it was kept.",
    "Upload the certificate alone. Treat that key as exposed if it came by mail.",
)
REQUEST = Problem(
    "signing_request",
    "The file holds the signing request, not the certificate.",
    "Upload what the bank or its authority returned for the request.",
)
UNREADABLE = Problem(
    "unreadable",
    "The file is not a certificate in any form we read (PEM, DER, PKCS#7, PKCS#12).",
    "Save the bank's attachment unchanged, or ask for the certificate as PEM text.",
)
TOO_LARGE = Problem(
    "too_large", "The file is larger than 256 KiB.", "Upload the certificate and its issuers only."
)
EMPTY = Problem("empty", "The file is empty.", "Upload what the bank returned.")
LOCKED = Problem(
    "pkcs12_locked",
    "The PKCS#12 file is locked with a passphrase.",
    "Ask for the certificate as PEM or PKCS#7: the private key is already here and needs no transport.",
)


@dataclass
class Material:
    """Every certificate found, each once, in the order found; and what was wrong with the rest."""

    certificates: list[x509.Certificate] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def _found(self, certificate: x509.Certificate) -> None:
        if not _readable(certificate):
            self._wrong(UNREADABLE)
        elif certificate not in self.certificates:
            self.certificates.append(certificate)

    def _wrong(self, problem: Problem) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def parse(data: bytes) -> Material:
    """Return the certificates in an upload and every problem with it; never raises on bad input.

    Private keys found are named as a problem and dropped.
    """
    material = Material()
    if len(data) > LARGEST:
        material._wrong(TOO_LARGE)
    elif not data.strip():
        material._wrong(EMPTY)
    else:
        _read(data, material)
        if not material.certificates and not material.problems:
            material._wrong(UNREADABLE)
    return material


def _read(data: bytes, material: Material) -> None:
    text = _text(data)
    if text is not None and "-----BEGIN " in text:
        for label, body in _BLOCK.findall(text):
            _read_block(label, body, material)
    elif text is not None and (raw := _unarmoured(text)) is not None:
        _read_binary(raw, material)
    else:
        _read_binary(data, material)


def _text(data: bytes) -> str | None:
    """Return the upload as text, or None for binary. Windows editors save UTF-16, with or without a mark."""
    encoding = "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"-\x00-\x00" in data[:4096]:
        encoding = "utf-16-le" if data.find(b"-\x00-\x00") % 2 == 0 else "utf-16-be"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        # Bag attributes may hold a name in an old code page; armour itself is ASCII.
        return data.decode("latin-1") if b"-----BEGIN " in data else None


def _unarmoured(text: str) -> bytes | None:
    """Return the bytes of a bare base64 body (somebody cut the BEGIN and END lines), else None."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _read_block(label: str, body: str, material: Material) -> None:
    if "PRIVATE KEY" in label:
        material._wrong(PRIVATE_KEY)
    elif label in _REQUESTS:
        material._wrong(REQUEST)
    elif label in _CERTIFICATES | _BUNDLES:
        raw = _unarmoured(body)
        known = raw is not None and any(read(raw, material) for read in (_certificate, _pkcs7))
        if not known:
            material._wrong(UNREADABLE)
    else:
        material._wrong(
            Problem(
                "unknown_block", f"The file holds a “{label}” block.", "Upload certificates only, as PEM."
            )
        )


def _read_binary(raw: bytes, material: Material) -> None:
    readers: tuple[Callable[[bytes, Material], bool], ...] = (
        _certificate,
        _pkcs7,
        _pkcs12,
        _private_key,
        _signing_request,
    )
    if not any(read(raw, material) for read in readers):
        material._wrong(UNREADABLE)


def _certificate(raw: bytes, material: Material) -> bool:
    try:
        certificate = x509.load_der_x509_certificate(raw)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return False
    material._found(certificate)
    return True


def _readable(certificate: x509.Certificate) -> bool:
    # The library decodes these on first use; a damaged one must be found here, not in the middle of a judgement.
    try:
        certificate.public_key()
        _ = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _pkcs7(raw: bytes, material: Material) -> bool:
    try:
        found = pkcs7.load_der_pkcs7_certificates(raw)
    except (ValueError, UnsupportedAlgorithm):
        return False
    for certificate in found:
        material._found(certificate)
    return bool(found)


def _pkcs12(raw: bytes, material: Material) -> bool:
    if _PKCS12_VERSION not in raw[:8]:
        return False
    for passphrase in (None, b""):
        try:
            bundle = pkcs12.load_pkcs12(raw, passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if bundle.key is not None:
            material._wrong(PRIVATE_KEY)
        for item in (bundle.cert, *bundle.additional_certs):
            if item is not None:
                material._found(item.certificate)
        return True
    material._wrong(LOCKED)
    return True


def _private_key(raw: bytes, material: Material) -> bool:
    try:
        load_der_private_key(raw, password=None)
    except (ValueError, UnsupportedAlgorithm):
        return False
    except TypeError:
        pass  # an encrypted private key is a private key
    material._wrong(PRIVATE_KEY)
    return True


def _signing_request(raw: bytes, material: Material) -> bool:
    try:
        x509.load_der_x509_csr(raw)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return False
    material._wrong(REQUEST)
    return True
