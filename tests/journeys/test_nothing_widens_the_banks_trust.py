"""Nothing widens the bank's trust: a sealed key calls a real TLS server that demands a certificate, and whatever the
environment, another thread, a redirect or a careless caller tries, the one root stays the one root, and the key stays.
"""

from __future__ import annotations

import copy
import os
import pickle
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from audit.models import AuditEntry
from audit.recording import Actor
from bankfeeds.jpmorgan import errors, transport
from bankfeeds.jpmorgan.transport import Reply, Transport
from certificates import custody, identity, operations
from certificates.models import KeyPair
from tests.bankfeeds.jpmorgan.tiny_bank import Asked, Said, TinyBank, said
from tests.bankfeeds.jpmorgan.tiny_bank import Authority as BankAuthority
from tests.certificates.authority import Authority, pem
from tests.detector import leaks
from tests.processes import until

BANK_ROOT = BankAuthority("INVENTED BANK ROOT")
STRANGER = BankAuthority("SOME OTHER ROOT")
OUR_AUTHORITY = Authority("Harbour Test Root (not a bank)")
ACTOR = Actor.task("pull_feeds")
NOW = datetime.now(UTC)  # TLS itself looks at the system's clock

Make = Callable[..., ssl.SSLContext]
Open = Callable[..., TinyBank]


@pytest.fixture
def certified(db: Any) -> Callable[..., KeyPair]:
    """Return a function that makes a key here, has an authority certify it, and installs the certificate."""

    def make(authority: Authority = OUR_AUTHORITY, days: int = 100) -> KeyPair:
        key = operations.generate_csr(
            scope="connection:harbor", use="transport", environment="test", actor=ACTOR, now=NOW
        )
        leaf = authority.sign(key.csr_pem, begins=NOW - timedelta(days=1), ends=NOW + timedelta(days=days))
        operations.install_certificate(
            scope=key.scope, material=pem(leaf, authority.certificate), actor=ACTOR, now=NOW
        )
        return key

    return make


@pytest.fixture
def key(certified: Callable[..., KeyPair]) -> KeyPair:
    return certified()


@pytest.fixture
def context(key: KeyPair) -> ssl.SSLContext:
    return opened(key)


def opened(key: KeyPair, now: datetime = NOW) -> ssl.SSLContext:
    return identity.tls_context(key=key, roots_pem=BANK_ROOT.pem, actor=ACTOR, purpose="pull", now=now)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Open]:
    """Return a function that opens a bank which talks only to holders of our authority's certificates."""
    with ExitStack() as running:

        def start(
            answer: Callable[[Asked], Said] = lambda _: said({"fine": True}),
            root: BankAuthority = BANK_ROOT,
            host: str = "127.0.0.1",
            tls: ssl.TLSVersion | None = None,
        ) -> TinyBank:
            server = TinyBank(
                root.leaf(tmp_path, f"server-{host}", hosts=(host,)),
                answer,
                client_roots=pem(OUR_AUTHORITY.certificate).decode(),
            )
            if tls is not None:
                server.context.minimum_version = server.context.maximum_version = tls
            return running.enter_context(server)

        yield start


def call(context: ssl.SSLContext, bank: TinyBank) -> Reply:
    sender = Transport(context, pinned=[bank.url])
    try:
        return sender.send("GET", bank.url, headers={"Authorization": "Bearer obviously-a-test-token"})
    finally:
        sender.close()


@pytest.fixture
def sender(context: ssl.SSLContext) -> Iterator[Transport]:
    """What a careless caller gets hold of: a transport whose session he may use directly."""
    made = Transport(context, pinned=["https://bank.invalid"])
    yield made
    made.close()


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_bank_sees_our_certificate(
    bank: Open, key: KeyPair, context: ssl.SSLContext, tls: ssl.TLSVersion
) -> None:
    there = bank(tls=tls)
    assert call(context, there).status == 200
    assert [asked.certificate for asked in there.asked] == [key.common_name]


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NOTHING"])
def test_one_root_before_and_one_root_after(
    bank: Open, key: KeyPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    (tmp_path / "stranger.pem").write_text(STRANGER.pem)
    monkeypatch.setenv(variable, str(tmp_path / "stranger.pem"))
    there, impostor = bank(), bank(root=STRANGER)

    context = opened(key)
    roots = [len(context.get_ca_certs())]
    for _ in range(2):
        call(context, there)
        with pytest.raises(transport.UntrustedServer):
            call(context, impostor)
        roots.append(len(context.get_ca_certs()))

    assert (roots, impostor.asked) == ([1, 1, 1], [])


def test_another_host_name_is_not_the_bank(bank: Open, context: ssl.SSLContext) -> None:
    there = bank(host="other.invalid")
    with pytest.raises(transport.UntrustedServer):
        call(context, there)
    assert there.asked == []


def test_tls_1_1_is_not_spoken(bank: Open, context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        there = bank(tls=ssl.TLSVersion.TLSv1_1)
    there.context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(transport.OldProtocol) as refused:
        call(context, there)
    assert "outdated TLS version" in errors.unanswered(refused.value).sentence
    assert there.asked == []


@pytest.fixture
def bystander() -> Iterator[socket.socket]:
    """A host that must hear nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def heard(bystander: socket.socket) -> bool:
    try:
        bystander.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def test_a_proxy_of_the_environment_hears_nothing(
    bank: Open, context: ssl.SSLContext, bystander: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{bystander.getsockname()[1]}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert (call(context, bank()).status, heard(bystander)) == (200, False)


@pytest.mark.parametrize(
    "option", [{"proxies": {"https": "http://127.0.0.1:9"}}, {"verify": False}, {"cert": "/tmp/any.pem"}]
)
@pytest.mark.parametrize("where", ["in the call", "on the session"])
def test_a_careless_caller_is_refused_aloud(sender: Transport, option: dict[str, Any], where: str) -> None:
    if where == "on the session":
        for name, value in option.items():
            setattr(sender._session, name, value)
        option = {}
    with pytest.raises(ValueError, match=r"not called through a proxy|nothing else"):
        sender._session.get("https://bank.invalid", timeout=5, **option)


def test_a_redirect_takes_nothing_to_the_second_host(
    bank: Open, context: ssl.SSLContext, bystander: socket.socket
) -> None:
    elsewhere = f"https://127.0.0.1:{bystander.getsockname()[1]}"
    there = bank(lambda _: Said(status=302, headers={"Location": elsewhere}))
    with pytest.raises(transport.Redirected):
        call(context, there)

    both = Transport(context, pinned=[there.url, elsewhere])
    assert both._session.get(there.url, timeout=5, allow_redirects=True).status_code == 302
    both.close()
    assert heard(bystander) is False


def test_no_key_log_is_written_and_no_netrc_is_read(
    bank: Open, key: KeyPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password obviously-invented\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "secrets.log"))
    there = bank()
    call(opened(key), there)
    assert there.asked[0].headers["authorization"] == "Bearer obviously-a-test-token"
    assert not (tmp_path / "secrets.log").exists()
    ssl.create_default_context(cadata=BANK_ROOT.pem)
    assert (tmp_path / "secrets.log").exists(), "the variable would have worked on an ordinary context"


@pytest.mark.parametrize("act", [pickle.dumps, copy.copy, copy.deepcopy])
def test_nothing_that_holds_the_key_is_pickled_or_copied(
    sender: Transport, context: ssl.SSLContext, act: Callable[[Any], Any]
) -> None:
    session = sender._session
    for thing in (context, sender, session, session.get_adapter("https://bank.invalid/")):
        with pytest.raises(TypeError):
            act(thing)


def test_verification_switched_off_in_one_thread_stays_on_in_the_others(
    bank: Open, context: ssl.SSLContext
) -> None:
    there, impostor = bank(), bank(root=STRANGER)
    together = threading.Barrier(8)

    def careless() -> set[str]:
        sender, outcomes = Transport(context, pinned=[impostor.url]), set()
        together.wait()
        for _ in range(10):
            try:
                outcomes.add(str(sender._session.get(impostor.url, timeout=5, verify=False).status_code))
            except ValueError:
                outcomes.add("refused aloud")
        sender.close()
        return outcomes

    def careful() -> set[str]:
        outcomes = set()
        together.wait()
        for _ in range(10):
            try:
                outcomes.add(str(call(context, impostor).status))
            except transport.UntrustedServer:
                outcomes.add("not trusted")
        return outcomes

    with ThreadPoolExecutor(8) as threads:
        started = [threads.submit(work) for work in [careless, careful] * 4]
        outcomes = set().union(*(one.result() for one in started))
    assert (outcomes, impostor.asked) == ({"refused aloud", "not trusted"}, [])
    assert call(context, there).status == 200


@pytest.mark.django_db(transaction=True)
def test_eight_threads_open_the_key_at_once_and_leave_nothing_open(bank: Open, key: KeyPair) -> None:
    there = bank()

    def use(_: int) -> int:
        try:
            return call(opened(key), there).status
        finally:
            connections.close_all()

    use(0)
    before = descriptors()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(use, range(48))) == [200] * 48

    assert [asked.certificate for asked in there.asked] == [key.common_name] * 49
    assert AuditEntry.objects.filter(verb="certificates.key_used", subject_key=str(key.pk)).count() == 49
    until(lambda: descriptors() <= before, seconds=5, what="as few descriptors as before")


def descriptors() -> int:
    """Return how many are open."""
    connections.close_all()  # SQLite keeps what other threads closed until the last connection to the file goes
    return len(os.listdir("/proc/self/fd"))


def test_the_key_reaches_openssl_encrypted_through_memory_and_no_file(
    key: KeyPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with custody.unseal(key=key, actor=ACTOR, purpose="search", now=NOW) as private:
        searched: Any = private
    written, places, real = bytearray(), set[str](), os.write

    def watching(descriptor: int, content: Any) -> int:
        written.extend(content)
        places.add(os.readlink(f"/proc/self/fd/{descriptor}").split(":")[0])
        return real(descriptor, content)

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(os, "write", watching)
    opened(key)
    monkeypatch.undo()

    assert b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in written
    assert leaks(searched, bytes(written).replace(b"ENCRYPTED PRIVATE KEY", b"")) == []
    assert (places, list(tmp_path.iterdir())) == ({"/memfd"}, [])


def test_an_expired_certificate_is_told_here_before_any_handshake(
    bank: Open, certified: Callable[..., KeyPair]
) -> None:
    there, key = bank(), certified(days=1)
    with pytest.raises(identity.KeyNotUsable, match=r"is valid from .* not now") as refused:
        call(opened(key, NOW + timedelta(days=2)), there)
    assert key.common_name in refused.value.sentence
    assert (there.asked, AuditEntry.objects.filter(verb="certificates.key_used").count()) == ([], 0)


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_the_bank_does_not_know_is_explained_in_a_sentence(
    bank: Open, certified: Callable[..., KeyPair], tls: ssl.TLSVersion
) -> None:
    there = bank(tls=tls)
    unknown = opened(certified(Authority("Nobody's Root (not a bank)")))
    # Under TLS 1.3 the refusal may arrive as a bare end of the connection.
    with pytest.raises((transport.ClientRefused, transport.Unreachable)) as refused:
        call(unknown, there)
    assert "our client certificate" in errors.unanswered(refused.value).sentence
    assert there.asked == []
