"""The facts of a certificate that are searched for, shown, or sent to the bank."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization


def sha1(certificate: x509.Certificate) -> str:
    """Return the SHA-1 of the DER, 40 upper-case hex digits: the bank's ``kid``."""
    # The bank names keys by this fingerprint; nothing is secured by it.
    return certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303


def sha256(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the DER, 64 lower-case hex digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def serial(certificate: x509.Certificate) -> str:
    """Return the serial number in lower-case hex (up to 40 digits: too long for any integer column)."""
    return f"{certificate.serial_number:x}"


def pem(*certificates: x509.Certificate) -> str:
    """Return the certificates as PEM text in the given order."""
    return "".join(item.public_bytes(serialization.Encoding.PEM).decode("ascii") for item in certificates)


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether ``issuer``'s name and key stand behind ``certificate``."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def self_signed(certificate: x509.Certificate) -> bool:
    """Say whether the certificate is signed by its own key."""
    return certificate.subject == certificate.issuer and issued_by(certificate, certificate)
