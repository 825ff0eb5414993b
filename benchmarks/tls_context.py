"""A TLS context from a sealed key, beside OpenSSL's own load of the same key and chain, in one run.

OpenSSL's own load is what a product without custody would do: a context with the same root, and ``load_cert_chain``
of the same PEM, in the clear and under a passphrase. The extra beyond the second is the price of custody: reading the
rows, the audit entry committed first, opening the envelope, and encrypting the key anew for OpenSSL.
"""

from __future__ import annotations

import os
import secrets
import ssl
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from django.db import transaction

from audit.recording import Actor, record
from certificates import custody, identity, operations
from certificates.models import KeyPair

ACTOR = Actor.command("bench")
NOW = datetime.now(UTC)
PASSPHRASE = secrets.token_urlsafe(32).encode()
TARGET = 5.0
"""Milliseconds beyond OpenSSL's own load."""


def run(*, turns: int) -> Iterator[dict[str, Any]]:
    """Yield one row per measurement: what, median milliseconds, ratio to OpenSSL's load of the encrypted PEM."""
    root_pem, key, leaf_pem = _installed()
    with custody.unseal(key=key, actor=ACTOR, purpose="bench", now=NOW) as private:
        clear = _memory(private, NoEncryption(), leaf_pem)
        locked = _memory(private, BestAvailableEncryption(PASSPHRASE), leaf_pem)
    try:
        times = _interleaved(
            turns,
            {
                "plain": lambda: _openssl(root_pem, clear, None),
                "locked": lambda: _openssl(root_pem, locked, PASSPHRASE),
                "audit": lambda: _audit_entry(key),
                "ours": lambda: _ours(root_pem, key),
            },
        )
    finally:
        os.close(clear)
        os.close(locked)
    floor = times["locked"]
    extra = times["ours"] - floor
    yield _row("OpenSSL's own: context, load of the PEM in the clear", times["plain"], floor)
    yield _row("OpenSSL's own: context, load of the encrypted PEM", floor, floor)
    yield _row("TLS context from the sealed key, use recorded first", times["ours"], floor)
    yield _row(f"extra beyond OpenSSL's own (at most {TARGET:.0f} ms)", extra, floor)
    yield _row("of it: the audit entry, committed", times["audit"], floor)
    yield _row("of it: everything else", extra - times["audit"], floor)


def _row(what: str, milliseconds: float, floor: float) -> dict[str, Any]:
    return {"what": what, "milliseconds": milliseconds, "ratio": milliseconds / floor}


def _interleaved(turns: int, works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median milliseconds of each work; they take turns, so that a busy machine slows all alike."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(turns):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            taken[name].append((time.perf_counter() - began) * 1000)
    return {name: statistics.median(found) for name, found in taken.items()}


def _openssl(root_pem: str, descriptor: int, passphrase: bytes | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=root_pem)
    context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=passphrase)
    return context


def _ours(root_pem: str, key: KeyPair) -> ssl.SSLContext:
    return identity.tls_context(key=key, roots_pem=root_pem, actor=ACTOR, purpose="bench", now=NOW)


def _audit_entry(key: KeyPair) -> None:
    with transaction.atomic(durable=True):
        record(verb="bench.key_used", actor=ACTOR, subject=key, now=NOW, data={"purpose": "bench"})


def _memory(private: Any, encryption: KeySerializationEncryption, leaf_pem: bytes) -> int:
    descriptor = os.memfd_create("bench", os.MFD_CLOEXEC)
    os.write(descriptor, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption) + leaf_pem)
    return descriptor


def _installed() -> tuple[str, KeyPair, bytes]:
    """Return a root, and a key made and sealed here with the certificate that root issued for it."""
    authority = ec.generate_private_key(ec.SECP256R1())
    name = pyca.Name([pyca.NameAttribute(pyca.NameOID.COMMON_NAME, "Bench Root (not a bank)")])
    constraints = pyca.BasicConstraints(ca=True, path_length=None)
    root = _certificate(name, name, authority.public_key(), authority, constraints)
    key = operations.generate_csr(
        scope="connection:bench", use="transport", environment="test", actor=ACTOR, now=NOW
    )
    request = pyca.load_pem_x509_csr(key.csr_pem.encode())
    usage = pyca.ExtendedKeyUsage([pyca.ExtendedKeyUsageOID.CLIENT_AUTH])
    leaf = _certificate(request.subject, name, request.public_key(), authority, usage)
    leaf_pem = leaf.public_bytes(Encoding.PEM)
    root_pem = root.public_bytes(Encoding.PEM)
    operations.install_certificate(scope=key.scope, material=leaf_pem + root_pem, actor=ACTOR, now=NOW)
    return root_pem.decode(), key, leaf_pem


def _certificate(
    subject: pyca.Name, issuer: pyca.Name, public: Any, signer: Any, extension: pyca.ExtensionType
) -> pyca.Certificate:
    builder = (
        pyca.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(pyca.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=300))
        .add_extension(extension, critical=False)
    )
    return builder.sign(signer, hashes.SHA256())
