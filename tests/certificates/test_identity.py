"""Uses of a key against a real TLS server that demands a client certificate, and signatures somebody else checks."""

from __future__ import annotations

import copy
import dataclasses
import os
import pickle
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509 as pyca
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.db import DatabaseError, connection

from audit.models import AuditEntry
from audit.recording import Actor
from certificates import identity, operations, profiles, vault, x509
from certificates.models import Certificate, KeyPair
from tests.certificates.authority import SERVER, Authority, name, pem

Install = Callable[..., Certificate]


@pytest.fixture
def now() -> datetime:
    """TLS itself looks at the system's clock."""
    return datetime.now(UTC)


@pytest.fixture
def signing(now: datetime) -> dict[str, Any]:
    return {"begins": now - timedelta(days=1), "ends": now + timedelta(days=100)}


@dataclass
class Server:
    """A TLS server that demands a client certificate and notes whose it saw."""

    port: int
    seen: list[str] = field(default_factory=list)
    chains: list[int] = field(default_factory=list)


def serve(tmp_path: Path, root: Authority, version: ssl.TLSVersion, now: datetime) -> Iterator[Server]:
    key = ec.generate_private_key(ec.SECP256R1())
    alternative = pyca.SubjectAlternativeName([pyca.DNSName("localhost")])
    leaf = root.certify(
        key.public_key(),
        subject=name("localhost"),
        begins=now - timedelta(days=1),
        ends=now + timedelta(days=10),
        extensions=((alternative, False), (pyca.ExtendedKeyUsage(SERVER), False)),
    )
    combined = tmp_path / f"server-{version.name}.pem"
    combined.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + pem(leaf))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(combined)
    context.load_verify_locations(cadata=pem(root.certificate).decode())
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = version
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1])
    thread = threading.Thread(target=answer, args=(listener, context, server))
    thread.start()
    yield server
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def answer(listener: socket.socket, context: ssl.SSLContext, server: Server) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(plain, server_side=True) as secure:
                der = secure.getpeercert(binary_form=True) or b""
                server.seen.append(x509.sha1(pyca.load_der_x509_certificate(der)))
                secure.sendall(b"hello")
        except OSError:
            server.seen.append("refused")


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, root: Authority, now: datetime
) -> Iterator[Server]:
    yield from serve(tmp_path, root, request.param, now)


def call(context: ssl.SSLContext, port: int, host: str = "localhost") -> bytes:
    plain = socket.create_connection(("127.0.0.1", port), timeout=5)
    with plain, context.wrap_socket(plain, server_hostname=host) as secure:
        return secure.recv(5)


@pytest.fixture
def key(install: Install, signing: dict[str, Any]) -> KeyPair:
    return install(signing=signing, use="transport").key


@pytest.fixture
def make(root: Authority, actor: Actor, now: datetime) -> Callable[..., ssl.SSLContext]:
    def build(key: KeyPair | None, roots: str | None = None) -> ssl.SSLContext:
        return identity.tls_context(
            key=key,
            roots_pem=pem(root.certificate).decode() if roots is None else roots,
            actor=actor,
            purpose="test call",
            now=now,
        )

    return build


def test_the_server_sees_our_certificate_with_its_chain(server: Server, key: KeyPair, make: Any) -> None:
    # The server trusts the root alone: without the intermediate it would refuse.
    assert (call(make(key), server.port), server.seen) == (b"hello", [identity.thumbprint(key)])


def test_without_a_key_the_server_refuses(server: Server, make: Any, db: Any) -> None:
    with pytest.raises(OSError, match=r"(?i)certificate required|alert|EOF|reset|closed"):
        if not call(make(None), server.port):
            raise ConnectionError("closed")
    assert server.seen == ["refused"]


def test_another_root_or_host_is_not_trusted(server: Server, key: KeyPair, make: Any) -> None:
    stranger = pem(Authority("Stranger Root").certificate).decode()
    with pytest.raises(ssl.SSLCertVerificationError):
        call(make(key, stranger), server.port)
    with pytest.raises(ssl.SSLCertVerificationError):
        call(make(key), server.port, host="bank.example")


def test_only_the_given_roots_are_trusted_and_verification_is_on(
    key: KeyPair, make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", ssl.get_default_verify_paths().openssl_cafile)
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "secrets"))
    context = make(key)
    assert (
        len(context.get_ca_certs()),
        context.verify_mode,
        context.check_hostname,
        context.minimum_version,
        context.keylog_filename,
    ) == (1, ssl.CERT_REQUIRED, True, ssl.TLSVersion.TLSv1_2, None)


@pytest.mark.parametrize(
    "roots", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_no_roots_no_context(make: Any, roots: str, db: Any) -> None:
    with pytest.raises(identity.NoTrustRoots):
        make(None, roots)


def test_no_descriptor_and_no_file_is_left(key: KeyPair, make: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    make(key)
    before = set(os.listdir("/proc/self/fd"))
    contexts = [make(key) for _ in range(10)]
    assert (len(contexts), len(os.listdir("/proc/self/fd")) - len(before), list(tmp_path.iterdir())) == (
        10,
        0,
        [],
    )


@pytest.mark.parametrize("absent", ["flag", "memfd"])
def test_systems_without_the_newest_calls_work_too(
    key: KeyPair, make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, absent: str, server: Server
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    real = os.memfd_create

    def older(label: str, flags: int) -> int:
        if flags & 0x8:
            raise OSError(22, "Invalid argument")
        return real(label, flags)

    if absent == "flag":
        monkeypatch.setattr(os, "memfd_create", older)
    else:
        monkeypatch.delattr(os, "memfd_create")
    assert (call(make(key), server.port), list(folder.iterdir())) == (b"hello", [])


def test_what_is_written_for_openssl_is_encrypted(
    key: KeyPair, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, real = bytearray(), os.write

    def watching(descriptor: int, content: Any) -> int:
        written.extend(content)
        return real(descriptor, content)

    monkeypatch.setattr(os, "write", watching)
    make(key)
    assert (b"BEGIN ENCRYPTED PRIVATE KEY" in written, b"BEGIN PRIVATE KEY" in written) == (True, False)


def test_each_use_is_recorded_with_its_purpose(key: KeyPair, make: Any) -> None:
    make(None)
    make(key)
    entries = AuditEntry.objects.filter(verb="certificates.key_used")
    assert [(entry.subject_key, '"purpose":"test call"' in entry.data) for entry in entries] == [
        (str(key.pk), True)
    ]


def test_a_signature_verifies_with_the_certificate(key: KeyPair, now: datetime, actor: Actor) -> None:
    signature = identity.sign(key=key, message=b"header.claims", actor=actor, purpose="test", now=now)
    public: Any = pyca.load_pem_x509_certificate(key.certificate.pem.encode()).public_key()
    public.verify(signature, b"header.claims", padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"header.other", padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(("algorithm", "jws"), [("ec-p256", "ES256"), ("ec-p384", "ES384")])
def test_elliptic_curve_signatures_are_raw_as_jws_wants_them(algorithm: str, jws: str) -> None:
    private: Any = x509.make_key(algorithm)
    signature = identity._raw_ecdsa(private, b"header.claims")
    verifier = jwt.get_algorithm_by_name(jws)
    assert verifier.verify(b"header.claims", private.public_key(), signature)


@pytest.fixture
def ec_allowed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that has the test bank's profile ask for another kind of key."""

    def allow(algorithm: str) -> None:
        rules = dataclasses.replace(profiles.PROFILES["test"], algorithm=algorithm, algorithms=(algorithm,))
        monkeypatch.setitem(profiles.PROFILES, "test", rules)

    return allow


@pytest.mark.parametrize(
    ("algorithm", "jws"), [("rsa-2048", "RS256"), ("ec-p256", "ES256"), ("ec-p384", "ES384")]
)
def test_a_signer_says_how_it_signs_and_somebody_else_verifies_it(
    algorithm: str, jws: str, ec_allowed: Any, install: Install, signing: Any, now: datetime, actor: Actor
) -> None:
    ec_allowed(algorithm)
    certificate = install(signing=signing)
    signer = identity.signer(key=certificate.key, actor=actor, purpose="token", clock=lambda: now)
    public: Any = pyca.load_pem_x509_certificate(certificate.pem.encode()).public_key()
    verifier = jwt.get_algorithm_by_name(jws)
    assert (signer.algorithm, signer.kid) == (jws, identity.thumbprint(certificate.key))
    assert verifier.verify(b"header.claims", public, signer.sign(b"header.claims"))


def test_each_signature_is_a_use_of_its_own_at_its_own_time(
    key: KeyPair, now: datetime, actor: Actor
) -> None:
    times = iter([now, now + timedelta(minutes=1), now + timedelta(minutes=2)])
    signer = identity.signer(key=key, actor=actor, purpose="token", clock=lambda: next(times))
    assert uses() == []
    signer.sign(b"one")
    signer.sign(b"two")
    told = [(entry.actor_kind, entry.actor_key, entry.subject_key, entry.data, entry.at) for entry in uses()]
    facts = '{"kek_version":"test1","provider":"env","purpose":"token"}'
    assert told == [
        ("command", "test", str(key.pk), facts, now + timedelta(minutes=minutes)) for minutes in (1, 2)
    ]


def test_a_signer_does_not_outlive_its_key(key: KeyPair, now: datetime, actor: Actor) -> None:
    signer = identity.signer(key=key, actor=actor, purpose="token", clock=lambda: now)
    operations.mark_compromised(pk=key.pk, actor=actor, now=now, reason="laptop lost")
    with pytest.raises(identity.KeyNotUsable, match="compromised"):
        signer.sign(b"m")
    with pytest.raises(identity.KeyNotUsable, match="compromised"):
        identity.signer(key=key, actor=actor, purpose="token", clock=lambda: now)
    assert uses() == []


def test_a_signer_is_not_copied_and_shows_only_public_facts(
    key: KeyPair, now: datetime, actor: Actor
) -> None:
    signer = identity.signer(key=key, actor=actor, purpose="token", clock=lambda: now)
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            act(signer)
    assert repr(signer) == f"<Signer RS256 {identity.thumbprint(key)}>"


USES: dict[str, Callable[[KeyPair, str, Actor, datetime], Any]] = {
    "a TLS context": lambda key, roots, actor, now: identity.tls_context(
        key=key, roots_pem=roots, actor=actor, purpose="test", now=now
    ),
    "a signature": lambda key, roots, actor, now: identity.sign(
        key=key, message=b"m", actor=actor, purpose="test", now=now
    ),
    "a signer's signature": lambda key, roots, actor, now: identity.signer(
        key=key, actor=actor, purpose="test", clock=lambda: now
    ).sign(b"m"),
}


def uses() -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(verb="certificates.key_used").order_by("number"))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, int]]:
    """At each opening of an envelope: whether a transaction was still open, and how many uses were recorded."""
    moments: list[tuple[bool, int]] = []
    real = vault.open_sealed

    def noting(*given: Any) -> bytes:
        moments.append((connection.in_atomic_block, len(uses())))
        return real(*given)

    monkeypatch.setattr(vault, "open_sealed", noting)
    return moments


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("use", USES)
def test_a_use_is_recorded_and_committed_before_the_key_is_opened(
    use: str, opened: list[tuple[bool, int]], key: KeyPair, root: Authority, actor: Actor, now: datetime
) -> None:
    USES[use](key, pem(root.certificate).decode(), actor, now)
    assert opened == [(False, 1)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("use", USES)
def test_a_use_that_cannot_be_recorded_does_not_happen(
    use: str, opened: list[tuple[bool, int]], key: KeyPair, root: Authority, actor: Actor, now: datetime
) -> None:
    with connection.cursor() as cursor:  # the chain cannot be written any more
        cursor.execute("ALTER TABLE audit_chainhead RENAME TO audit_chainhead_away")
    try:
        with pytest.raises(DatabaseError, match="audit_chainhead"):
            USES[use](key, pem(root.certificate).decode(), actor, now)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_chainhead_away RENAME TO audit_chainhead")
    assert (opened, uses()) == ([], [])


def test_the_thumbprint_is_the_sha1_of_the_der_in_capitals(key: KeyPair, request_key: Any) -> None:
    certificate = pyca.load_pem_x509_certificate(key.certificate.pem.encode())
    assert identity.thumbprint(key) == certificate.fingerprint(hashes.SHA1()).hex().upper()
    with pytest.raises(identity.KeyNotUsable, match="no certificate yet"):
        identity.thumbprint(request_key("connection:bare"))


def test_keys_without_or_past_their_certificate_are_not_used(
    key: KeyPair, request_key: Any, now: datetime, actor: Actor
) -> None:
    attempts = [
        (request_key("connection:bare"), now),
        (key, now + timedelta(days=101)),
        (key, now - timedelta(days=2)),
    ]
    for candidate, at in attempts:
        with pytest.raises(identity.KeyNotUsable):
            identity.sign(key=candidate, message=b"m", actor=actor, purpose="test", now=at)
    assert not AuditEntry.objects.filter(verb="certificates.key_used").exists()


def test_a_click_on_compromised_counts_for_copies_in_memory(
    key: KeyPair, now: datetime, actor: Actor
) -> None:
    operations.mark_compromised(pk=key.pk, actor=actor, now=now, reason="laptop lost")
    assert key.state == "active"
    with pytest.raises(identity.KeyNotUsable, match="compromised"):
        identity.sign(key=key, message=b"m", actor=actor, purpose="test", now=now)
