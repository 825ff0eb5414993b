from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.bankfeeds.simulator.caller import Caller, kid_of, leaf_of, make_csr
from tests.bankfeeds.simulator.conftest import MakeCaller

Keys = list[rsa.RSAPrivateKey]
REFUSED = {
    "error": "invalid_client",
    "error_description": "MSIS9622: Client authentication failed. Please verify the credential provided.",
}


def assert_not_authenticated(caller: Caller, assertion: str, reason: str) -> None:
    answer = caller.ask_token(caller.form(assertion=assertion))
    assert (answer.status, answer.json) == (400, REFUSED)
    assert reason in caller.bank.requests[-1].reason


def signed_with(caller: Caller, chain: str, key: rsa.RSAPrivateKey) -> str:
    return caller.assertion(key=key, kid=kid_of(leaf_of(chain)))


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_correct_assertion_buys_a_bearer_token(caller: Caller, slash: str) -> None:
    form = caller.form(assertion=caller.assertion(claims=caller.claims(aud=caller.running.token_url + slash)))
    answer = caller.ask_token(form, slash=slash)
    assert answer.status == 200
    assert set(answer.json) == {"access_token", "token_type", "expires_in"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 28800)
    caller.token = answer.json["access_token"]
    assert caller.balances().status == 200


def test_the_lifetime_of_a_token_can_be_chosen_and_is_kept(make_caller: MakeCaller) -> None:
    caller = make_caller(token_lifetime=timedelta(seconds=1))
    answer = caller.ask_token()
    assert answer.json["expires_in"] == 1
    caller.token = answer.json["access_token"]
    assert caller.balances().status == 200
    time.sleep(1.1)
    assert caller.balances().status == 401
    assert caller.bank.requests[-1].reason == "No live bearer token."


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "CC-900009-Z100009-200009-UAT"}, "iss and sub"),
        ({"sub": "CC-900009-Z100009-200009-UAT"}, "iss and sub"),
        ({"aud": "https://idp.sim.example/adfs/oauth2/token"}, "aud is not"),
        ({"aud": ["https://idp.sim.example/adfs/oauth2/token"]}, "aud is not"),
        ({"exp": 1}, "has expired"),
        ({"exp": int(time.time()) + 48 * 3600}, "more than 8 hours"),
        ({"exp": True}, "not a time"),
        ({"iat": int(time.time()) + 86_400}, "from the future"),
        ({"nbf": int(time.time()) + 86_400}, "from the future"),
        ({"jti": ""}, "jti is missing"),
        ({"jti": None}, "jti"),
        ({"exp": None}, "exp"),
        ({"iat": None}, "iat"),
        ({"aud": None}, "aud"),
        ({"iss": None}, "iss"),
        ({"sub": None}, "sub"),
    ],
)
def test_each_claim_is_verified(caller: Caller, changes: dict[str, Any], reason: str) -> None:
    assert_not_authenticated(caller, caller.assertion(claims=caller.claims(**changes)), reason)


def test_an_assertion_can_live_eight_hours(caller: Caller) -> None:
    claims = caller.claims(exp=int(time.time()) + 8 * 3600)
    assert caller.ask_token(caller.form(assertion=caller.assertion(claims=claims))).status == 200


def test_an_assertion_is_accepted_once(caller: Caller) -> None:
    form = caller.form()
    assert caller.ask_token(form).status == 200
    assert_not_authenticated(caller, form["client_assertion"], "used before")


def test_a_refused_assertion_does_not_burn_its_jti(caller: Caller, keys: Keys) -> None:
    claims = caller.claims()
    assert_not_authenticated(caller, caller.assertion(claims=claims, key=keys[3]), "does not verify")
    assert caller.ask_token(caller.form(assertion=caller.assertion(claims=claims))).status == 200


def test_only_rs256_is_accepted(caller: Caller) -> None:
    assert_not_authenticated(caller, caller.assertion(algorithm="RS384"), "not signed with RS256")
    assert_not_authenticated(
        caller, caller.assertion(algorithm="HS256", key="x" * 40), "not signed with RS256"
    )
    unsigned = jwt.encode(caller.claims(), None, algorithm="none", headers={"kid": caller.kid})
    assert_not_authenticated(caller, unsigned, "not signed with RS256")


def test_another_key_than_the_certificates_is_refused(caller: Caller, keys: Keys) -> None:
    assert_not_authenticated(caller, caller.assertion(key=keys[1]), "does not verify")


def test_what_is_no_jwt_is_refused(caller: Caller) -> None:
    assert_not_authenticated(caller, "not.a-jwt", "not a JWT")
    assert_not_authenticated(caller, caller.assertion(typ="at+jwt"), "type is not JWT")


def test_the_kid_is_the_upper_case_thumbprint_without_colons(caller: Caller) -> None:
    spoiled = [
        caller.kid.lower(),
        ":".join(caller.kid[place : place + 2] for place in range(0, 40, 2)),
        caller.kid[:-1],
        "",
    ]
    for kid in spoiled:
        assert_not_authenticated(caller, caller.assertion(kid=kid), "kid is not")
    assert_not_authenticated(caller, caller.assertion(kid="0" * 40), "names no token certificate")


def test_a_transport_certificate_does_not_sign_assertions(caller: Caller, keys: Keys) -> None:
    chain = caller.bank.sign_csr(make_csr(keys[1]), client_id=caller.client.client_id, use="transport")
    assert_not_authenticated(caller, signed_with(caller, chain, keys[1]), "names no token certificate")


def test_another_clients_certificate_is_refused(make_caller: MakeCaller, keys: Keys) -> None:
    caller = make_caller(clients=2)
    other = list(caller.bank.clients)[1]
    chain = caller.bank.sign_csr(make_csr(keys[1]), client_id=other, use="oauth")
    assert_not_authenticated(caller, signed_with(caller, chain, keys[1]), "names no token certificate")


def test_a_certificate_of_another_environment_is_refused(caller: Caller, keys: Keys) -> None:
    who = caller.client.client_id
    chain = caller.bank.sign_csr(make_csr(keys[1]), client_id=who, use="oauth", environment="production")
    assert_not_authenticated(caller, signed_with(caller, chain, keys[1]), "another environment")


def test_certificates_out_of_date_or_revoked_are_refused(caller: Caller, keys: Keys) -> None:
    who, now = caller.client.client_id, datetime.now(UTC)
    for key, begin in ((keys[1], now - timedelta(days=40)), (keys[2], now + timedelta(days=1))):
        chain = caller.bank.sign_csr(
            make_csr(key), client_id=who, use="oauth", not_before=begin, valid_days=30
        )
        assert_not_authenticated(caller, signed_with(caller, chain, key), "expired, not yet valid or revoked")
    caller.bank.revoke_certificate(caller.kid)
    assert_not_authenticated(caller, caller.assertion(), "expired, not yet valid or revoked")


def test_old_and_new_certificate_work_side_by_side(caller: Caller, keys: Keys) -> None:
    chain = caller.bank.sign_csr(
        make_csr(keys[1], common_name=caller.client.client_id), client_id=caller.client.client_id, use="oauth"
    )
    assert caller.ask_token().status == 200
    assert caller.ask_token(caller.form(assertion=signed_with(caller, chain, keys[1]))).status == 200


def test_an_unknown_client_learns_no_more_than_a_wrong_assertion_does(caller: Caller) -> None:
    answer = caller.ask_token(caller.form(client_id="CC-900099-Z100099-200099-UAT"))
    assert (answer.status, answer.json) == (400, REFUSED)


def test_a_client_that_is_not_approved_yet_gets_no_token(make_caller: MakeCaller) -> None:
    caller = make_caller("not-approved")
    answer = caller.ask_token()
    assert answer.status == 403
    assert answer.json == {
        "error": "unauthorized_client",
        "error_description": "MSIS9605: The client is not allowed to access the requested resource.",
    }
    caller.bank.approve(caller.client.client_id)
    assert caller.ask_token().status == 200


def test_an_unknown_and_a_foreign_resource_are_refused(make_caller: MakeCaller) -> None:
    caller = make_caller(clients=2)
    unknown = caller.ask_token(caller.form(resource="JPMC:URI:RS-0-0-Nothing-UAT"))
    assert (unknown.status, unknown.json["error"]) == (400, "invalid_resource")
    foreign = caller.ask_token(caller.form(resource=list(caller.bank.clients.values())[1].resource))
    assert (foreign.status, foreign.json["error"]) == (403, "unauthorized_client")


@pytest.mark.parametrize(
    "field", ["grant_type", "client_id", "resource", "client_assertion_type", "client_assertion"]
)
def test_every_field_of_the_form_is_demanded(caller: Caller, field: str) -> None:
    answer = caller.ask_token(caller.form(**{field: "<absent>"}))
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


def test_the_form_is_read_strictly(caller: Caller) -> None:
    assert caller.ask_token(caller.form(grant_type="password")).json["error"] == "unsupported_grant_type"
    assert caller.ask_token(caller.form(client_assertion_type="jwt")).json["error"] == "invalid_request"
    assert caller.ask_token(caller.form(scope="all")).json["error"] == "invalid_request"
    assert caller.ask_token(**{"Content-Type": "application/json"}).json["error"] == "invalid_request"
    assert caller.ask_token(slash="?resource=x").json["error"] == "invalid_request"


def test_the_log_holds_neither_assertion_nor_token(caller: Caller) -> None:
    form = caller.form()
    token = caller.ask_token(form).json["access_token"]
    caller.token = token
    caller.balances()
    written = json.dumps([logged._asdict() for logged in caller.bank.requests])
    assert token not in written
    assert form["client_assertion"] not in written
    assert [(logged.path, logged.status) for logged in caller.bank.requests] == [
        ("/adfs/oauth2/token", 200),
        ("/accessapi/balance", 200),
    ]
