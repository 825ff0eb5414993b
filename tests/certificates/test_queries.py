"""Questions about keys and certificates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from audit.recording import Actor
from certificates import operations, queries
from certificates.models import Certificate, KeyEnvelope

Install = Callable[..., Certificate]
SCOPE = "connection:harbor"


def test_the_usable_key_is_the_active_one_in_date(install: Install, request_key: Any, now: datetime) -> None:
    assert queries.usable(scope=SCOPE, use="oauth", now=now) is None
    request_key()
    assert queries.usable(scope=SCOPE, use="oauth", now=now) is None
    install()
    second = install()
    answers = [
        queries.usable(scope=SCOPE, use="oauth", now=now),
        queries.usable(scope=SCOPE, use="transport", now=now),
        queries.usable(scope="connection:kettle", use="oauth", now=now),
        queries.usable(scope=SCOPE, use="oauth", now=second.not_after),
        queries.usable(scope=SCOPE, use="oauth", now=second.not_before - timedelta(minutes=6)),
    ]
    assert answers == [second.key, None, None, None, None]


def test_the_open_request_and_the_keys_of_an_owner(install: Install, request_key: Any) -> None:
    done = install().key
    waiting = request_key()
    assert queries.open_request(scope=SCOPE, use="oauth", environment="test") == waiting
    assert set(queries.keys_of(scope=SCOPE)) == {done, waiting}
    assert queries.open_request(scope=SCOPE, use="transport", environment="test") is None


def test_what_ends_soon_comes_first_and_replaced_ones_not_at_all(
    install: Install, now: datetime, actor: Actor
) -> None:
    month = {"ends": now + timedelta(days=30)}
    replaced = install(signing=month)
    operations.record_proof(pk=install().key.pk, proven="It let us in.", actor=actor, now=now)
    later = install("connection:kettle", signing=month)
    sooner = install("connection:anchor", signing={"ends": now + timedelta(days=3)})
    gone = install("connection:buoy", signing=month)
    operations.retire_key(pk=gone.key.pk, actor=actor, now=now)
    found = list(queries.expiring(now=now, within=timedelta(days=90)))
    assert (found, replaced in found) == ([sooner, later], False)
    assert list(queries.expiring(now=now, within=timedelta(days=7))) == [sooner]


def test_live_names_and_rows_per_version(install: Install, now: datetime) -> None:
    first = install()
    assert list(queries.live_under(common_name=first.key.common_name, now=now)) == [first.key]
    assert queries.live_under(common_name=first.key.common_name, now=first.not_after).count() == 0
    assert queries.envelopes_per_version() == {("env", "test1"): 1}


def test_a_seal_is_told_without_what_it_seals(install: Install, now: datetime, actor: Actor) -> None:
    key = install().key
    assert queries.seal_of(key) == queries.Seal("env", "test1", recoverable=False)
    KeyEnvelope.objects.filter(key=key).update(recovery_key="ab" * 32)
    assert queries.seal_of(key) == queries.Seal("env", "test1", recoverable=True)
    KeyEnvelope.objects.filter(key=key).delete()
    assert queries.seal_of(key) is None


def test_neighbours_share_owner_use_and_environment(install: Install) -> None:
    first, other, second = install(), install(use="transport"), install()
    install("connection:kettle")
    assert [queries.neighbours(row) for row in (first, second, other)] == [
        (None, second),
        (first, None),
        (None, None),
    ]


def test_ends_are_counted_where_the_key_is_in_use(install: Install, now: datetime, actor: Actor) -> None:
    install(signing={"ends": now + timedelta(days=10)})
    gone = install("connection:gone", signing={"ends": now + timedelta(days=10)})
    operations.retire_key(pk=gone.key_id, actor=actor, now=now)
    assert queries.how_many_end(now=now, days=(0, 9, 10)) == [0, 0, 1]
    assert queries.how_many_end(now=now + timedelta(days=10), days=(0, 9, 10)) == [1, 0, 0]
