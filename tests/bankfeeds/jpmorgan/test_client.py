"""The client against a bank that says whatever the test wants, over real TLS."""

import json
import ssl
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bankfeeds.jpmorgan.client import BankError, Client, Decision, Endpoint, Page, Request, TokenCache
from tests.bankfeeds.jpmorgan.bodies import ACCOUNT, balances_body, day
from tests.bankfeeds.jpmorgan.desk import END, KID, NOW, START, TOKEN, Open, Script, page
from tests.bankfeeds.jpmorgan.tiny_bank import Authority, Said, TinyBank, said


def test_one_page_is_asked_for_and_kept_as_it_came(desk: Open) -> None:
    opened = desk(page(2))

    pages = opened.read()

    (asked,) = opened.calls
    request_id = asked.headers["request-id"]
    assert (asked.method, asked.path, asked.query) == (
        "GET",
        "/tsapi/v3/transactions",
        {
            "accountIds": [ACCOUNT],
            "startDate": ["2026-01-05"],
            "endDate": ["2026-01-09"],
            "pageNumber": ["1"],
        },
    )
    assert (asked.headers["authorization"], asked.headers["accept"]) == (
        f"Bearer {TOKEN}-1",
        "application/json",
    )
    assert len(request_id) == 36
    assert pages == [
        Page(
            kind="transactions",
            request={
                "accountIds": ACCOUNT,
                "startDate": "2026-01-05",
                "endDate": "2026-01-09",
                "pageNumber": 1,
            },
            body=page(2).body,
            received_at=NOW,
            number=1,
            total_pages=1,
            total_records=2,
        )
    ]
    assert json.loads(json.dumps(pages[0].request)) == pages[0].request


def test_the_current_day_is_asked_for_without_dates(desk: Open) -> None:
    opened = desk(page(1))

    pages = opened.client.transactions(account=ACCOUNT, start=END, end=END, current_day=True)

    assert opened.calls[0].query == {
        "accountIds": [ACCOUNT],
        "relativeDateType": ["CURRENT_DAY"],
        "pageNumber": ["1"],
    }
    assert pages[0].request == {"accountIds": ACCOUNT, "relativeDateType": "CURRENT_DAY", "pageNumber": 1}


def test_all_pages_are_walked_with_one_token(desk: Open) -> None:
    opened = desk(
        *(page(count, number=number, pages=3, total=5) for number, count in ((1, 2), (2, 2), (3, 1)))
    )

    pages = opened.read()

    assert [(one.number, one.total_pages, one.total_records) for one in pages] == [
        (1, 3, 5),
        (2, 3, 5),
        (3, 3, 5),
    ]
    assert len(opened.signed_in) == 1
    assert len({asked.headers["request-id"] for asked in opened.bank.asked}) == 4


@pytest.mark.parametrize("pages", [0, 1])
def test_nothing_is_a_complete_answer_too(desk: Open, pages: int) -> None:
    assert [one.total_records for one in desk(page(0, pages=pages)).read()] == [0]


def test_a_walk_whose_total_changes_starts_again(desk: Open) -> None:
    opened = desk(
        page(2, number=1, pages=2, total=3),
        page(2, number=2, pages=2, total=4),
        page(2, number=1, pages=2, total=4),
        page(2, number=2, pages=2, total=4),
    )

    pages = opened.read()

    assert [one.total_records for one in pages] == [4, 4]
    assert [asked.query["pageNumber"] for asked in opened.calls] == [["1"], ["2"], ["1"], ["2"]]


@pytest.mark.parametrize(
    "moving",
    [
        (page(2, number=1, pages=2, total=4), page(1, number=2, pages=2, total=4)),
        (page(2, number=1, pages=2, total=4), page(0, number=2, pages=2, total=4)),
        (page(2, number=1, pages=2, total=4), page(2, number=2, pages=3, total=4)),
        (page(1, number=1, pages=1, total=2),),
        (page(2, number=1, pages=1, total=1),),
    ],
)
def test_a_walk_that_never_settles_is_given_up(desk: Open, moving: tuple[Said, ...]) -> None:
    opened = desk(*moving * 4)

    with pytest.raises(BankError, match="pages kept moving") as failed:
        opened.read()
    assert failed.value.decision is Decision.RETRY
    assert len(opened.calls) == 4 * len(moving)


def test_an_endless_number_of_pages_is_not_walked(desk: Open) -> None:
    opened = desk(page(1, pages=501, total=501))

    with pytest.raises(BankError, match="more than 500 pages") as failed:
        opened.read()
    assert (failed.value.decision, len(opened.calls)) == (Decision.STOP, 1)


def test_another_page_than_the_one_asked_for_is_not_taken(desk: Open) -> None:
    opened = desk(page(1, number=2, pages=2, total=2))

    with pytest.raises(BankError, match="could not be read") as failed:
        opened.read()
    assert failed.value.detail.startswith("The bank answered another page than the one asked for.")


def test_balances_are_asked_for_one_account_with_a_json_body(desk: Open) -> None:
    body = balances_body(day("2026-01-05", 48710.55, 51987.10))
    opened = desk(Said(body=body, headers={"Content-Type": "application/json"}))

    answer = opened.client.balances(account=ACCOUNT, start=START, end=END)

    (asked,) = opened.calls
    request: Request = {
        "startDate": "2026-01-05",
        "endDate": "2026-01-09",
        "accountList": [{"accountId": ACCOUNT}],
    }
    assert (asked.method, asked.path, json.loads(asked.body)) == ("POST", "/accessapi/balance", request)
    assert answer == Page(
        kind="balances",
        request=request,
        body=body,
        received_at=NOW,
        number=1,
        total_pages=1,
        total_records=1,
    )


@pytest.mark.parametrize("days", [-1, 5])
def test_a_window_the_bank_does_not_take_is_never_sent(desk: Open, days: int) -> None:
    opened = desk(page(0))

    with pytest.raises(ValueError, match="1 to 5 days"):
        opened.client.transactions(account=ACCOUNT, start=START, end=START + timedelta(days=days))
    assert opened.bank.asked == []


@pytest.mark.parametrize("days", [-1, 31])
def test_a_balance_window_the_bank_does_not_take_is_never_sent(desk: Open, days: int) -> None:
    opened = desk(page(0))

    with pytest.raises(ValueError, match="1 to 31 days"):
        opened.client.balances(account=ACCOUNT, start=START, end=START + timedelta(days=days))
    assert opened.bank.asked == []


def test_mutual_tls_needs_no_token(
    tiny_bank: Callable[..., TinyBank], client_context: ssl.SSLContext, authority: Authority
) -> None:
    bank = tiny_bank(Script(page(1)), client_roots=authority.pem)
    client = Client(
        Endpoint(api_host=bank.url + "/", token_url="", audience="", resource="", client_id="", auth="mtls"),
        context=client_context,
        sign=None,
        kid="",
        tokens=TokenCache(),
        clock=lambda: NOW,
    )

    pages = client.transactions(account=ACCOUNT, start=START, end=END)
    client.close()

    (asked,) = bank.asked
    assert (asked.path, asked.certificate, "authorization" in asked.headers) == (
        "/tsapi/v3/transactions",
        "harbor-kettle-client",
        False,
    )
    assert pages[0].total_records == 1


def test_a_certificate_the_bank_does_not_know_is_for_a_person(
    tiny_bank: Callable[..., TinyBank], client_context: ssl.SSLContext, authority: Authority
) -> None:
    bank = tiny_bank(Script(said({}, status=401)), client_roots=authority.pem)
    client = Client(
        Endpoint(api_host=bank.url, token_url="", audience="", resource="", client_id="", auth="mtls"),
        context=client_context,
        sign=None,
        kid="",
        tokens=TokenCache(),
        clock=lambda: NOW,
    )

    with pytest.raises(BankError) as failed:
        client.transactions(account=ACCOUNT, start=START, end=END)
    client.close()
    assert (failed.value.decision, len(bank.asked)) == (Decision.ASK, 1)


def endpoint(**changes: Any) -> Endpoint:
    given: dict[str, Any] = {
        "api_host": "https://api.bank.invalid",
        "token_url": "https://idp.bank.invalid/token",
        "audience": "https://idp.bank.invalid/token",
        "resource": "r",
        "client_id": "c",
        "auth": "oauth",
    }
    return Endpoint(**given | changes)


@pytest.mark.parametrize(
    "changes",
    [{"api_host": "http://api.bank.invalid"}, {"api_host": ""}, {"token_url": "http://idp.bank.invalid"}],
)
def test_an_endpoint_is_https_or_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="https:// URL"):
        endpoint(**changes)


def test_the_token_host_may_be_another_one_and_both_are_pinned() -> None:
    assert endpoint().pinned == ("https://api.bank.invalid", "https://idp.bank.invalid/token")
    assert endpoint(auth="mtls").pinned == ("https://api.bank.invalid",)


@pytest.mark.parametrize("missing", [{"sign": None}, {"kid": ""}])
def test_signing_in_needs_a_key(context: ssl.SSLContext, missing: dict[str, Any]) -> None:
    given: dict[str, Any] = {"sign": lambda message: message, "kid": KID} | missing

    with pytest.raises(ValueError, match="needs a signing key"):
        Client(endpoint(), context=context, tokens=TokenCache(), clock=lambda: NOW, **given)
