"""A new key for every request, sealed before it is stored."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509 as pyca
from django.db import connection

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import PermissionMissing
from certificates import custody, operations, x509
from certificates.models import KeyEnvelope, KeyPair

MakeKey = Callable[..., KeyPair]


def test_a_request_carries_the_vendors_subject_and_a_name_of_its_own(request_key: MakeKey) -> None:
    key = request_key("connection:harbor", use="transport")
    csr = pyca.load_pem_x509_csr(key.csr_pem.encode())
    assert (csr.subject.rfc4514_string(), csr.is_signature_valid, key.algorithm, key.state) == (
        "CN=harbor.transport.test.lockkeeper,OU=Bank Integrations,O=Example Vendor Inc,L=New York,ST=New York,C=US",
        True,
        "rsa-2048",
        "csr_issued",
    )
    assert key.spki_sha256 == x509.spki_sha256(csr.public_key())


def test_the_private_key_is_stored_sealed_under_the_active_version(request_key: MakeKey) -> None:
    envelope = KeyEnvelope.objects.get(key=request_key())
    assert (envelope.format, envelope.provider, envelope.kek_version) == ("lk1", "env", "test1")


def test_the_request_is_recorded(request_key: MakeKey) -> None:
    key = request_key()
    entry = AuditEntry.objects.latest("number")
    assert (entry.verb, entry.subject_key) == ("certificates.keypair.issue_csr", str(key.pk))


def test_asking_again_returns_the_request_under_way(request_key: MakeKey) -> None:
    first, entries = request_key(), AuditEntry.objects.count()
    assert (request_key(), KeyPair.objects.count(), AuditEntry.objects.count()) == (first, 1, entries)


def test_every_owner_use_and_environment_has_a_key_of_its_own(request_key: MakeKey) -> None:
    keys = [
        request_key("connection:one"),
        request_key("connection:two"),
        request_key("connection:one", use="transport"),
        request_key("connection:one", environment="production"),
    ]
    assert [len({key.spki_sha256 for key in keys}), len({key.common_name for key in keys})] == [4, 4]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"scope": ""}, "A key needs an owner"),
        ({"use": "email"}, "“email” is not a use of a key"),
        ({"environment": "staging"}, "“staging” is not an environment"),
    ],
)
def test_nonsense_is_refused(request_key: MakeKey, wrong: dict[str, str], sentence: str) -> None:
    with pytest.raises(operations.RequestRefused, match=sentence):
        request_key(**wrong)
    assert KeyPair.objects.count() == 0


def test_a_subject_the_bank_would_refuse_is_refused_with_every_reason(
    request_key: MakeKey, settings: Any
) -> None:
    settings.CSR_SUBJECT = {"C": "us", "ST": "NY", "L": "NY", "O": "JPMorgan Friends"}
    with pytest.raises(operations.RequestRefused) as refusal:
        request_key()
    assert (len(refusal.value.missing), KeyPair.objects.count()) == (3, 0)


def test_a_person_without_the_right_gets_no_key(request_key: MakeKey, people: Any) -> None:
    with pytest.raises(PermissionMissing):
        request_key(actor=Actor.user(people["outsider"]))
    assert (KeyPair.objects.count(), KeyEnvelope.objects.count()) == (0, 0)


def test_a_keyring_that_cannot_seal_leaves_nothing(request_key: MakeKey, settings: Any) -> None:
    settings.KEK_ACTIVE = "elsewhere"
    with pytest.raises(custody.CustodyFailed, match="KEK_ACTIVE"):
        request_key()
    assert KeyPair.objects.count() == 0


def test_submission_and_rejection_are_recorded_with_their_reason(
    request_key: MakeKey, now: datetime, actor: Actor
) -> None:
    key = operations.mark_submitted(pk=request_key().pk, actor=actor, now=now)
    assert (key.state, key.submitted_at) == ("submitted", now)
    key = operations.reject_key(pk=key.pk, actor=actor, now=now, reason="wrong unit")
    entry = AuditEntry.objects.latest("number")
    assert (key.state, entry.reason) == ("rejected", "wrong unit")
    assert request_key().pk != key.pk


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_at_once_get_the_same_request(now: datetime) -> None:
    found: list[Any] = []
    barrier = threading.Barrier(2)

    def ask() -> None:
        barrier.wait()
        try:
            found.append(
                operations.generate_csr(
                    scope="connection:harbor",
                    use="oauth",
                    environment="test",
                    actor=Actor.command("test"),
                    now=now,
                ).pk
            )
        except BaseException as problem:
            found.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [KeyPair.objects.get().pk] * 2


def test_a_person_who_asks_for_a_key_looks_after_it(request_key: Any, people: Any) -> None:
    asked = request_key("connection:asked", actor=Actor.user(people["operator"]))
    scripted = request_key("connection:scripted")
    assert (asked.owner, scripted.owner) == (people["operator"], None)
