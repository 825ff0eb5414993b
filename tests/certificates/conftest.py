"""Keys and authorities that are expensive to make, made once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509 as pyca

from certificates import operations, x509
from certificates.models import Certificate, KeyPair
from tests.certificates.authority import Authority, pem


@pytest.fixture(scope="session")
def root() -> Authority:
    return Authority("Harbour Test Root (not a bank)")


@pytest.fixture(scope="session")
def issuing(root: Authority) -> Authority:
    return Authority("Harbour Test Issuing (not a bank)", root)


@pytest.fixture(scope="session")
def rsa_key() -> Any:
    return x509.make_key("rsa-2048")


@pytest.fixture(scope="session")
def other_rsa_key() -> Any:
    return x509.make_key("rsa-2048")


@pytest.fixture(scope="session")
def subject() -> x509.Subject:
    return x509.Subject(
        country="US",
        state="New York",
        locality="New York",
        organization="Harbor Kettle Integrations Inc",
        unit="Bank Integrations",
        common_name="harbor.oauth.test.lockkeeper",
    )


@pytest.fixture(scope="session")
def csr(rsa_key: Any, subject: x509.Subject) -> pyca.CertificateSigningRequest:
    return x509.make_csr(rsa_key, subject, client_auth=True)


@pytest.fixture
def request_key(db: Any, now: datetime, actor: Any) -> Callable[..., KeyPair]:
    """Return a function that makes a key with its request for a scope."""

    def make(scope: str = "connection:harbor", **more: Any) -> KeyPair:
        wanted = {"use": "oauth", "environment": "test", "actor": actor, "now": now, **more}
        return operations.generate_csr(scope=scope, **wanted)

    return make


@pytest.fixture
def install(
    request_key: Callable[..., KeyPair], issuing: Authority, root: Authority, now: datetime, actor: Any
) -> Callable[..., Certificate]:
    """Return a function that requests a key and installs its certificate.

    In test a successor takes over as one does that the bank let in; with ``waits`` it waits for its proof.
    """

    def make(
        scope: str = "connection:harbor",
        *,
        by: Any = None,
        signing: Any = None,
        waits: bool = False,
        **more: Any,
    ) -> Certificate:
        key = request_key(scope, **more)
        leaf = issuing.sign(key.csr_pem, **(signing or {}))
        material = pem(leaf, issuing.certificate, root.certificate)
        found = operations.install_certificate(scope=scope, material=material, actor=by or actor, now=now)
        if found.key.is_test and found.key.state == "certified" and not waits:
            operations.record_proof(pk=found.key_id, proven="It was let in.", actor=actor, now=now)
            found.key = operations.activate_key(pk=found.key_id, actor=actor, now=now)
        return found

    return make
