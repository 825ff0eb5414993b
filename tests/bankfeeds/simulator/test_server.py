from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from bankfeeds.simulator.authority import Authority, pem, read_csr
from bankfeeds.simulator.server import BankServer, PortTaken
from tests.bankfeeds.simulator.caller import Answer, Caller, call, make_csr, tls
from tests.bankfeeds.simulator.conftest import BuildBank, MakeCaller

Keys = list[rsa.RSAPrivateKey]
BALANCE = "/accessapi/balance"
JSON = {"Content-Type": "application/json"}


def ask(caller: Caller, context: ssl.SSLContext, **headers: str) -> Answer:
    return call(context, "POST", caller.running.mtls_url + BALANCE, body=b"{}", headers=JSON | headers)


def with_certificate(caller: Caller, key: rsa.RSAPrivateKey, **signing: object) -> ssl.SSLContext:
    options = {"client_id": caller.client.client_id, "use": "transport"} | signing
    chain = caller.bank.sign_csr(make_csr(key, common_name="transport-test"), **options)  # type: ignore[arg-type]
    return tls(caller.running.roots_pem, chain_pem=chain, key=key)


# Mutual TLS


def test_a_registered_transport_certificate_needs_no_bearer(caller: Caller, keys: Keys) -> None:
    context = with_certificate(caller, keys[1])
    answer = ask(caller, context)
    assert answer.status == 200
    assert [entry["accountId"] for entry in answer.json["accountList"]] == caller.bank.account_ids
    url = f"{caller.running.mtls_url}/tsapi/v3/transactions?accountIds={caller.bank.account_ids[0]}"
    assert call(context, "GET", url).status == 200
    assert caller.bank.requests[-1].listener == "mtls"


def test_without_a_client_certificate_there_is_no_connection(caller: Caller) -> None:
    with pytest.raises((ssl.SSLError, OSError)):
        ask(caller, tls(caller.running.roots_pem), Authorization=f"Bearer {caller.token}")
    assert [logged.listener for logged in caller.bank.requests] == ["oauth"]


def test_a_certificate_of_another_authority_is_refused_in_the_handshake(caller: Caller, keys: Keys) -> None:
    foreign = Authority.create(now=datetime.now(UTC))
    now = datetime.now(UTC)
    leaf = foreign.issue(read_csr(make_csr(keys[1])), not_before=now, not_after=now + timedelta(days=30))
    context = tls(caller.running.roots_pem, chain_pem=pem(leaf), key=keys[1])
    with pytest.raises((ssl.SSLError, OSError)):
        ask(caller, context)
    assert caller.bank.requests == []


def test_an_expired_certificate_is_refused_in_the_handshake(caller: Caller, keys: Keys) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=40)
    context = with_certificate(caller, keys[1], not_before=long_ago, valid_days=30)
    with pytest.raises((ssl.SSLError, OSError)):
        ask(caller, context)


def test_a_certificate_the_bank_signed_but_does_not_know_opens_nothing(caller: Caller, keys: Keys) -> None:
    now = datetime.now(UTC)
    leaf = caller.bank.authority.issue(
        read_csr(make_csr(keys[1])), not_before=now - timedelta(hours=1), not_after=now + timedelta(days=30)
    )
    answer = ask(caller, tls(caller.running.roots_pem, chain_pem=pem(leaf), key=keys[1]))
    assert (answer.status, caller.bank.requests[-1].reason) == (
        401,
        "The client certificate is not registered for transport.",
    )


def test_certificates_of_another_use_or_environment_open_nothing(caller: Caller, keys: Keys) -> None:
    contexts = {
        "not registered for transport": with_certificate(caller, keys[1], use="oauth"),
        "another environment": with_certificate(caller, keys[2], environment="production"),
    }
    for reason, context in contexts.items():
        assert ask(caller, context).status == 401
        assert reason in caller.bank.requests[-1].reason


def test_a_revoked_transport_certificate_opens_nothing(caller: Caller, keys: Keys) -> None:
    context = with_certificate(caller, keys[1])
    assert ask(caller, context).status == 200
    for known in caller.bank.registry.of_client(caller.client.client_id):
        caller.bank.revoke_certificate(known.thumbprint)
    assert ask(caller, context).status == 401


def test_a_client_that_is_not_approved_is_told_so_over_mutual_tls(
    make_caller: MakeCaller, keys: Keys
) -> None:
    caller = make_caller("not-approved")
    answer = ask(caller, with_certificate(caller, keys[1]))
    assert (answer.status, answer.json["errors"][0]["errorCode"]) == (403, "GCA-001")


def test_each_client_sees_its_own_accounts(make_caller: MakeCaller, keys: Keys) -> None:
    caller = make_caller(clients=2)
    second = list(caller.bank.clients.values())[1]
    answer = ask(caller, with_certificate(caller, keys[1], client_id=second.client_id))
    assert [entry["accountId"] for entry in answer.json["accountList"]] == second.accounts


def test_a_bearer_beside_the_certificate_must_be_live_and_of_the_same_client(
    caller: Caller, keys: Keys
) -> None:
    context = with_certificate(caller, keys[1])
    assert ask(caller, context, Authorization=f"Bearer {caller.token}").status == 200
    assert ask(caller, context, Authorization="Bearer sim.invented").status == 401


def test_tokens_are_not_issued_on_the_mutual_tls_listener(caller: Caller, keys: Keys) -> None:
    context = with_certificate(caller, keys[1])
    assert call(context, "POST", f"{caller.running.mtls_url}/adfs/oauth2/token", body=b"x=y").status == 404


# TLS and HTTP


def test_the_server_is_localhost_under_the_banks_root_only(caller: Caller) -> None:
    stranger = tls(Authority.create(now=datetime.now(UTC)).root_pem)
    with pytest.raises(ssl.SSLCertVerificationError):
        call(stranger, "POST", caller.running.oauth_url + BALANCE)
    by_address = caller.running.oauth_url.replace("localhost", "127.0.0.1")
    assert call(caller.context, "GET", by_address).status == 404


def test_tls_older_than_1_2_is_refused(caller: Caller) -> None:
    old = tls(caller.running.roots_pem)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)):
        call(old, "GET", caller.running.oauth_url)


def test_one_connection_carries_many_requests(caller: Caller) -> None:
    port = int(caller.running.oauth_url.rsplit(":", 1)[1])
    connection = http.client.HTTPSConnection("localhost", port, context=caller.context)
    headers = JSON | {"Authorization": f"Bearer {caller.token}"}
    sockets = set()
    for _ in range(3):
        connection.request("POST", BALANCE, b"{}", headers)
        response = connection.getresponse()
        assert (response.status, response.version) == (200, 11)
        assert len(json.loads(response.read())["accountList"]) == 2
        sockets.add(id(connection.sock))
    assert len(sockets) == 1
    connection.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Transfer-Encoding": "chunked"}, 411),
        ({"Content-Length": "1000001"}, 413),
        ({"Content-Length": "-1"}, 411),
    ],
)
def test_bodies_without_a_sane_length_are_refused(
    caller: Caller, headers: dict[str, str], status: int
) -> None:
    port = int(caller.running.oauth_url.rsplit(":", 1)[1])
    connection = http.client.HTTPSConnection("localhost", port, context=caller.context)
    connection.putrequest("POST", BALANCE)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


def test_a_caller_that_never_finishes_its_handshake_holds_up_nobody(caller: Caller) -> None:
    port = int(caller.running.oauth_url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)):
        assert caller.balances().status == 200


# Starting and stopping


def bank_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread is not threading.main_thread()]


def test_the_end_leaves_no_thread_and_frees_the_ports(build_bank: BuildBank, keys: Keys) -> None:
    before = bank_threads()
    with BankServer(build_bank()) as running:
        caller = Caller(running, keys[0])
        port = int(running.oauth_url.rsplit(":", 1)[1])
        idle = http.client.HTTPSConnection("localhost", port, context=caller.context)
        idle.request("GET", "/")
        idle.getresponse().read()
        silent = socket.create_connection(("127.0.0.1", port))
        begun = time.monotonic()
    assert time.monotonic() - begun < 3
    assert bank_threads() == before
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    idle.close()
    silent.close()


def test_a_port_in_use_is_a_sentence_and_leaves_nothing_open(build_bank: BuildBank) -> None:
    before = bank_threads()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken) as refusal:
            BankServer(build_bank(), mtls_port=port).start()
    assert str(refusal.value) == (
        f"Port {port} on 127.0.0.1 cannot be used for the bank's mtls listener: Address already in use."
    )
    assert bank_threads() == before


def test_many_callers_at_once_are_served(make_caller: MakeCaller) -> None:
    caller = make_caller("busy", lines_per_day=1500)
    assert caller.token
    statuses: list[int] = []

    def work() -> None:
        for number in (1, 2):
            answer = caller.transactions(
                accountIds=caller.bank.account_ids[0],
                startDate="2026-06-02",
                endDate="2026-06-02",
                pageNumber=number,
            )
            statuses.append(answer.status)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 12
