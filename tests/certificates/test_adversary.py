"""What an attacker, or two people in a hurry, would try on custody."""

from __future__ import annotations

import base64
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import OperationRefused
from certificates import custody, identity, operations
from certificates.kek import env
from certificates.models import Act, KekCanary, KeyEnvelope, KeyPair
from tests.certificates.authority import Authority, pem
from tests.certificates.kek.transit import Key, TransitServer
from tests.certificates.operations.sealed import seal_key
from tests.certificates.two_people import ask

MakeKey = Callable[..., KeyPair]


def keyring_entry(version: str) -> str:
    return f"{version}:" + base64.b64encode(os.urandom(32)).decode()


def wait_until_somebody_waits() -> None:
    """Return as soon as another session of this database waits for a lock, or after a second."""
    for _ in range(100):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
def test_a_key_destroyed_while_its_seal_is_rotated_waits_its_turn(
    request_key: MakeKey, people: Any, settings: Any, now: datetime, actor: Actor, monkeypatch: Any
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite admits one writer at a time")
    key = request_key()
    operations.reject_key(pk=key.pk, actor=actor, now=now)
    asked = ask(Act.DESTROY, key, by=people["operator"], now=now)
    settings.KEK_KEYRING, settings.KEK_ACTIVE = f"{settings.KEK_KEYRING},{keyring_entry('test2')}", "test2"
    said: list[str] = []

    def destroy() -> None:
        try:
            operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now)
            said.append("destroyed")
        except Exception as problem:
            said.append(repr(problem))
        finally:
            connection.close()

    other = threading.Thread(target=destroy)
    rewrap = env.Keyring.rewrap

    def in_the_middle(*arguments: Any) -> Any:
        # The batch holds the envelope's row here, and not yet the head of the chain.
        if other.ident is None:
            other.start()
            wait_until_somebody_waits()
        return rewrap(*arguments)

    monkeypatch.setattr(env.Keyring, "rewrap", in_the_middle)
    done = operations.rotate_keks(actor=actor, now=now)
    other.join()
    assert (done.rewrapped, said, KeyEnvelope.objects.count()) == (1, ["destroyed"], 0)


def meanwhile(fragment: str, act: Callable[[], object]) -> Any:
    """Return a context in which ``act`` is done, once, right after the first statement that holds ``fragment``."""
    done: list[bool] = []

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found = execute(sql, params, many, context)
        if fragment in sql and not done:
            done.append(True)
            act()
        return found

    return connection.execute_wrapper(wrapper)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("use", ["tls", "sign"])
def test_a_key_is_not_used_once_it_is_marked_as_compromised(
    install: Any, root: Authority, now: datetime, actor: Actor, use: str
) -> None:
    key = install().key

    def compromise() -> None:
        operations.mark_compromised(pk=key.pk, actor=actor, now=now, reason="Seen elsewhere.")

    told = {"key": key, "actor": actor, "purpose": "test", "now": now}
    with meanwhile('FROM "certificates_certificate"', compromise), pytest.raises(OperationRefused):
        if use == "tls":
            identity.tls_context(roots_pem=pem(root.certificate).decode(), **told)
        else:
            identity.sign(message=b"x", **told)
    assert AuditEntry.objects.latest("number").verb == "certificates.keypair.compromise"


@pytest.mark.django_db(transaction=True)
def test_a_key_compromised_while_it_is_exported_does_not_leave(
    install: Any, people: Any, settings: Any, now: datetime, actor: Actor
) -> None:
    settings.ALLOW_KEY_EXPORT = True
    key = install(environment="production").key
    asked = ask(Act.EXPORT, key, by=people["operator"], now=now)
    operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now)

    def compromise() -> None:
        operations.mark_compromised(pk=key.pk, actor=actor, now=now, reason="Seen elsewhere.")

    with (
        meanwhile('FROM "certificates_keyenvelope" INNER JOIN "certificates_keypair"', compromise),
        pytest.raises(OperationRefused),
    ):
        operations.export_key(
            pk=asked.pk, passphrase="obviously a test passphrase 42",
            actor=Actor.user(people["operator"]), now=now,
        )  # fmt: skip
    assert AuditEntry.objects.latest("number").verb == "certificates.keypair.compromise"


@pytest.fixture
def vault(settings: Any) -> Iterator[TransitServer]:
    """A Vault that holds the active version; it may rotate at any moment, and does so by itself."""
    with TransitServer() as server:
        server.keys["harbor"] = Key()
        settings.KEK_PROVIDER, settings.KEK_OPTIONS = "vault", server.options()
        yield server


def unadmitted() -> set[str]:
    used = KeyEnvelope.objects.values_list("kek_version", flat=True)
    return {*used} - {*KekCanary.objects.values_list("kek_version", flat=True)}


def test_a_version_that_nobody_admitted_does_not_seal_though_vault_rotates_in_between(
    vault: TransitServer, db: None, now: datetime
) -> None:
    seal_key(now)
    answer = vault.answer

    def rotating(method: str, path: str, body: dict[str, str]) -> Any:
        told = answer(method, path, body)
        if "/decrypt/" in path:  # the canary sang
            vault.keys["harbor"].secrets.append(os.urandom(32))
        return told

    vault.answer = rotating  # type: ignore[method-assign]
    with pytest.raises(custody.VersionMoved, match="went on to version “transit/harbor:v2” just now"):
        seal_key(now, 2)
    assert unadmitted() == set()


def test_a_rotation_stops_when_vault_rotates_and_ends_when_it_is_run_again(
    settings: Any, db: None, now: datetime, actor: Actor, vault: TransitServer
) -> None:
    settings.KEK_PROVIDER = "env"
    for number in range(2):
        seal_key(now, number)
    settings.KEK_PROVIDER = "vault"

    def rotated(*_: int) -> None:
        vault.keys["harbor"].secrets.append(os.urandom(32))

    with pytest.raises(custody.VersionMoved):
        operations.rotate_keks(actor=actor, now=now, batch=1, watch=rotated)
    assert unadmitted() == set()
    done = operations.rotate_keks(actor=actor, now=now)
    assert (done.per_version, unadmitted()) == ({("vault", "transit/harbor:v2"): 2}, set())
