"""What an attacker, or two people in a hurry, would try on custody."""

from __future__ import annotations

import base64
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from audit.recording import Actor
from certificates import operations
from certificates.kek import env
from certificates.models import Act, KeyEnvelope, KeyPair
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
