"""Uses of a key, never the key: a TLS context that holds it, or a signature made with it."""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn, Protocol

from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from django.views.decorators.debug import sensitive_variables

from audit.recording import Actor
from audit.workflow import OperationRefused
from certificates import custody, x509
from certificates.models import LIVE, Certificate, KeyPair

_JWA = {"ec-p256": "ES256", "ec-p384": "ES384"}
_NOEXEC_SEAL = 0x8  # MFD_NOEXEC_SEAL: hardened kernels demand it, older ones do not know it


class KeyNotUsable(OperationRefused):
    """The key is in a state, or its certificate past a date, in which it must not be used."""


class NoTrustRoots(OperationRefused):
    """There is no root to trust, or what was given as one is not a certificate."""


class Signer(Protocol):
    """The door to a signing key, wherever it is held: sealed here, or one day in a key service that signs itself."""

    @property
    def algorithm(self) -> str:
        """Return the signature's name in JOSE: RS256, ES256 or ES384."""

    @property
    def kid(self) -> str:
        """Return how the bank knows the key: the SHA-1 of its certificate, 40 upper-case hex digits."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature as JWS wants it. Each call is a use of its own, recorded before it happens."""


@sensitive_variables()
def tls_context(
    *, key: KeyPair | None, roots_pem: str, actor: Actor, purpose: str, now: datetime
) -> ssl.SSLContext:
    """Return a client context, TLS 1.2 or newer, that trusts ``roots_pem`` alone and presents ``key``.

    Without a key it presents none and nothing is recorded. Raises NoTrustRoots, KeyNotUsable, CustodyFailed;
    and RuntimeError inside a transaction, because the record of the use must be committed before the key is
    opened.
    """
    context = _bare_context(roots_pem)
    if key is None:
        return context
    current = _usable(key, now)
    chain = pyca.load_pem_x509_certificates((current.pem + current.chain_pem).encode())
    with custody.unseal(key=current.key, actor=actor, purpose=purpose, now=now) as private:
        _load(context, private, chain)
    return context


@sensitive_variables()
def sign(*, key: KeyPair, message: bytes, actor: Actor, purpose: str, now: datetime) -> bytes:
    """Return the signature of ``message`` as JWS wants it: RS256, or ES256/ES384 as raw r‖s.

    Raises KeyNotUsable, CustodyFailed; and RuntimeError inside a transaction, as ``tls_context`` does.
    """
    current = _usable(key, now)
    with custody.unseal(key=current.key, actor=actor, purpose=purpose, now=now) as private:
        if isinstance(private, rsa.RSAPrivateKey):
            return private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return _raw_ecdsa(private, message)


def signer(*, key: KeyPair, actor: Actor, purpose: str, clock: Callable[[], datetime]) -> Signer:
    """Return a signer that opens the sealed key anew for every signature; ``clock`` says when each happens.

    Nothing is opened or recorded yet. Raises KeyNotUsable.
    """
    current = _usable(key, clock())
    algorithm = _JWA.get(current.key.algorithm, "RS256")
    return _SealedSigner(algorithm, current.sha1, current.key, actor, purpose, clock)


@dataclass(frozen=True, slots=True, repr=False)
class _SealedSigner:
    algorithm: str
    kid: str
    _key: KeyPair
    _actor: Actor
    _purpose: str
    _clock: Callable[[], datetime]

    def sign(self, message: bytes) -> bytes:
        return sign(
            key=self._key, message=message, actor=self._actor, purpose=self._purpose, now=self._clock()
        )

    def __repr__(self) -> str:
        return f"<Signer {self.algorithm} {self.kid}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer is neither serialisable nor copyable")


def thumbprint(key: KeyPair) -> str:
    """Return the SHA-1 of the certificate's DER, 40 upper-case hex digits: the ``kid`` of our assertions."""
    certificate = Certificate.objects.filter(key_id=key.pk).first()
    if certificate is None:
        raise KeyNotUsable(f"{key.common_name} has no certificate yet.")
    return certificate.sha1


def _usable(key: KeyPair, now: datetime) -> Certificate:
    # Read again: the caller's copy may be older than somebody's click on "compromised".
    try:
        certificate = Certificate.objects.select_related("key").get(key_id=key.pk)
    except Certificate.DoesNotExist:
        raise KeyNotUsable(f"{key.common_name} has no certificate yet.") from None
    if certificate.key.state not in LIVE:
        raise KeyNotUsable(f"{key.common_name} is {certificate.key.state.replace('_', ' ')} and is not used.")
    if not certificate.in_date(now=now):
        raise KeyNotUsable(
            f"The certificate of {key.common_name} is valid from {certificate.not_before:%Y-%m-%d} "
            f"to {certificate.not_after:%Y-%m-%d}, not now."
        )
    return certificate


def _bare_context(roots_pem: str) -> ssl.SSLContext:
    if "-----BEGIN CERTIFICATE-----" not in roots_pem:
        raise NoTrustRoots("No trust root is configured: give the bank's root certificate as PEM.")
    # Not create_default_context: that one adds the system's roots and honours SSLKEYLOGFILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=roots_pem)
    except (ssl.SSLError, ValueError):
        raise NoTrustRoots("The configured trust roots are not readable as PEM certificates.") from None
    return context


@sensitive_variables()
def _load(context: ssl.SSLContext, private: x509.PrivateKey, chain: Sequence[pyca.Certificate]) -> None:
    passphrase = secrets.token_urlsafe(32).encode()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
    pem += x509.pem(*chain).encode()  # leaf first
    descriptor, path = _nameless_file()
    try:
        _write_all(descriptor, pem)
        context.load_cert_chain(path, password=passphrase)
    except ssl.SSLError:
        raise KeyNotUsable("The key and its certificate do not load together.") from None
    finally:
        os.close(descriptor)
        if not path.startswith("/proc/"):
            os.unlink(path)


def _nameless_file() -> tuple[int, str]:
    """Return a descriptor and its path: in memory where possible, else a private file the caller unlinks."""
    if not hasattr(os, "memfd_create"):
        return tempfile.mkstemp(prefix="identity-")
    try:
        descriptor = os.memfd_create("identity", os.MFD_CLOEXEC | _NOEXEC_SEAL)
    except OSError:
        descriptor = os.memfd_create("identity", os.MFD_CLOEXEC)
    return descriptor, f"/proc/self/fd/{descriptor}"


@sensitive_variables()
def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


@sensitive_variables()
def _raw_ecdsa(private: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    size = (private.curve.key_size + 7) // 8
    digest = hashes.SHA256() if size == 32 else hashes.SHA384()
    r, s = decode_dss_signature(private.sign(message, ec.ECDSA(digest)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")
