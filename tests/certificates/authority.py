"""A certificate authority for tests: signs requests well, and badly on request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
BEGINS = datetime(2026, 5, 1, tzinfo=UTC)
ENDS = BEGINS + timedelta(days=365)


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def usage(*, digital_signature: bool = True, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(digital_signature, False, False, False, False, key_cert_sign, False, False, False)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(item.public_bytes(Encoding.PEM) for item in certificates)


class Authority:
    """An issuer: a root of its own, or beneath ``parent``."""

    def __init__(
        self,
        common_name: str,
        parent: Authority | None = None,
        *,
        key: Any = None,
        ca: bool = True,
        begins: datetime = BEGINS - timedelta(days=3650),
        ends: datetime = BEGINS + timedelta(days=7300),
    ) -> None:
        self.name = name(common_name)
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.parent = parent
        signer = parent or self
        builder = self._builder(self.name, self.key.public_key(), signer.name, begins, ends)
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
        builder = builder.add_extension(usage(key_cert_sign=ca), critical=True)
        self.certificate = builder.sign(signer.key, hashes.SHA256())

    def sign(
        self,
        csr: str | x509.CertificateSigningRequest,
        *,
        begins: datetime = BEGINS,
        ends: datetime = ENDS,
        subject: x509.Name | None = None,
        serial: int | None = None,
        extensions: tuple[tuple[x509.ExtensionType, bool], ...] | None = None,
        algorithm: Any = None,
    ) -> x509.Certificate:
        """Return a certificate for the request; every default is what a good authority would do."""
        request = x509.load_pem_x509_csr(csr.encode()) if isinstance(csr, str) else csr
        return self.certify(
            request.public_key(),
            subject=subject or request.subject,
            begins=begins,
            ends=ends,
            serial=serial,
            extensions=extensions,
            algorithm=algorithm,
        )

    def certify(
        self,
        public_key: Any,
        *,
        subject: x509.Name,
        begins: datetime = BEGINS,
        ends: datetime = ENDS,
        serial: int | None = None,
        extensions: tuple[tuple[x509.ExtensionType, bool], ...] | None = None,
        algorithm: Any = None,
    ) -> x509.Certificate:
        builder = self._builder(subject, public_key, self.name, begins, ends, serial)
        wanted = (
            ((usage(), True), (x509.ExtendedKeyUsage(CLIENT), False)) if extensions is None else extensions
        )
        for extension, critical in wanted:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, algorithm or hashes.SHA256())

    @staticmethod
    def _builder(
        subject: x509.Name,
        public_key: Any,
        issuer: x509.Name,
        begins: datetime,
        ends: datetime,
        serial: int | None = None,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
        )
