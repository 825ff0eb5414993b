"""Looking after what is sealed: rotation of key-encryption keys, and proof that everything still opens."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from audit.recording import Actor, record
from audit.workflow import OperationRefused
from certificates import custody, queries
from certificates.models import LIVE, OPEN, KeyEnvelope, KeyPair


@dataclass(slots=True)
class Rotation:
    """What a rotation did: how many were re-wrapped, which failed and why, and what each version seals."""

    rewrapped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    per_version: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether one key opens: its row, the version that seals it, and the problem, empty if there is none."""

    key: KeyPair
    kek_version: str
    problem: str


def rotate_keks(*, actor: Actor, now: datetime, batch: int = 100) -> Rotation:
    """Re-wrap every data key under the active version, ``batch`` envelopes a transaction; ciphertexts stay.

    Safe to stop, repeat and run beside readers. Envelopes that do not open are named in ``failed`` and left
    alone. Raises CustodyFailed when the active version itself is wrong.
    """
    custody.prove(now=now)
    done = Rotation()
    last: uuid.UUID | None = None
    while (last := _rotate_batch(last, batch, done, actor, now)) is not None:
        pass
    done.per_version = queries.envelopes_per_version()
    return done


def verify_custody(*, actor: Actor, now: datetime, sample: int | None = None) -> list[Proof]:
    """Open every sealed key (or ``sample`` of them at random), compare it with its row; return the proofs.

    Each opening is recorded. Keys that should be sealed and are not are found too. Raises RuntimeError in a
    transaction.
    """
    rows = KeyEnvelope.objects.select_related("key").order_by("?" if sample is not None else "pk")
    proofs = [_proof(row, actor, now) for row in rows[:sample]]
    lost = KeyPair.objects.filter(state__in=[*OPEN, *LIVE], envelope__isnull=True).order_by("pk")
    return proofs + [Proof(key, "", "Its private key is missing.") for key in lost]


def _rotate_batch(
    after: uuid.UUID | None, size: int, done: Rotation, actor: Actor, now: datetime
) -> uuid.UUID | None:
    active = custody.provider()
    with transaction.atomic():
        due = KeyEnvelope.objects.exclude(provider=active.name, kek_version=active.current())
        if after is not None:
            due = due.filter(pk__gt=after)
        # A row somebody else holds is being rotated there; the next run sees it if not.
        rows = list(
            due.select_for_update(skip_locked=True, of=("self",)).select_related("key").order_by("pk")[:size]
        )
        before = {row.pk: row.kek_version for row in rows}
        moved = [row for row in rows if _rewrapped(row, done)]
        for row in moved:
            record(
                verb="certificates.key_rewrapped",
                actor=actor,
                subject=row.key,
                now=now,
                data={"from": before[row.pk], "to": row.kek_version},
            )
    done.rewrapped += len(moved)
    return rows[-1].pk if rows else None


def _rewrapped(row: KeyEnvelope, done: Rotation) -> bool:
    try:
        return custody.rewrap(row)
    except custody.CustodyFailed as problem:
        done.failed[str(row.pk)] = problem.sentence
        return False


def _proof(row: KeyEnvelope, actor: Actor, now: datetime) -> Proof:
    try:
        with custody.unseal(key=row.key, actor=actor, purpose="custody check", now=now):
            return Proof(row.key, row.kek_version, "")
    except OperationRefused as problem:
        return Proof(row.key, row.kek_version, problem.sentence)
