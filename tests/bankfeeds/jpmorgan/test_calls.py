"""Signing in, patience and giving up, against a bank that says whatever the test wants, over real TLS."""

import contextlib
from collections.abc import Callable
from datetime import timedelta

import pytest

from bankfeeds.jpmorgan.client import BankError, Decision
from bankfeeds.jpmorgan.errors import NotCalled
from tests.bankfeeds.jpmorgan.bodies import ACCOUNT
from tests.bankfeeds.jpmorgan.desk import END, NOW, START, TOKEN, Open, page
from tests.bankfeeds.jpmorgan.tiny_bank import Said, TinyBank, said


def test_the_token_request_is_what_the_bank_documents(desk: Open) -> None:
    opened = desk(page(0))

    opened.read()

    (asked,) = opened.signed_in
    form = asked.form
    assertion = form.pop("client_assertion")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "CC-900001-Z100001-200001-UAT",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "resource": "JPMC:URI:RS-900001-90001-SimBankFeed-UAT",
    }
    assert assertion.count(".") == 2


def test_a_refused_token_is_replaced_once(desk: Open) -> None:
    opened = desk(said({}, status=401), page(1))

    assert len(opened.read()) == 1
    assert [asked.headers["authorization"] for asked in opened.calls] == [
        f"Bearer {TOKEN}-1",
        f"Bearer {TOKEN}-2",
    ]


def test_a_second_refusal_is_for_a_person(desk: Open) -> None:
    opened = desk(said({}, status=401))

    with pytest.raises(BankError, match="does not accept our sign-in") as failed:
        opened.read()
    assert (failed.value.decision, len(opened.calls), len(opened.signed_in)) == (Decision.ASK, 2, 2)


def test_clients_of_one_connection_share_a_token(desk: Open) -> None:
    opened = desk(page(0))

    for _ in range(3):
        opened.read()

    assert len(opened.signed_in) == 1


@pytest.mark.parametrize(
    ("status", "decision"),
    [(400, Decision.STOP), (403, Decision.ASK), (404, Decision.STOP), (429, Decision.RETRY)],
)
def test_what_a_second_try_cannot_change_is_asked_once(desk: Open, status: int, decision: Decision) -> None:
    opened = desk(said({"errors": [{"errorCode": "GCA-001", "errorMsg": "No."}]}, status=status))

    with pytest.raises(BankError) as failed:
        opened.read()
    assert (failed.value.decision, failed.value.status, len(opened.calls), opened.slept) == (
        decision,
        status,
        1,
        [],
    )


@pytest.mark.parametrize(
    "trouble", [said({}, status=500), said({}, status=503), Said(body=b"{}" * 50, cut=3)]
)
def test_a_moments_trouble_is_ridden_out(desk: Open, trouble: Said) -> None:
    opened = desk(trouble, trouble, page(1))

    assert len(opened.read()) == 1
    assert opened.slept == [0.5, 1.0]


def test_in_a_hurry_everything_is_tried_once(desk: Open) -> None:
    for trouble in (said({}, status=500), said({}, status=503, retry_after="1")):
        opened = desk(trouble, page(1), hurry=True)

        with pytest.raises(BankError):
            opened.read()
        assert (len(opened.calls), opened.slept) == (1, [])


@pytest.mark.parametrize(
    ("trouble", "status"), [(said({}, status=500), 500), (Said(body=b"{}" * 50, cut=3), None)]
)
def test_lasting_trouble_is_left_to_the_next_run(desk: Open, trouble: Said, status: int | None) -> None:
    opened = desk(trouble)

    with pytest.raises(BankError) as failed:
        opened.read()
    assert (failed.value.decision, failed.value.status, len(opened.calls)) == (Decision.RETRY, status, 3)


@pytest.mark.parametrize("status", [429, 503])
def test_a_short_pause_is_kept_on_the_spot_and_once(desk: Open, status: int) -> None:
    busy = said({}, status=status, Retry_After="2")
    opened = desk(busy, page(1))

    assert (len(opened.read()), opened.slept) == (1, [2.0])

    opened = desk(busy)
    with pytest.raises(BankError) as failed:
        opened.read()
    assert (failed.value.retry_after, opened.slept, len(opened.calls)) == (timedelta(seconds=2), [2.0], 2)


@pytest.mark.parametrize("status", [429, 503])
def test_a_long_pause_is_handed_on_and_nothing_is_sent_before_it_ends(desk: Open, status: int) -> None:
    opened = desk(said({}, status=status, Retry_After="600"))

    with pytest.raises(BankError) as failed:
        opened.read()
    assert (failed.value.decision, failed.value.retry_after) == (Decision.RETRY, timedelta(minutes=10))
    assert (opened.slept, len(opened.calls)) == ([], 1)


def test_the_longest_pause_kept_on_the_spot_is_the_callers_choice(desk: Open) -> None:
    opened = desk(said({}, status=429, Retry_After="2"), max_inline_wait=timedelta(seconds=1))

    with pytest.raises(BankError):
        opened.read()
    assert opened.slept == []


@pytest.mark.parametrize(
    "answer",
    [
        Said(body=b"<html>Maintenance</html>", headers={"Content-Type": "text/html"}),
        Said(body=b'{"pagination": {"totalPages"', headers={"Content-Type": "application/json"}),
        said({"data": None}),
    ],
)
def test_an_answer_that_is_no_page_leaves_nothing(desk: Open, answer: Said) -> None:
    opened = desk(answer)

    with pytest.raises(BankError, match="could not be read") as failed:
        opened.read()
    assert failed.value.decision is Decision.RETRY


def test_balances_that_are_no_answer_leave_nothing(desk: Open) -> None:
    opened = desk(said({"accountList": None}))

    with pytest.raises(BankError, match="could not be read"):
        opened.client.balances(account=ACCOUNT, start=START, end=END)


def test_a_redirect_takes_no_credentials_anywhere(desk: Open, tiny_bank: Callable[..., TinyBank]) -> None:
    elsewhere = tiny_bank(lambda _: said({}))
    opened = desk(Said(status=307, headers={"Location": elsewhere.url}))

    with pytest.raises(BankError, match="was not followed") as failed:
        opened.read()
    assert (failed.value.decision, elsewhere.asked, len(opened.calls)) == (Decision.STOP, [], 1)


@pytest.mark.parametrize(
    ("answer", "decision", "words"),
    [
        (said({}, status=401), Decision.ASK, "not approved our client yet"),
        (said({}, status=403), Decision.ASK, "not approved our client yet"),
        (
            said({"error": "invalid_client", "error_description": "MSIS9622: no."}, status=400),
            Decision.ASK,
            "MSIS9622",
        ),
        (said({"error": "invalid_resource"}, status=400), Decision.ASK, "client id, resource and audience"),
        (said({"token": "x"}), Decision.RETRY, "could not be read"),
        (said({"access_token": "tök"}), Decision.RETRY, "could not be read"),
        (Said(body=b"<html>"), Decision.RETRY, "could not be read"),
        (said({}, status=429, Retry_After="60"), Decision.RETRY, "number of calls"),
    ],
)
def test_without_a_token_no_api_is_called(desk: Open, answer: Said, decision: Decision, words: str) -> None:
    opened = desk(page(0), tokens=[answer])

    with pytest.raises(BankError) as failed:
        opened.read()
    assert words in failed.value.sentence
    assert (failed.value.decision, opened.calls, len(opened.signed_in)) == (decision, [], 1)


def test_a_token_endpoint_in_trouble_is_tried_again_with_another_assertion(desk: Open) -> None:
    opened = desk(page(0), tokens=[said({}, status=503)])

    opened.read()

    first, second = opened.signed_in
    assert first.form["client_assertion"] != second.form["client_assertion"]


def test_no_error_tells_a_secret_or_an_account_number(desk: Open) -> None:
    leak = {"errors": [{"errorCode": "X", "errorMsg": f"Bearer {TOKEN}-1 for {ACCOUNT}"}]}
    opened = desk(said(leak, status=400))

    with pytest.raises(BankError) as failed:
        opened.read()
    told = failed.value.sentence + failed.value.detail + repr(failed.value)
    assert TOKEN not in told
    assert ACCOUNT.lstrip("0") not in told
    assert failed.value.detail == "HTTP 400. X Bearer [cut] for …0200"


class Doorkeeper:
    """A gate that remembers what it was asked and told."""

    def __init__(self, *, shut_after: int = 1000) -> None:
        self.heard: list[str] = []
        self.shut_after = shut_after

    def enter(self, host: str) -> None:
        if self.heard.count("enter") >= self.shut_after:
            raise NotCalled("It is shut.", until=NOW)
        self.heard.append("enter")

    def answered(self, host: str) -> None:
        self.heard.append("answered")

    def failed(self, host: str, error: BankError) -> None:
        self.heard.append(f"failed at {host.partition(':')[0]}")


TOKEN_TOO = ["enter", "answered"]


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (page(1), ["enter", "answered"]),
        (said({}, 503), ["enter", "enter", "enter", "failed at 127.0.0.1"]),
        (said({}, 500), ["enter", "enter", "enter", "failed at 127.0.0.1"]),
        (Said(body=b"{", cut=0), ["enter", "enter", "enter", "failed at 127.0.0.1"]),
        (said({}, 400), ["enter", "answered"]),
        (said({}, 403), ["enter", "answered"]),
        (said({}, 429), ["enter", "answered"]),
        (Said(status=302, headers={"Location": "https://elsewhere.example"}), ["enter", "answered"]),
        (said({"pagination": 3}), ["enter", "answered"]),
        (Said(body=b"<html>"), ["enter", "answered"]),
    ],
    ids=["200", "503", "500", "cut", "400", "403", "429", "redirect", "drift", "html"],
)
def test_every_call_asks_the_gate_and_every_question_tells_it_what_came_of_it(
    desk: Open, answer: Said, heard: list[str]
) -> None:
    gate = Doorkeeper()
    opened = desk(answer, gate=gate)
    with contextlib.suppress(BankError):
        opened.read()
    assert gate.heard == [*TOKEN_TOO, *heard]


def test_a_gate_that_is_shut_in_between_lets_nothing_more_through(desk: Open) -> None:
    opened = desk(said({}, 503), gate=Doorkeeper(shut_after=2))
    with pytest.raises(NotCalled):
        opened.read()
    assert len(opened.calls) == 1


def test_a_host_that_is_not_there_is_nobodys_credentials_fault(desk: Open) -> None:
    opened = desk(page(1))
    opened.bank.__exit__()
    with pytest.raises(BankError, match="took no connection") as failed:
        opened.read()
    error, host = failed.value, f"127.0.0.1:{opened.bank.port}"
    assert (error.of_host, error.connected, error.host) == (True, False, host)
