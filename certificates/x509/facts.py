"""The facts of a certificate that are searched for, shown, or sent to the bank."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from certificates.x509 import der


def sha1(certificate: x509.Certificate) -> str:
    """Return the SHA-1 of the DER, 40 upper-case hex digits: the bank's ``kid``."""
    # The bank names keys by this fingerprint; nothing is secured by it.
    return certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303


def sha256(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the DER, 64 lower-case hex digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def serial_number(certificate: x509.Certificate) -> int:
    """Return the serial number, negative and zero ones too (the library warns of those, and means to raise)."""
    fields = next(der.values(certificate.tbs_certificate_bytes))[1]
    content = next(content for tag, content, _ in der.values(fields) if tag == der.INTEGER)
    return int.from_bytes(content, "big", signed=True)


def serial(certificate: x509.Certificate) -> str:
    """Return the serial number in lower-case hex (up to 40 digits: too long for any integer column)."""
    return f"{serial_number(certificate):x}"


def pem(*certificates: x509.Certificate) -> str:
    """Return the certificates as PEM text in the given order."""
    return "".join(item.public_bytes(serialization.Encoding.PEM).decode("ascii") for item in certificates)
