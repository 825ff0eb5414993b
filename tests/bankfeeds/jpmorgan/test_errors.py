"""Every failure carries a decision, a sentence for people, and a detail that is safe to log."""

from datetime import UTC, datetime, timedelta

import pytest

from bankfeeds.jpmorgan import errors, transport, wire
from bankfeeds.jpmorgan.errors import BankError, Blame, Decision
from bankfeeds.jpmorgan.transport import Reply

NOW = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)


def reply(status: int, body: bytes = b"", **headers: str) -> Reply:
    return Reply(
        status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=body
    )


@pytest.mark.parametrize(
    ("status", "decision"),
    [
        (204, Decision.RETRY),
        (400, Decision.STOP),
        (401, Decision.ASK),
        (403, Decision.ASK),
        (404, Decision.STOP),
        (408, Decision.RETRY),
        (422, Decision.STOP),
        (429, Decision.RETRY),
        (500, Decision.RETRY),
        (502, Decision.RETRY),
        (503, Decision.RETRY),
        (504, Decision.RETRY),
    ],
)
def test_each_status_of_an_api_has_its_decision(status: int, decision: Decision) -> None:
    error = errors.refused_call(reply(status), now=NOW)

    assert (error.decision, error.status, error.retry_after) == (decision, status, None)
    assert error.blames == (Blame.SIGN_IN if status == 401 else Blame.NONE)


@pytest.mark.parametrize(
    ("status", "body", "decision", "words"),
    [
        (400, b'{"error":"invalid_client","error_description":"MSIS9622: x"}', Decision.ASK, "signature"),
        (400, b'{"error":"invalid_request"}', Decision.ASK, "client id, resource and audience"),
        (401, b"", Decision.ASK, "not approved our client yet"),
        (403, b"", Decision.ASK, "not approved our client yet"),
        (404, b"", Decision.STOP, "status 404"),
        (429, b"", Decision.RETRY, "number of calls"),
        (503, b"", Decision.RETRY, "not available"),
    ],
)
def test_each_status_of_the_token_endpoint_has_its_decision(
    status: int, body: bytes, decision: Decision, words: str
) -> None:
    error = errors.refused_token(reply(status, body), now=NOW)

    assert (error.decision, error.status) == (decision, status)
    assert error.blames == (Blame.ASSERTION if b"MSIS9622" in body else Blame.NONE)
    assert words in error.sentence


@pytest.mark.parametrize(
    ("failure", "decision"),
    [
        (transport.Unreachable, Decision.RETRY),
        (transport.UntrustedServer, Decision.ASK),
        (transport.OldProtocol, Decision.ASK),
        (transport.ClientRefused, Decision.ASK),
        (transport.Redirected, Decision.STOP),
        (transport.OffLimits, Decision.STOP),
        (transport.TooLarge, Decision.STOP),
    ],
)
def test_each_way_to_get_no_answer_has_its_decision(
    failure: type[transport.TransportError], decision: Decision
) -> None:
    error = errors.unanswered(failure("detail 000000700100200"))

    assert (error.decision, error.status, error.detail) == (decision, None, "detail …0200")
    assert error.blames == (Blame.CERTIFICATE if failure is transport.ClientRefused else Blame.NONE)


def test_every_way_to_get_no_answer_is_covered() -> None:
    assert {type(errors.unanswered(kind("x"))) for kind in transport.TransportError.__subclasses__()} == {
        BankError
    }


@pytest.mark.parametrize(
    ("value", "pause"),
    [
        ("0", timedelta(0)),
        ("120", timedelta(minutes=2)),
        (" 7 ", timedelta(seconds=7)),
        ("99999999999999999999", timedelta(days=7)),
        ("Wed, 03 Jun 2026 12:10:00 GMT", timedelta(minutes=10)),
        ("Wed, 03 Jun 2026 11:00:00 GMT", timedelta(0)),
        ("Wed, 03 Jun 2026 12:10:00 -0000", timedelta(minutes=10)),
        ("Wed, 03 Jun 2126 12:10:00 GMT", timedelta(days=7)),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("", None),
        (None, None),
    ],
)
def test_a_pause_is_read_in_both_forms(value: str | None, pause: timedelta | None) -> None:
    assert errors.retry_after(value, now=NOW) == pause


def test_the_pause_the_bank_asks_for_is_kept() -> None:
    found = [
        errors.refused_call(reply(429, retry_after="60"), now=NOW).retry_after,
        errors.refused_call(reply(503, retry_after="Wed, 03 Jun 2026 12:10:00 GMT"), now=NOW).retry_after,
        errors.refused_token(reply(503, retry_after="5"), now=NOW).retry_after,
    ]

    assert found == [timedelta(seconds=60), timedelta(minutes=10), timedelta(seconds=5)]


def test_the_detail_holds_the_banks_codes_and_ids_for_its_support() -> None:
    body = b'{"errors":[{"errorCode":"GCA-001","errorMsg":"Not eligible: 000000700100200."}]}'

    error = errors.refused_call(reply(403, body, x_trace_id="trace-17", date="Wed"), now=NOW)

    assert error.detail == "HTTP 403. GCA-001 Not eligible: …0200.. x-trace-id=trace-17"
    assert str(error) == error.sentence
    assert "GCA" not in error.sentence


def test_an_unreadable_answer_may_be_readable_the_next_time() -> None:
    html = reply(200, b"<html>", content_type="text/html")

    error = errors.unreadable(wire.WireError("The bank's answer is not valid JSON."), html)

    assert (error.decision, error.detail) == (
        Decision.RETRY,
        "The bank's answer is not valid JSON. Content type text/html.",
    )


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (BankError(Decision.RETRY, "x", status=503), True),
        (BankError(Decision.RETRY, "x"), True),
        (BankError(Decision.RETRY, "x", status=429), False),
        (BankError(Decision.STOP, "x"), False),
        (BankError(Decision.ASK, "x"), False),
    ],
)
def test_only_the_banks_own_trouble_may_pass_in_seconds(error: BankError, passing: bool) -> None:
    assert error.passing is passing
