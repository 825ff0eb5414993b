"""The simulated bank's private certificate authority: root, server certificate, signing of CSRs."""

from __future__ import annotations

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_NAME = "SIMULATED BANK PRIVATE CA"
LONGEST_VALIDITY = timedelta(days=731)
SMALLEST_RSA = 2048
SUBJECT_FIELDS = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
}
FORBIDDEN_IN_NAME = ("J.P. Morgan", "Expires")
ACCEPTED_HASHES = ("sha256", "sha384", "sha512")


class CsrRefused(Exception):
    """The bank refuses a certificate signing request; `reasons` names everything that is wrong with it."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = reasons
        super().__init__(" ".join(reasons))


def pem(certificate: x509.Certificate) -> str:
    """Return the certificate as PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def thumbprint(der: bytes) -> str:
    """Return the SHA-1 of a DER certificate as 40 upper-case hex characters: the bank's name for it."""
    digest = hashes.Hash(hashes.SHA1())  # noqa: S303 - an identifier the protocol prescribes
    digest.update(der)
    return digest.finalize().hex().upper()


def read_csr(csr_pem: str) -> x509.CertificateSigningRequest:
    """Parse and check a request. Raises CsrRefused with every reason at once."""
    try:
        csr = x509.load_pem_x509_csr(csr_pem.encode())
    except ValueError:
        raise CsrRefused(["The text is not a PEM certificate signing request."]) from None
    reasons = [*_key_problems(csr), *_subject_problems(csr)]
    if reasons:
        raise CsrRefused(reasons)
    return csr


def _key_problems(csr: x509.CertificateSigningRequest) -> list[str]:
    problems = []
    key = csr.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        problems.append("The key must be an RSA key.")
    elif key.key_size < SMALLEST_RSA:
        problems.append(f"The RSA key has {key.key_size} bits; at least {SMALLEST_RSA} are required.")
    try:
        algorithm = csr.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if algorithm is None or algorithm.name not in ACCEPTED_HASHES:
        problems.append("The request must be signed with a SHA-2 hash.")
    try:
        valid = csr.is_signature_valid
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        valid = False
    if not valid:
        problems.append("The request's own signature does not verify.")
    return problems


def _subject_problems(csr: x509.CertificateSigningRequest) -> list[str]:
    problems = []
    for label, oid in SUBJECT_FIELDS.items():
        values = [str(attribute.value).strip() for attribute in csr.subject.get_attributes_for_oid(oid)]
        if not values or not all(values):
            problems.append(f"The subject lacks {label}.")
    name = common_name(csr.subject).lower()
    problems += [
        f'The common name must not contain "{word}".' for word in FORBIDDEN_IN_NAME if word.lower() in name
    ]
    return problems


def common_name(subject: x509.Name) -> str:
    """Return the subject's common name, or an empty string."""
    found = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


class Authority:
    """One private CA. Keep it for as long as certificates it signed must be accepted."""

    def __init__(self, key: rsa.RSAPrivateKey, root: x509.Certificate) -> None:
        self._key = key
        self.root = root
        self.root_pem = pem(root)

    @classmethod
    def create(cls, *, now: datetime) -> Authority:
        """Make a new CA with a ten-year root."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SIMULATED BANK (NOT A BANK)"),
                x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY_NAME),
            ]
        )
        usage = _usage(digital_signature=False, certificate_signing=True)
        start = now - timedelta(days=1)
        builder = _builder(name, name, key.public_key(), start, start + timedelta(days=3650), usage, ca=True)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        return cls(key, builder.sign(key, hashes.SHA256()))

    @classmethod
    def load_or_create(cls, directory: Path, *, now: datetime) -> Authority:
        """Load the CA kept in `directory`, or make one and keep it there (key readable by its owner only)."""
        key_file, root_file = directory / "authority.key", directory / "authority.pem"
        if key_file.exists() and root_file.exists():
            key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
            if not isinstance(key, rsa.RSAPrivateKey):
                raise ValueError(f"{key_file} does not hold the simulated authority's RSA key.")
            return cls(key, x509.load_pem_x509_certificate(root_file.read_bytes()))
        made = cls.create(now=now)
        directory.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(_key_pem(made._key))
        root_file.write_text(made.root_pem)
        return made

    def issue(
        self, csr: x509.CertificateSigningRequest, *, not_before: datetime, not_after: datetime
    ) -> x509.Certificate:
        """Sign a client certificate for a request `read_csr` accepted. Raises CsrRefused beyond two years."""
        if not_after - not_before > LONGEST_VALIDITY:
            raise CsrRefused(["A client certificate is valid for at most two years."])
        if not_after <= not_before:
            raise CsrRefused(["A certificate must end after it begins."])
        usage = _usage(digital_signature=True, certificate_signing=False)
        builder = _builder(
            csr.subject, self.root.subject, csr.public_key(), not_before, not_after, usage, ca=False
        )
        return self._sign_leaf(builder, ExtendedKeyUsageOID.CLIENT_AUTH)

    def server_identity(self, *, now: datetime) -> str:
        """Return key and certificate (one PEM text) of a server at localhost and 127.0.0.1, for 90 days."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        usage = _usage(digital_signature=True, certificate_signing=False)
        start = now - timedelta(hours=1)
        builder = _builder(
            subject, self.root.subject, key.public_key(), start, start + timedelta(days=90), usage, ca=False
        )
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return _key_pem(key).decode() + pem(self._sign_leaf(builder, ExtendedKeyUsageOID.SERVER_AUTH))

    def _sign_leaf(
        self, builder: x509.CertificateBuilder, purpose: x509.ObjectIdentifier
    ) -> x509.Certificate:
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        return builder.add_extension(issuer_key, critical=False).sign(self._key, hashes.SHA256())


def _key_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _usage(*, digital_signature: bool, certificate_signing: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificate_signing,
        crl_sign=certificate_signing,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: object,
    not_before: datetime,
    not_after: datetime,
    usage: x509.KeyUsage,
    *,
    ca: bool,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before.astimezone(UTC))
        .not_valid_after(not_after.astimezone(UTC))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(usage, critical=True)
    )
