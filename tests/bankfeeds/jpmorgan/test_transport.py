"""The strict adapter, against real TLS: trust is not widened, nothing leaves the host or is kept."""

import gzip
import logging
import os
import pickle
import ssl
import subprocess
import sys
import threading
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest
import requests

from bankfeeds.jpmorgan import transport
from bankfeeds.jpmorgan.transport import Transport
from tests.bankfeeds.jpmorgan.conftest import strict_context
from tests.bankfeeds.jpmorgan.tiny_bank import Asked, Authority, Said, TinyBank, said

Start = Callable[..., TinyBank]
PLAIN = {"Accept": "application/json"}


def fine(_: Asked) -> Said:
    return said({"fine": True})


@pytest.fixture
def to() -> Iterator[Callable[..., Transport]]:
    """Return a function that makes a transport; all are closed at the end."""
    made: list[Transport] = []

    def make(context: ssl.SSLContext, *urls: str, **options: object) -> Transport:
        made.append(Transport(context, pinned=urls, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


Make = Callable[..., Transport]


def test_a_whole_answer_comes_back(tiny_bank: Start, to: Make, context: ssl.SSLContext) -> None:
    bank = tiny_bank(lambda asked: said({"at": asked.path}, status=404, X_Trace_Id="t-1"))

    reply = to(context, bank.url).send("GET", f"{bank.url}/here", headers=PLAIN, params={"a": "1,2"})

    assert (reply.status, reply.body, reply.headers["x-trace-id"]) == (404, b'{"at": "/here"}', "t-1")
    assert (bank.asked[0].method, bank.asked[0].path, bank.asked[0].query) == ("GET", "/here", {"a": ["1,2"]})


def test_a_form_and_a_json_body_are_sent_as_such(tiny_bank: Start, to: Make, context: ssl.SSLContext) -> None:
    bank = tiny_bank(fine)
    sender = to(context, bank.url)

    sender.send(
        "POST", bank.url, headers=PLAIN, form={"grant_type": "client_credentials", "resource": "a:b c"}
    )
    sender.send("POST", bank.url, headers=PLAIN, json={"startDate": "2026-01-05"})

    form, body = bank.asked
    assert (form.headers["content-type"], form.form) == (
        "application/x-www-form-urlencoded",
        {"grant_type": "client_credentials", "resource": "a:b c"},
    )
    assert (body.headers["content-type"], body.body) == ("application/json", b'{"startDate": "2026-01-05"}')


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_client_certificate_is_shown(
    tiny_bank: Start, to: Make, client_context: ssl.SSLContext, authority: Authority, version: ssl.TLSVersion
) -> None:
    bank = tiny_bank(fine, client_roots=authority.pem)
    bank.context.minimum_version = bank.context.maximum_version = version

    to(client_context, bank.url).send("GET", bank.url, headers=PLAIN)

    assert bank.asked[0].certificate == "harbor-kettle-client"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_bank_that_wants_a_certificate_refuses_us_without(
    tiny_bank: Start, to: Make, context: ssl.SSLContext, authority: Authority, version: ssl.TLSVersion
) -> None:
    bank = tiny_bank(fine, client_roots=authority.pem)
    bank.context.minimum_version = bank.context.maximum_version = version

    # Under TLS 1.3 the refusal may arrive as a bare end of the connection.
    with pytest.raises((transport.ClientRefused, transport.Unreachable)):
        to(context, bank.url).send("GET", bank.url, headers=PLAIN)
    assert bank.asked == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NOTHING"])
def test_the_roots_are_never_widened(
    tiny_bank: Start, to: Make, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, certifi.where())
    bank = tiny_bank(fine)
    sender = to(context, bank.url)

    for _ in range(2):
        sender.send("GET", bank.url, headers=PLAIN)

    roots: list[Any] = context.get_ca_certs()
    assert [root["subject"] for root in roots] == [((("commonName", "INVENTED BANK ROOT"),),)]


def test_another_authoritys_server_is_not_the_bank(tiny_bank: Start, to: Make, authority: Authority) -> None:
    bank = tiny_bank(fine)
    stranger = strict_context(Authority("SOME OTHER ROOT").pem)

    with pytest.raises(transport.UntrustedServer):
        to(stranger, bank.url).send("GET", bank.url, headers=PLAIN)
    assert bank.asked == []


def test_another_hosts_certificate_is_not_the_banks(
    tiny_bank: Start, to: Make, context: ssl.SSLContext, authority: Authority, tmp_path: Path
) -> None:
    bank = tiny_bank(fine, authority.leaf(tmp_path, "other", hosts=("other.invalid",)))

    with pytest.raises(transport.UntrustedServer):
        to(context, bank.url).send("GET", bank.url, headers=PLAIN)
    assert bank.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    tiny_bank: Start, to: Make, client_context: ssl.SSLContext, authority: Authority, status: int
) -> None:
    elsewhere = tiny_bank(fine, client_roots=authority.pem, demand=False)
    bank = tiny_bank(lambda _: Said(status=status, headers={"Location": elsewhere.url}))

    with pytest.raises(transport.Redirected):
        to(client_context, bank.url, elsewhere.url).send(
            "GET", bank.url, headers=PLAIN | {"Authorization": "Bearer obviously-a-test-token"}
        )
    assert elsewhere.asked == []


def test_the_session_itself_follows_no_redirect(tiny_bank: Start, to: Make, context: ssl.SSLContext) -> None:
    elsewhere = tiny_bank(fine)
    bank = tiny_bank(lambda _: Said(status=302, headers={"Location": elsewhere.url}))
    sender = to(context, bank.url, elsewhere.url)

    response = sender._session.get(bank.url, timeout=5, allow_redirects=True)

    assert (response.status_code, response.history, elsewhere.asked) == (302, [], [])


def test_what_a_redirect_carries_is_not_read(tiny_bank: Start, to: Make, context: ssl.SSLContext) -> None:
    packed = gzip.compress(bytes(64 * 1024 * 1024))
    headers = {"Location": "https://elsewhere.invalid", "Content-Encoding": "gzip"}
    bank = tiny_bank(lambda _: Said(status=302, body=packed, headers=headers))
    sender = to(context, bank.url)

    tracemalloc.start()
    try:
        with pytest.raises(transport.Redirected):
            sender.send("GET", bank.url, headers=PLAIN)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


def test_a_bank_that_speaks_only_old_tls_is_not_spoken_to(
    tiny_bank: Start, to: Make, client_context: ssl.SSLContext, authority: Authority
) -> None:
    bank = tiny_bank(fine, client_roots=authority.pem)
    bank.context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        bank.context.minimum_version = ssl.TLSVersion.TLSv1
        bank.context.maximum_version = ssl.TLSVersion.TLSv1_1

    # Not our certificate's fault, and not to be called so.
    with pytest.raises(transport.OldProtocol):
        to(client_context, bank.url).send("GET", bank.url, headers=PLAIN)
    assert bank.asked == []


def test_an_alert_that_is_not_about_us_does_not_blame_our_certificate() -> None:
    def alert(reason: str) -> ssl.SSLError:
        error = ssl.SSLError(1, f"[SSL: {reason}] obviously invented")
        error.reason = reason
        return error

    kinds = {
        reason: type(transport._translated(alert(reason)))
        for reason in (
            "TLSV13_ALERT_CERTIFICATE_REQUIRED",
            "SSLV3_ALERT_CERTIFICATE_EXPIRED",
            "TLSV1_ALERT_UNKNOWN_CA",
            "SSLV3_ALERT_HANDSHAKE_FAILURE",
            "TLSV1_ALERT_PROTOCOL_VERSION",
            "TLSV1_ALERT_INTERNAL_ERROR",
            "TLSV1_UNRECOGNIZED_NAME",
        )
    }
    assert kinds == {
        "TLSV13_ALERT_CERTIFICATE_REQUIRED": transport.ClientRefused,
        "SSLV3_ALERT_CERTIFICATE_EXPIRED": transport.ClientRefused,
        "TLSV1_ALERT_UNKNOWN_CA": transport.ClientRefused,
        "SSLV3_ALERT_HANDSHAKE_FAILURE": transport.ClientRefused,
        "TLSV1_ALERT_PROTOCOL_VERSION": transport.OldProtocol,
        "TLSV1_ALERT_INTERNAL_ERROR": transport.Unreachable,
        "TLSV1_UNRECOGNIZED_NAME": transport.Unreachable,
    }


@pytest.mark.parametrize(
    "url",
    [
        "https://bank.invalid/x",
        "https://127.0.0.1/x",
        "https://127.0.0.1:1/x",
        "http://127.0.0.1:{port}/x",
        "https://127.0.0.1:{port}@elsewhere.invalid/x",
        "https://elsewhere.invalid@127.0.0.1:{port}/x",
        "https://127.0.0.1.elsewhere.invalid:{port}/x",
        "https://localhost:{port}/x",
    ],
)
def test_only_the_pinned_scheme_host_and_port_are_called(
    tiny_bank: Start, to: Make, context: ssl.SSLContext, url: str
) -> None:
    bank = tiny_bank(fine)

    with pytest.raises(transport.OffLimits):
        to(context, bank.url).send("GET", url.format(port=bank.port), headers=PLAIN)
    assert bank.asked == []


def test_the_environments_proxy_and_credentials_are_ignored(
    tiny_bank: Start, to: Make, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password obviously-invented\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    bank = tiny_bank(fine)

    to(context, bank.url).send("GET", bank.url, headers=PLAIN)

    assert "authorization" not in bank.asked[0].headers


def test_cookies_are_not_kept(tiny_bank: Start, to: Make, context: ssl.SSLContext) -> None:
    bank = tiny_bank(lambda _: said({}, Set_Cookie="session=obviously-invented; Path=/"))
    sender = to(context, bank.url)

    for _ in range(2):
        sender.send("GET", bank.url, headers=PLAIN)

    assert ["cookie" in asked.headers for asked in bank.asked] == [False, False]


KEY_LOG = """
import ssl, sys
from bankfeeds.jpmorgan.transport import Transport
from tests.bankfeeds.jpmorgan.conftest import strict_context
sender = Transport(strict_context(open(sys.argv[1]).read()), pinned=[sys.argv[2]])
print(sender.send("GET", sys.argv[2], headers={}).status)
sender.close()
"""


def test_no_key_log_is_written_whatever_the_environment_says(
    tiny_bank: Start, authority: Authority, tmp_path: Path
) -> None:
    bank = tiny_bank(fine)
    (tmp_path / "roots.pem").write_text(authority.pem)

    done = subprocess.run(
        [sys.executable, "-c", KEY_LOG, str(tmp_path / "roots.pem"), bank.url],
        env=os.environ | {"SSLKEYLOGFILE": str(tmp_path / "keys.log"), "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "200\n"
    assert not (tmp_path / "keys.log").exists()


def loose(change: Callable[[ssl.SSLContext], None]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    change(context)
    return context


def without_verification(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def without_host_name(context: ssl.SSLContext) -> None:
    context.check_hostname = False


def with_any_version(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED


@pytest.mark.parametrize("change", [without_verification, without_host_name, with_any_version])
def test_a_loose_context_is_refused(change: Callable[[ssl.SSLContext], None]) -> None:
    with pytest.raises(ValueError, match="The TLS context must"):
        Transport(loose(change), pinned=["https://bank.invalid"])


def test_a_context_with_a_key_log_is_refused(context: ssl.SSLContext, tmp_path: Path) -> None:
    context.keylog_filename = str(tmp_path / "keys.log")

    with pytest.raises(ValueError, match="no key log"):
        Transport(context, pinned=["https://bank.invalid"])


@pytest.mark.parametrize("option", [{"verify": False}, {"verify": "/tmp"}, {"cert": "/tmp/any.pem"}])
def test_no_call_can_change_what_is_trusted(
    tiny_bank: Start, to: Make, context: ssl.SSLContext, option: dict[str, object]
) -> None:
    bank = tiny_bank(fine)
    sender = to(context, bank.url)

    with pytest.raises(ValueError, match="nothing else"):
        sender._session.get(bank.url, timeout=5, **option)  # type: ignore[arg-type]
    assert bank.asked == []


def test_no_call_goes_through_a_proxy(to: Make, context: ssl.SSLContext) -> None:
    sender = to(context, "https://bank.invalid")

    with pytest.raises(ValueError, match="not called through a proxy"):
        sender._session.get("https://bank.invalid", timeout=5, proxies={"https": "http://127.0.0.1:9"})


def test_nothing_that_holds_the_context_can_be_pickled(to: Make, context: ssl.SSLContext) -> None:
    sender = to(context, "https://bank.invalid")

    for thing in (sender, sender._session, sender._session.get_adapter("https://bank.invalid/")):
        with pytest.raises(TypeError, match="not serialisable"):
            pickle.dumps(thing)


@pytest.mark.parametrize(
    "answer",
    [
        Said(body=b"x" * 100, cut=10),
        Said(body=b"x" * 100, cut=10, chunked=True),
        Said(body=b"x" * 100, cut=0),
        Said(body=b"not gzip at all", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_an_answer_cut_short_is_no_answer(
    tiny_bank: Start, to: Make, context: ssl.SSLContext, answer: Said
) -> None:
    bank = tiny_bank(lambda _: answer)

    with pytest.raises(transport.Unreachable):
        to(context, bank.url).send("GET", bank.url, headers=PLAIN)


def test_a_chunked_and_a_packed_answer_come_whole(
    tiny_bank: Start, to: Make, context: ssl.SSLContext
) -> None:
    answers = iter(
        [
            Said(body=b"x" * 200_000, chunked=True),
            Said(body=gzip.compress(b"y" * 200_000), headers={"Content-Encoding": "gzip"}),
        ]
    )
    bank = tiny_bank(lambda _: next(answers))
    sender = to(context, bank.url)

    assert [sender.send("GET", bank.url, headers=PLAIN).body for _ in range(2)] == [
        b"x" * 200_000,
        b"y" * 200_000,
    ]


@pytest.mark.parametrize(
    "answer",
    [
        Said(body=b"x" * 70_000),
        Said(body=b"x" * 70_000, chunked=True),
        Said(body=gzip.compress(b"x" * 5_000_000), headers={"Content-Encoding": "gzip"}),
    ],
)
def test_an_answer_over_the_limit_is_given_up(
    tiny_bank: Start, to: Make, context: ssl.SSLContext, answer: Said
) -> None:
    bank = tiny_bank(lambda _: answer)

    with pytest.raises(transport.TooLarge):
        to(context, bank.url, limit=65_536).send("GET", bank.url, headers=PLAIN)


def test_a_silent_bank_is_given_up(tiny_bank: Start, to: Make, context: ssl.SSLContext) -> None:
    enough = threading.Event()

    def silent(_: Asked) -> Said:
        enough.wait(5)
        return said({})

    bank = tiny_bank(silent)

    with pytest.raises(transport.Unreachable):
        to(context, bank.url, timeout=(1, 0.2)).send("GET", bank.url, headers=PLAIN)
    enough.set()


def test_an_answer_that_never_ends_is_given_up(
    tiny_bank: Start, to: Make, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "ANSWER_SECONDS", 0)
    bank = tiny_bank(lambda _: Said(body=b"x" * 200_000))

    with pytest.raises(transport.Unreachable, match="did not end in time"):
        to(context, bank.url).send("GET", bank.url, headers=PLAIN)


def test_a_bank_that_is_not_there_is_unreachable(to: Make, context: ssl.SSLContext) -> None:
    with pytest.raises(transport.Unreachable):
        to(context, "https://127.0.0.1:9").send("GET", "https://127.0.0.1:9/", headers=PLAIN)


def test_neither_logs_nor_errors_hold_the_account_number_of_an_address(
    tiny_bank: Start, to: Make, context: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    bank = tiny_bank(fine)
    asked = {"accountIds": "000000700100200"}

    with caplog.at_level(logging.DEBUG):
        to(context, bank.url).send("GET", bank.url, headers=PLAIN, params=asked)
        with pytest.raises(transport.Unreachable) as failed:
            to(context, "https://127.0.0.1:9").send(
                "GET", "https://127.0.0.1:9/", headers=PLAIN, params=asked
            )

    assert "accountIds=…0200" in caplog.text
    assert "700100200" not in caplog.text + str(failed.value)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://bank.example", ("bank.example", 443)),
        ("https://Bank.Example.:443/base/", ("bank.example", 443)),
        ("https://127.0.0.1:8443", ("127.0.0.1", 8443)),
        ("https://[::1]:8443/x", ("::1", 8443)),
    ],
)
def test_an_origin_is_host_and_port(url: str, found: tuple[str, int]) -> None:
    assert transport.origin(url) == found


@pytest.mark.parametrize(
    "url", ["http://bank.example", "bank.example", "https://", "https://u:p@bank.example", "ftp://x", ""]
)
def test_an_address_that_is_not_plain_https_has_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match="https:// URL"):
        transport.origin(url)


def test_a_plain_requests_session_would_have_widened_the_roots(
    tiny_bank: Start, context: ssl.SSLContext
) -> None:
    """The harness sees what the strict adapter prevents."""

    class Naive(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args: object, **kwargs: object) -> None:
            super().init_poolmanager(*args, **(kwargs | {"ssl_context": context}))  # type: ignore[arg-type]

    bank = tiny_bank(fine)
    with requests.Session() as session:
        session.mount("https://", Naive())
        session.get(bank.url, timeout=5)

    assert len(context.get_ca_certs()) > 100
