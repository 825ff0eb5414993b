"""What a log line never holds."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.test import Client

from config.logs import cut, cut_event, logging_settings

TOKEN = "pLanTedToken_0123456789-abcdefghijklmnopqrs"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJleGFtcGxlIn0.c2lnbmF0dXJl"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvplanted\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"before {KEY} after", "before [key cut] after"),
        (f"before {KEY[:40]}", "before [key cut]"),
        (repr(KEY), "'[key cut]'"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII\n-----END ENCRYPTED PRIVATE KEY-----", "[key cut]"),
        (f"sent {JWT}", "sent [token cut]"),
        ("Authorization: Bearer planted-0123456789", "Authorization: Bearer [cut]"),
        ("client_assertion=planted&x=1", "client_assertion=[cut]&x=1"),
        ('{"access_token": "planted", "n": 1}', '{"access_token": "[cut]", "n": 1}'),
        ("{'access_token': 'planted', 'n': 1}", "{'access_token': '[cut]', 'n': 1}"),
        ('{\\"token\\": \\"planted\\"}', '{\\"token\\": \\"[cut]\\"}'),
        ("refresh_token: planted", "refresh_token: [cut]"),
        ("SECRET_KEY=planted", "SECRET_KEY=[cut]"),
        ("client_secret=planted", "client_secret=[cut]"),
        ("KEK_KEYRING=2026a:cGxhbnRlZA==", "KEK_KEYRING=[cut]"),
        ("sessionid=planted; csrftoken=planted", "sessionid=[cut]; csrftoken=[cut]"),
        ("postgres://lockkeeper:planted@db.example/x", "postgres://lockkeeper:[cut]@db.example/x"),
        ('{"kty": "RSA", "d": "cGxhbnRlZC1wcml2YXRlLWV4cG9uZW50"}', '{"kty": "RSA", "d": "[cut]"}'),
        (f"GET /status/{TOKEN}/confirm/ HTTP/1.1", "GET /status/[cut]/confirm/ HTTP/1.1"),
        ("to olive@kettle.example, again", "to [address cut], again"),
        ("to <jürgen.müller@kettle.example>", "to <[address cut]>"),
        ("account 000000700100200", "account •••0200"),
        ("The token was refused: 401", "The token was refused: 401"),
        ("token_url=https://bank.invalid/token", "token_url=https://bank.invalid/token"),
        ("pulled 12 pages in 2.5 s on 2026-06-03", "pulled 12 pages in 2.5 s on 2026-06-03"),
    ],
)
def test_secrets_and_personal_data_are_cut_and_the_rest_is_kept(text: str, kept: str) -> None:
    assert cut(text) == kept


def test_every_value_of_an_event_is_cut_however_deep() -> None:
    event = {
        "event": "asked",
        "headers": {"Authorization": "planted", "Accept": "text/plain"},
        "body": [b"client_assertion=planted", ("x", {"password": "planted"})],
        "token": "planted",
        "error": ValueError("password=planted"),
        "pages": 3,
    }
    assert cut_event(None, "info", event) == {
        "event": "asked",
        "headers": {"Authorization": "[cut]", "Accept": "text/plain"},
        "body": ["client_assertion=[cut]", ["x", {"password": "[cut]"}]],
        "token": "[cut]",
        "error": "ValueError: password=[cut]",
        "pages": 3,
    }


def test_a_long_line_is_cut_in_a_moment() -> None:
    import time

    began = time.perf_counter()
    cut("a" * 300_000)
    cut("token" * 60_000)
    cut("x:" * 150_000)
    assert time.perf_counter() - began < 2


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Write what the project's handler writes into memory."""
    sink = io.StringIO()
    handler = next(h for h in logging.getLogger().handlers if type(h) is logging.StreamHandler)
    before = handler.setStream(sink)
    yield sink
    if before is not None:
        handler.setStream(before)


def test_an_exception_is_logged_without_the_values_around_it(written: io.StringIO) -> None:
    def fail() -> None:
        held = "planted-local-value"
        raise RuntimeError(f"could not use password={held}")

    try:
        fail()
    except RuntimeError:
        logging.getLogger("lockkeeper.test").exception("failed")
        structlog.get_logger("lockkeeper.test").exception("failed again")
    text = written.getvalue()
    assert "planted" not in text
    assert [json.loads(line)["event"] for line in text.splitlines()] == ["failed", "failed again"]


def test_arguments_of_a_message_are_cut(written: io.StringIO) -> None:
    logging.getLogger("lockkeeper.test").warning("asked %s for %s", f"/status/{TOKEN}/", {"token": "planted"})
    assert json.loads(written.getvalue())["event"] == "asked /status/[cut]/ for {'token': '[cut]'}"


@pytest.mark.parametrize("debug", [False, True])
def test_no_logger_writes_past_the_handler_that_cuts(debug: bool) -> None:
    """Django gives its own logger a plain handler for DEBUG, and one that mails whole reports."""
    configured = logging_settings(level="INFO", debug=debug)
    assert configured["loggers"]["django"]["handlers"] == []
    assert [handler["formatter"] for handler in configured["handlers"].values()] == ["json"]
    found: dict[str, list[Any]] = {
        name: [h for h in logger.handlers if _plain(h)]
        for name, logger in logging.root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    }
    assert {name: handlers for name, handlers in found.items() if handlers} == {}


def _plain(handler: logging.Handler) -> bool:
    writes = type(handler) is logging.StreamHandler or type(handler).__module__.startswith("django.")
    return writes and not isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter)


def test_a_wrong_link_reaches_the_log_without_its_token(
    db: None, written: io.StringIO, settings: Any
) -> None:
    settings.DEBUG = True
    Client().get(f"/status/{TOKEN}/elsewhere/")
    assert (TOKEN in written.getvalue(), "/status/[cut]/" in written.getvalue()) == (False, True)


def test_statements_are_not_logged_with_their_parameters() -> None:
    assert logging.getLogger("django.db.backends").getEffectiveLevel() >= logging.INFO
