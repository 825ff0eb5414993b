"""Keys, signing requests, and certificates a key signs for itself."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from certificates.x509.subject import Subject

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_RSA = {"rsa-2048": 2048, "rsa-3072": 3072, "rsa-4096": 4096}
_EC: dict[str, ec.EllipticCurve] = {"ec-p256": ec.SECP256R1(), "ec-p384": ec.SECP384R1()}
ALGORITHMS = (*_RSA, *_EC)
"""The names of every kind of key we can make; a bank's profile admits some of them."""

BACKDATED = timedelta(minutes=5)
"""How far before now a self-signed certificate begins: the bank's clock may be behind ours."""

_SIGNS = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
_CLIENT_AUTH = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])


class UnknownAlgorithm(ValueError):
    """No kind of key goes by this name."""


def make_key(algorithm: str) -> PrivateKey:
    """Return a fresh private key of one of ``ALGORITHMS``. Raises UnknownAlgorithm."""
    if algorithm in _RSA:
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA[algorithm])
    if algorithm in _EC:
        return ec.generate_private_key(_EC[algorithm])
    raise UnknownAlgorithm(f"“{algorithm}” is not one of {', '.join(ALGORITHMS)}")


def make_csr(key: PrivateKey, subject: Subject, *, client_auth: bool) -> x509.CertificateSigningRequest:
    """Return the request for ``subject``, signed with SHA-256, with digitalSignature and maybe clientAuth."""
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject.name())
        .add_extension(_SIGNS, critical=True)
    )
    if client_auth:
        request = request.add_extension(_CLIENT_AUTH, critical=False)
    return request.sign(key, hashes.SHA256())


def self_sign(
    key: PrivateKey, subject: Subject, *, days: int, now: datetime, client_auth: bool
) -> x509.Certificate:
    """Return a certificate for ``subject`` signed by its own ``key``: no authority, ``days`` from ``now``.

    For test environments, whose bank accepts it. Raises ValueError for fewer than one day.
    """
    if days < 1:
        raise ValueError("A certificate is valid for one day at least.")
    begins = now.replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject.name())
        .issuer_name(subject.name())
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins - BACKDATED)
        .not_valid_after(begins + timedelta(days=days) - BACKDATED)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SIGNS, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if client_auth:
        certificate = certificate.add_extension(_CLIENT_AUTH, critical=False)
    return certificate.sign(key, hashes.SHA256())


def csr_pem(request: x509.CertificateSigningRequest) -> str:
    """Return the request as PEM text."""
    return request.public_bytes(serialization.Encoding.PEM).decode("ascii")


def spki_sha256(key: PublicKeyTypes) -> str:
    """Return the SHA-256 of the DER SubjectPublicKeyInfo, 64 hex digits: what identifies a key pair."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def algorithm_of(key: PublicKeyTypes) -> str:
    """Return the algorithm's name as in ``ALGORITHMS``, or a description of one we do not make."""
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        known = {curve.name: name for name, curve in _EC.items()}
        return known.get(key.curve.name, f"ec-{key.curve.name}")
    return type(key).__name__
