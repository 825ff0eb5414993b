"""Every reading says something about our keys, and a session stays with its own to the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from bankfeeds.jpmorgan.errors import BankError
from bankfeeds.jpmorgan.oauth import TokenCache
from bankfeeds.models import Connection
from bankfeeds.pipeline import fetch
from certificates.models import KeyPair
from tests.bankfeeds.feeds import ACTOR, Feed, feed
from tests.bankfeeds.renewal import asked_with, renewed

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN, BALANCE = "/adfs/oauth2/token", "/accessapi/balance"


@pytest.fixture
def harbor() -> Iterator[Feed]:
    with feed() as found:
        yield found


def key(use: str = "oauth") -> KeyPair:
    return KeyPair.objects.get(use=use, state="active")


def told() -> list[str]:
    return list(
        AuditEntry.objects.filter(verb__contains="proven").order_by("number").values_list("verb", flat=True)
    )


@pytest.mark.parametrize(("auth", "use"), [("oauth", "oauth"), ("mtls", "transport")])
def test_a_pull_proves_the_key_it_used_once_a_day(
    auth: str, use: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with feed(auth=auth) as found:
        before = timezone.now()
        found.pull()
        first = key(use)
        assert first.proven_at is not None
        assert first.proven_at >= before
        found.pull()
        assert (key(use).proven_at, told()) == (first.proven_at, ["certificates.key_proven"])
        KeyPair.objects.update(proven_at=before - timedelta(days=1))
        monkeypatch.setattr(fetch, "TOKENS", TokenCache())
        found.pull()
        assert told() == ["certificates.key_proven"] * 2


def test_a_token_from_before_proves_nothing(harbor: Feed) -> None:
    harbor.pull()
    KeyPair.objects.update(proven_at=None)
    harbor.pull()
    assert key().proven_at is None


def test_a_refusal_of_our_signature_stands_with_the_key_until_it_is_accepted_again(harbor: Feed) -> None:
    harbor.pull()
    proven = key().proven_at
    registered = harbor.bank.registry.find(key().certificate.sha1)
    registered.revoked = True
    harbor.bank.tokens.drop_all()
    assert harbor.pull().state == "failed"
    assert "MSIS9622" in key().proof_problem
    assert key().proven_at == proven
    assert harbor.pull().state == "failed"
    registered.revoked = False
    assert harbor.pull().state == "booked"
    assert key().proof_problem == ""
    assert told() == ["certificates.key_proven", "certificates.key_not_proven", "certificates.key_proven"]


def test_a_transport_key_the_bank_does_not_know_any_more_is_blamed() -> None:
    with feed(auth="mtls") as found:
        found.pull()
        found.bank.revoke_certificate(key("transport").certificate.sha1)
        found.pull()
        assert key("transport").proof_problem.startswith("The bank does not accept our sign-in")


@pytest.mark.parametrize("fault", [{"kind": "403"}, {"kind": "503", "times": 3, "retry_after": None}])
def test_trouble_that_is_not_about_our_keys_says_nothing_of_them(harbor: Feed, fault: dict[str, Any]) -> None:
    harbor.pull()
    fault = dict(fault)
    harbor.bank.faults.add(fault.pop("kind"), path="transactions", **fault)
    assert harbor.pull().state == "failed"
    assert (key().proof_problem, told()) == ("", ["certificates.key_proven"])


def opened(found: Feed) -> Any:
    return fetch.bank(found.connection, actor=ACTOR, clock=timezone.now)


def test_a_session_stays_with_its_keys_and_the_next_one_takes_the_new(harbor: Feed) -> None:
    Connection.objects.update(api_host=harbor.running.mtls_url)
    harbor.connection.refresh_from_db()
    renewed(harbor, "transport")
    old = [key("oauth"), key("transport")]
    account = harbor.account.given_number
    with opened(harbor) as running:
        running.look_in(account=account)
        new = [renewed(harbor, use) for use in ("oauth", "transport")]
        assert [one.state for one in new] == ["active", "active"]
        harbor.bank.requests.clear()
        running.look_in(account=account)
        with opened(harbor) as following:
            following.look_in(account=account)
        running.look_in(account=account)
    assert [asked_with(harbor, one) for one in old] == [[TOKEN], [BALANCE, BALANCE]]
    assert [asked_with(harbor, one) for one in new] == [[TOKEN], [BALANCE]]


def test_a_changed_transport_key_alone_gets_a_token_of_its_own(harbor: Feed) -> None:
    Connection.objects.update(api_host=harbor.running.mtls_url)
    harbor.connection.refresh_from_db()
    renewed(harbor, "transport")
    account = harbor.account.given_number
    for tokens in (1, 0):
        harbor.bank.requests.clear()
        with opened(harbor) as client:
            client.look_in(account=account)
        assert len(asked_with(harbor, key())) == tokens
    renewed(harbor, "transport")
    harbor.bank.requests.clear()
    with opened(harbor) as client:
        client.look_in(account=account)
    assert len(asked_with(harbor, key())) == 1


def test_a_key_that_must_not_be_used_is_a_persons_to_settle(harbor: Feed) -> None:
    KeyPair.objects.update(state="compromised")
    with pytest.raises(BankError, match="has no certificate in use"), opened(harbor):
        pass
