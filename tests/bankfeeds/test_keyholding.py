"""A new key is tried at the real bank, exactly that key, and what the bank says stands with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from bankfeeds import operations
from bankfeeds.jpmorgan.oauth import TokenCache
from bankfeeds.keyholding import ConnectionKeys
from bankfeeds.models import Connection
from bankfeeds.pipeline import fetch
from bankfeeds.simulator.authority import Authority
from certificates import holders, queries
from certificates import operations as certificates
from certificates.models import Certificate, KeyPair
from tests.bankfeeds.feeds import ACTOR, Feed, feed, new_connection
from tests.bankfeeds.renewal import asked_with, register, renewed, signed

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN, BALANCE = "/adfs/oauth2/token", "/accessapi/balance"


@pytest.fixture
def harbor() -> Iterator[Feed]:
    with feed() as found:
        yield found


@pytest.fixture
def mutual() -> Iterator[Feed]:
    with feed(auth="mtls") as found:
        yield found


def in_use(found: Feed, use: str = "oauth") -> KeyPair:
    key = queries.usable(scope=found.connection.scope, use=use, now=timezone.now())
    assert key is not None
    return key


def prove(found: Feed, **more: Any) -> list[KeyPair]:
    return operations.prove_keys(
        pk=found.connection.pk, actor=ACTOR, now=timezone.now(), clock=timezone.now, **more
    )


def state(key: KeyPair) -> str:
    return KeyPair.objects.get(pk=key.pk).state


def test_an_oauth_key_is_proven_by_a_token_that_nobody_uses(
    harbor: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "TOKENS", TokenCache())
    old = in_use(harbor)
    new = renewed(harbor, "oauth")
    assert (new.state, state(old), new.proof_problem) == ("active", "standby", "")
    assert new.proven_at is not None
    assert (asked_with(harbor, new), asked_with(harbor, old)) == ([TOKEN], [])
    assert repr(fetch.TOKENS) == "<TokenCache of 0>"
    assert harbor.pull().state == "booked"
    assert harbor.our_lines() == harbor.bank_lines()
    assert asked_with(harbor, new) == [TOKEN, TOKEN]


def test_a_signature_the_bank_does_not_know_leaves_the_old_key_at_work(harbor: Feed) -> None:
    old = in_use(harbor)
    new = renewed(harbor, "oauth", registered=False)
    assert (new.state, new.proven_at, new.proof_problem) == (
        "certified",
        None,
        f"The bank does not accept a signature under the certificate {new.certificate.sha1}: "
        "register it there, then try again.",
    )
    assert harbor.pull().state == "booked"
    assert in_use(harbor) == old

    register(harbor, new)
    assert [(key.pk, key.state) for key in prove(harbor)] == [(new.pk, "active")]
    assert (state(old), in_use(harbor)) == ("standby", new)


def test_an_unreachable_bank_leaves_the_old_key_at_work(harbor: Feed) -> None:
    _, material = signed(harbor, "oauth")
    harbor.running.stop()
    new = operations.install_certificate(
        connection=harbor.connection, material=material, actor=ACTOR, now=timezone.now()
    ).key
    assert new.state == "certified"
    assert new.proof_problem == "The bank could not be reached, or the connection was cut: try again later."
    assert in_use(harbor) != new


def test_a_transport_key_is_proven_by_an_answer_to_whoever_shows_it(mutual: Feed) -> None:
    old = in_use(mutual, "transport")
    new = renewed(mutual, "transport")
    assert (new.state, state(old)) == ("active", "standby")
    assert (asked_with(mutual, new), asked_with(mutual, old)) == ([BALANCE], [])


def test_a_certificate_of_a_stranger_is_refused_in_the_handshake(mutual: Feed) -> None:
    stranger = Authority.create(now=datetime.now(UTC))
    new = renewed(mutual, "transport", by=stranger)
    assert new.state == "certified"
    assert new.proof_problem in (
        f"The bank refuses the certificate {new.certificate.sha1}: register it there, or ask whether it is already "
        "active.",
        # The same refusal, when the cut overtakes the alert.
        "The bank could not be reached, or cut the connection because it does not know the certificate "
        f"{new.certificate.sha1}: check that it is registered there, then try again.",
    )
    assert mutual.pull().state == "booked"


def test_a_certificate_the_bank_signed_and_forgot_is_refused_by_its_answer(mutual: Feed) -> None:
    new = renewed(mutual, "transport", registered=False)
    assert new.proof_problem == (
        f"The bank answered, but knows no client by the certificate {new.certificate.sha1}: register it there, "
        "then try again."
    )


def test_a_transport_key_beside_oauth_is_tried_with_the_oauth_key_in_use(harbor: Feed) -> None:
    Connection.objects.update(api_host=harbor.running.mtls_url)
    assert renewed(harbor, "transport").state == "active"
    harbor.bank.requests.clear()
    new, oauth = renewed(harbor, "transport"), in_use(harbor)
    assert new.state == "active"
    assert (asked_with(harbor, oauth), asked_with(harbor, new)) == ([TOKEN], [BALANCE])


def test_a_connection_that_begins_with_two_keys_proves_each_beside_the_other(harbor: Feed) -> None:
    harbor.bank.client.environment = "production"
    facts = new_connection(
        harbor.bank, harbor.running, label="marble-otter", environment="production",
        api_host=harbor.running.mtls_url,
    )  # fmt: skip
    harbor.connection = operations.create_connection(facts=facts, actor=ACTOR, now=timezone.now())
    new = [renewed(harbor, use) for use in ("transport", "oauth")]
    assert {(key.state, key.proven_at is not None) for key in prove(harbor)} == {("certified", True)}
    assert [set(asked_with(harbor, key)) for key in new] == [{BALANCE}, {TOKEN}]


def test_both_new_keys_are_tried_and_every_refusal_is_told(harbor: Feed) -> None:
    Connection.objects.update(api_host=harbor.running.mtls_url)
    renewed(harbor, "transport")
    new = [renewed(harbor, use, registered=False) for use in ("oauth", "transport")]
    with pytest.raises(holders.ProofFailed) as refused:
        prove(harbor)
    assert all(key.certificate.sha1 in refused.value.sentence for key in new)
    register(harbor, new[0])
    with pytest.raises(holders.ProofFailed, match=new[1].certificate.sha1):
        prove(harbor)
    assert [state(key) for key in new] == ["active", "certified"]


def test_a_client_not_approved_yet_hears_so(harbor: Feed) -> None:
    harbor.bank.withdraw_approval(harbor.bank.client.client_id)
    new = renewed(harbor, "oauth")
    assert (new.state, new.proof_problem) == (
        "certified",
        "The bank has not approved our client yet, or not entitled it to these APIs.",
    )


def test_a_pause_the_bank_asked_for_holds_for_proofs_too(harbor: Feed) -> None:
    harbor.bank.faults.add("429", times=1, retry_after=3600, path="token")
    before = timezone.now()
    with pytest.raises(holders.ProofFailed, match="number of calls"):
        prove(harbor)
    connection = harbor.connection
    connection.refresh_from_db()
    assert connection.not_before is not None
    assert connection.not_before >= before + timedelta(seconds=3600)
    calls = len(harbor.bank.requests)
    with pytest.raises(holders.ProofFailed, match="asked not to be called"):
        prove(harbor)
    assert len(harbor.bank.requests) == calls


def test_without_a_new_key_the_one_in_use_is_tried(harbor: Feed) -> None:
    key = in_use(harbor)
    assert [(one.pk, one.state) for one in prove(harbor)] == [(key.pk, "active")]
    assert asked_with(harbor, key) == [TOKEN]
    with pytest.raises(holders.NotTried, match="has no certificate to try"):
        prove(harbor, use="transport")


def test_the_bank_is_not_asked_with_a_key_that_cannot_be_used(harbor: Feed) -> None:
    key = in_use(harbor)
    signing = certificates.generate_csr(
        scope=harbor.connection.scope, use="signing", environment="test", actor=ACTOR, now=timezone.now()
    )
    Certificate.objects.filter(key=key).update(not_after=timezone.now())
    other = renewed(harbor, "transport")
    holder = ConnectionKeys()
    for one, why in (
        (key, "not now"),
        (signing, "has no use for"),
        (other, "signs in with an OAuth key as well"),
    ):
        with pytest.raises(Exception, match=why) as refused:
            holder.prove(key=one, actor=ACTOR, clock=timezone.now)
        assert not isinstance(refused.value, holders.ProofFailed) or isinstance(
            refused.value, holders.NotTried
        )
    Connection.objects.update(state="closed")
    with pytest.raises(holders.NotTried, match="no connection any more"):
        holder.prove(key=other, actor=ACTOR, clock=timezone.now)
    assert harbor.bank.requests == []


def test_the_bank_is_never_asked_inside_a_transaction(harbor: Feed) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        prove(harbor)
    assert harbor.bank.requests == []


def test_the_connection_says_where_its_keys_are_used(harbor: Feed) -> None:
    scope = harbor.connection.scope
    page = f"/admin/bankfeeds/connection/{harbor.connection.pk}/change/"
    assert holders.whereabouts(scope) == holders.Whereabouts(
        "harbor-kettle", page, "1 account, never pulled yet"
    )
    pull = harbor.pull()
    found = holders.whereabouts(scope)
    assert found is not None
    assert found.at_stake == f"1 account, pulled since {pull.requested_at:%Y-%m-%d}"
    assert holders.whereabouts("connection:nobody") is None
