"""What happened to a key, told from the audit record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.recording import Actor, record
from certificates import operations
from certificates.models import Certificate, KeyPair
from certificates.timeline import timeline

Install = Callable[..., Certificate]


def use(key: KeyPair, *, by: Actor, at: datetime, version: str = "test1", purpose: str = "pull") -> None:
    data = {"purpose": purpose, "provider": "env", "kek_version": version}
    with transaction.atomic():
        record(verb="certificates.key_used", actor=by, subject=key, now=at, data=data)


def told(key: KeyPair, **more: Any) -> list[tuple[str, str, int]]:
    return [(event.verb.split(".")[-1], event.who, event.times) for event in timeline(key, **more).events]


def test_acts_on_key_and_certificate_are_told_newest_first(
    install: Install, people: dict[str, Any], now: datetime
) -> None:
    certificate = install(by=Actor.user(people["operator"]))
    operations.record_proof(
        pk=certificate.key.pk, proven="It let us in.", actor=Actor.task("prove"), now=now + timedelta(days=1)
    )
    operations.watch_expiry(now=certificate.not_after - timedelta(days=20))
    install("connection:somebody-else")
    assert told(certificate.key) == [
        ("expiry_noticed", "warn_expiring_certificates", 1),
        ("key_proven", "prove", 1),
        ("go_live_in_test", "operator", 1),
        ("certify", "operator", 1),
        ("issue_csr", "test", 1),
    ]


def test_uses_are_added_up_per_actor_and_purpose_whatever_sealed_the_key(
    request_key: Callable[..., KeyPair], now: datetime
) -> None:
    key, pulls = request_key(), Actor.task("pull_feeds")
    for hours in range(1, 4):
        use(key, by=pulls, at=now + timedelta(hours=hours))
    use(key, by=pulls, at=now + timedelta(hours=9), version="test2")
    use(key, by=Actor.command("verify_custody"), at=now + timedelta(hours=5), purpose="custody check")
    assert told(key) == [
        ("key_used", "pull_feeds", 4),
        ("key_used", "verify_custody", 1),
        ("issue_csr", "test", 1),
    ]
    first = timeline(key).events[0]
    assert (first.number, first.first, first.at) == (None, now + timedelta(hours=1), now + timedelta(hours=9))


def test_a_person_who_is_gone_stays_a_number(
    request_key: Callable[..., KeyPair], people: dict[str, Any], now: datetime
) -> None:
    number = people["operator"].pk
    key = request_key(actor=Actor.user(people["operator"]))
    KeyPair.objects.update(owner=None)
    people["operator"].delete()
    assert told(key) == [("issue_csr", f"person {number}", 1)]


def test_a_long_story_is_cut_at_its_old_end_and_says_so(install: Install) -> None:
    key = install().key
    short = timeline(key, most=2)
    assert ([event.verb.split(".")[-1] for event in short.events], short.older) == (
        ["go_live_in_test", "certify"],
        True,
    )
    assert timeline(key, most=3).older is False


def test_it_takes_the_same_queries_however_often_the_key_was_used(install: Install, now: datetime) -> None:
    key, counts = install().key, []
    for uses in (1, 20):
        for n in range(uses):
            use(key, by=Actor.task("pull_feeds"), at=now + timedelta(minutes=n))
        with CaptureQueriesContext(connection) as asked:
            timeline(key)
        counts.append(len(asked))
    assert counts == [4, 4]
