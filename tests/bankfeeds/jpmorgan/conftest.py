"""Authorities, certificates and TLS contexts made on the spot, and the tiny bank that uses them."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bankfeeds.jpmorgan.client import Client, Endpoint, TokenCache
from tests.bankfeeds.jpmorgan.desk import KID, NOW, TOKEN_PATH, Desk, Reply, Script
from tests.bankfeeds.jpmorgan.tiny_bank import Answer, Authority, Said, TinyBank


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority("INVENTED BANK ROOT")


@pytest.fixture(scope="session")
def server_identity(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority.leaf(tmp_path_factory.mktemp("server"), "server", hosts=("127.0.0.1", "localhost"))


@pytest.fixture(scope="session")
def client_identity(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority.leaf(tmp_path_factory.mktemp("client"), "harbor-kettle-client")


def strict_context(roots_pem: str, identity: Path | None = None) -> ssl.SSLContext:
    """Return a context that trusts `roots_pem` alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=roots_pem)
    if identity:
        context.load_cert_chain(identity)
    return context


@pytest.fixture
def context(authority: Authority) -> ssl.SSLContext:
    return strict_context(authority.pem)


@pytest.fixture
def client_context(authority: Authority, client_identity: Path) -> ssl.SSLContext:
    return strict_context(authority.pem, client_identity)


@pytest.fixture
def tiny_bank(server_identity: Path) -> Iterator[Callable[..., TinyBank]]:
    """Return a function that starts a server with the given answer; all are stopped at the end."""
    with ExitStack() as running:

        def start(answer: Answer, identity: Path = server_identity, **options: Any) -> TinyBank:
            return running.enter_context(TinyBank(identity, answer, **options))

        yield start


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def desk(
    tiny_bank: Callable[..., TinyBank], context: ssl.SSLContext, key: rsa.RSAPrivateKey
) -> Iterator[Callable[..., Desk]]:
    """Return a function that starts a bank with replies and a client for it."""
    clients: list[Client] = []

    def open_desk(*replies: Reply, tokens: list[Said] | None = None, **options: Any) -> Desk:
        script, slept = Script(*replies, tokens=tokens), list[float]()
        bank = tiny_bank(script)
        endpoint = Endpoint(
            api_host=bank.url,
            token_url=bank.url + TOKEN_PATH,
            audience=bank.url + TOKEN_PATH,
            resource="JPMC:URI:RS-900001-90001-SimBankFeed-UAT",
            client_id="CC-900001-Z100001-200001-UAT",
            auth="oauth",
        )
        client = Client(
            endpoint,
            context=context,
            sign=lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA256()),
            kid=KID,
            tokens=options.pop("cache", None) or TokenCache(),
            clock=lambda: NOW,
            sleep=slept.append,
            **options,
        )
        clients.append(client)
        return Desk(bank, script, client, slept)

    yield open_desk
    for client in clients:
        client.close()
