"""A certificate as a person reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from certificates.x509.chain import path_from
from certificates.x509.extensions import usages
from certificates.x509.facts import serial, sha1, sha256
from certificates.x509.request import algorithm_of
from certificates.x509.signature import algorithm_name, self_signed
from certificates.x509.subject import common_name_of, pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the console shows of one certificate. Names are (short name, value) pairs, general first.

    Usages are None where the certificate does not restrict them; key identifiers are hex, or empty;
    ``extensions_readable`` is False where they are damaged, and then nothing is known of them.
    """

    common_name: str
    subject: tuple[tuple[str, str], ...]
    issuer: tuple[tuple[str, str], ...]
    serial: str
    begins: datetime
    ends: datetime
    key: str
    signature_algorithm: str
    sha1: str
    sha256: str
    self_signed: bool
    authority: bool
    key_usage: tuple[str, ...] | None
    extended_key_usage: tuple[str, ...] | None
    alternative_names: tuple[str, ...]
    subject_key_id: str
    authority_key_id: str
    extensions_readable: bool


def describe(certificate: x509.Certificate) -> Facts:
    """Return the facts of a certificate that ``parse`` let in."""
    found = usages(certificate)
    return Facts(
        common_name=common_name_of(certificate.subject),
        subject=pairs(certificate.subject),
        issuer=pairs(certificate.issuer),
        serial=serial(certificate),
        begins=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
        key=algorithm_of(certificate.public_key()),
        signature_algorithm=algorithm_name(certificate),
        sha1=sha1(certificate),
        sha256=sha256(certificate),
        self_signed=self_signed(certificate),
        authority=found.authority,
        key_usage=found.key_usage,
        extended_key_usage=found.extended_key_usage,
        alternative_names=found.alternative_names or (),
        subject_key_id=found.subject_key_id,
        authority_key_id=found.authority_key_id,
        extensions_readable=found.readable,
    )


def chain_of(pem: str, chain_pem: str = "") -> tuple[Facts, ...]:
    """Return the facts of a stored certificate and of its issuers, nearest first.

    The root is there only if it was stored: where the last one is not ``self_signed``, its issuer is outside.
    """
    leaf = x509.load_pem_x509_certificate(pem.encode())
    heap = x509.load_pem_x509_certificates(chain_pem.encode()) if chain_pem.strip() else []
    return tuple(describe(item) for item in (leaf, *path_from(leaf, heap).issuers))
