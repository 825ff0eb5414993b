"""A key is tried at the bank by whoever holds it, and every try is written down."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import OperationRefused, PermissionMissing
from certificates import holders, operations
from certificates.models import Certificate, KeyPair
from tests.certificates.operations.stand import LET_IN, SCOPE, Stand

Install = Callable[..., Certificate]


@pytest.fixture
def key(install: Install, stand: Stand) -> KeyPair:
    return install(SCOPE, environment="production").key


def told() -> list[tuple[str, Any]]:
    entries = AuditEntry.objects.filter(verb__contains="proven").order_by("number")
    return [(entry.verb, json.loads(entry.data)["sentence"]) for entry in entries]


def facts(key: KeyPair) -> tuple[Any, ...]:
    key = KeyPair.objects.get(pk=key.pk)
    return key.proven_at, key.proof_tried_at, key.proof_problem


def test_a_proof_is_kept_with_the_key_and_in_the_audit(key: KeyPair, now: datetime, actor: Actor) -> None:
    proven = operations.prove_key(pk=key.pk, actor=actor, now=now)
    assert (proven.state, facts(key)) == ("certified", (now, now, ""))
    assert told() == [("certificates.key_proven", LET_IN)]


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (holders.ProofFailed("The bank says no."), holders.ProofFailed),
        (OperationRefused("The bank says no."), holders.NotTried),
    ],
)
def test_a_refusal_is_recorded_and_undoes_no_earlier_proof(
    refusal: Exception,
    kind: type[Exception],
    key: KeyPair,
    stand: Stand,
    now: datetime,
    actor: Actor,
) -> None:
    operations.prove_key(pk=key.pk, actor=actor, now=now)
    later = now + timedelta(hours=1)
    stand.refuses = refusal
    with pytest.raises(holders.ProofFailed, match="The bank says no") as refused:
        operations.prove_key(pk=key.pk, actor=actor, now=later)
    assert type(refused.value) is kind
    assert facts(key) == (now, later, "The bank says no.")
    assert told()[1:] == [("certificates.key_not_proven", "The bank says no.")]


def test_a_key_nobody_uses_or_out_of_use_is_not_tried(
    key: KeyPair, install: Install, stand: Stand, now: datetime, actor: Actor
) -> None:
    stray = install("nobody:harbor").key
    operations.retire_key(pk=key.pk, actor=actor, now=now)
    for each, why in ((stray, "Nothing here uses"), (key, "is retired: there is nothing to prove")):
        with pytest.raises(holders.NotTried, match=why):
            operations.prove_key(pk=each.pk, actor=actor, now=now)
    assert (stand.tried, told()) == ([], [])


def test_a_person_without_the_right_tries_nothing(
    key: KeyPair, stand: Stand, people: Any, now: datetime
) -> None:
    for who in ("outsider", "auditor"):
        with pytest.raises(PermissionMissing):
            operations.prove_key(pk=key.pk, actor=Actor.user(people[who]), now=now)
    assert stand.tried == []


def test_daily_work_notes_the_same_news_once_a_day(key: KeyPair, now: datetime, actor: Actor) -> None:
    news = [
        (0, ""),
        (1, ""),
        (23, ""),
        (24, ""),
        (25, "No."),
        (26, "No."),
        (27, ""),
        (49, "No."),
        (73, "No."),
    ]
    for hours, problem in news:
        operations.note_proof(
            pk=key.pk, proven=LET_IN, problem=problem, actor=actor, now=now + timedelta(hours=hours)
        )
    yes, no = ("certificates.key_proven", LET_IN), ("certificates.key_not_proven", "No.")
    assert told() == [yes, yes, no, yes, no, no]
    assert facts(key) == (now + timedelta(hours=27), now + timedelta(hours=73), "No.")


def test_old_news_costs_one_question_and_no_lock(
    key: KeyPair, now: datetime, actor: Actor, django_assert_num_queries: Any
) -> None:
    operations.note_proof(pk=key.pk, proven=LET_IN, actor=actor, now=now)
    with django_assert_num_queries(1) as asked:
        operations.note_proof(pk=key.pk, proven=LET_IN, actor=actor, now=now)
    assert "FOR UPDATE" not in str(asked.captured_queries)
