"""What a person uploads: PEM, DER, PKCS#7 or PKCS#12, in any order, scarred by mail programs and editors."""

from __future__ import annotations

import base64
import binascii
import re
import warnings
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.utils import CryptographyDeprecationWarning

from certificates.x509 import der
from certificates.x509.private import PRIVATE_KEY, holds_private_key
from certificates.x509.problem import Problem

LARGEST = 256 * 1024
"""The largest upload read, in bytes."""

MOST = 40
"""The most certificates read: every pair of them may have to be compared."""

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 #]+)-----(.*?)(?:-----END \1-----|(?=-----BEGIN )|\Z)", re.DOTALL)
_CERTIFICATES = {"CERTIFICATE", "X509 CERTIFICATE"}
_BUNDLES = {"PKCS7", "CMS", "PKCS #7 SIGNED DATA"}
_REQUESTS = {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}
MOST_PROBLEMS = 20
"""The most problems named: nobody reads more."""

MOST_ROUNDS = 2_000_000
"""The most rounds of key derivation a PKCS#12 file may cost: a hostile one asks for two thousand million."""

_PKCS12_VERSION = b"\x02\x01\x03"
_KEYSTORES = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")

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


PASSPHRASE = Problem(
    "pkcs12_passphrase",
    "The passphrase does not open the PKCS#12 file.",
    "Type it again, or ask for the certificate as PEM or PKCS#7.",
)
COSTLY = Problem(
    "pkcs12_costly",
    "The PKCS#12 file would take minutes to open.",
    "Ask for the certificate as PEM or PKCS#7.",
)
UTF16 = Problem(
    "utf16",
    "The file was saved as UTF-16 (“Unicode” in Windows editors) and was damaged on the way.",
    "Save it again as plain text or UTF-8, or upload the bank's attachment unchanged.",
)
KEYSTORE = Problem(
    "keystore",
    "The file is a Java keystore.",
    "Export the certificate alone: keytool -exportcert -rfc.",
)
TOO_MANY = Problem(
    "too_many",
    f"The file holds more than {MOST} certificates.",
    "Upload the certificate and its issuers only.",
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
            if len(self.certificates) < MOST:
                self.certificates.append(certificate)
            else:
                self._wrong(TOO_MANY)

    def _wrong(self, problem: Problem) -> None:
        if len(self.problems) < MOST_PROBLEMS and problem not in self.problems:
            self.problems.append(problem)


def parse(data: bytes, passphrase: str | bytes | None = None) -> Material:
    """Return the certificates in an upload and every problem with it; never raises on bad input.

    ``passphrase`` opens a PKCS#12 file. Private keys found are named as a problem and dropped.
    """
    material = Material()
    if len(data) > LARGEST:
        material._wrong(TOO_LARGE)
    elif not data.strip(b"\0 \t\r\n\xef\xbb\xbf\xfe\xff"):
        material._wrong(EMPTY)
    else:
        if holds_private_key(data):
            material._wrong(PRIVATE_KEY)
        _read(data, passphrase.encode() if isinstance(passphrase, str) else passphrase, material)
    return material


def _read(data: bytes, passphrase: bytes | None, material: Material) -> None:
    text = decoded(data)
    found: list[Problem] = []
    if text is not None and "-----BEGIN " in text:
        found = [p for label, body in _BLOCK.findall(text) if (p := _read_block(label, body, material))]
    elif not _read_binary((text and unarmoured(text)) or data, passphrase, material):
        found = [UNREADABLE]
    if not (found or material.certificates or material.problems):
        found = [UNREADABLE]
    if PRIVATE_KEY in material.problems:
        # The key may stand under a label of another thing, and be the only thing there.
        found = [problem for problem in found if problem not in (UNREADABLE, REQUEST)]
    damaged = is_utf16(data)
    for problem in found:
        material._wrong(UTF16 if damaged and problem == UNREADABLE else problem)


def is_utf16(data: bytes) -> bool:
    """Say whether the bytes are a text that a Windows editor saved as UTF-16, with or without its mark."""
    return data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"-\0-\0" in data[:4096]


def decoded(data: bytes) -> str | None:
    """Return the upload as text, or None for binary."""
    if is_utf16(data):
        marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        order = "utf-16-le" if data.find(b"-\0-\0") % 2 == 0 else "utf-16-be"
        # A stray byte damages what follows it, not what came before.
        return data.decode("utf-16" if marked else order, errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Bag attributes may hold a name in an old code page; armour itself is ASCII.
        return data.decode("latin-1") if b"-----BEGIN " in data else None


def unarmoured(text: str) -> bytes | None:
    """Return the bytes of a bare base64 body (somebody cut the BEGIN and END lines), else None."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _read_block(label: str, body: str, material: Material) -> Problem | None:
    if "PRIVATE KEY" in label:
        return PRIVATE_KEY
    if label in _REQUESTS:
        return REQUEST
    if label in _CERTIFICATES | _BUNDLES:
        raw = unarmoured(body)
        known = raw is not None and any(read(raw, material) for read in (_certificate, _pkcs7))
        return None if known else UNREADABLE
    return Problem("unknown_block", f"The file holds a “{label}” block.", "Upload certificates only, as PEM.")


def _read_binary(raw: bytes, passphrase: bytes | None, material: Material) -> bool:
    """Read one file's bytes, or several DER certificates one behind the other; say whether they made sense."""
    if raw.startswith(_KEYSTORES):
        material._wrong(KEYSTORE)
        return True
    parts = der.sequences(raw) or [raw]
    return all(
        _certificate(part, material)
        or _pkcs7(part, material)
        or _pkcs12(part, passphrase, material)
        or _signing_request(part, material)
        for part in parts
    )


def _certificate(raw: bytes, material: Material) -> bool:
    try:
        with warnings.catch_warnings():
            # The library warns of serial numbers that are not positive; the gate refuses those by name.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = pkcs7.load_der_pkcs7_certificates(raw)
    except (ValueError, UnsupportedAlgorithm):
        return False
    for certificate in found:
        material._found(certificate)
    return bool(found)


def _pkcs12(raw: bytes, passphrase: bytes | None, material: Material) -> bool:
    if _PKCS12_VERSION not in raw[:8]:
        return False
    if der.rounds(raw) > MOST_ROUNDS:
        material._wrong(COSTLY)
        return True
    for secret in dict.fromkeys((passphrase, None, b"")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                bundle = pkcs12.load_pkcs12(raw, secret)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if bundle.key is not None:
            material._wrong(PRIVATE_KEY)
        for item in (bundle.cert, *bundle.additional_certs):
            if item is not None:
                material._found(item.certificate)
        return True
    material._wrong(PASSPHRASE if passphrase else LOCKED)
    return True


def _signing_request(raw: bytes, material: Material) -> bool:
    try:
        x509.load_der_x509_csr(raw)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return False
    material._wrong(REQUEST)
    return True
