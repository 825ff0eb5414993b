"""Looking after what is sealed: rotation of key-encryption keys, and proof that everything still opens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from audit.recording import Act, Actor, record_many
from certificates import custody, queries
from certificates.models import LIVE, OPEN, KeyEnvelope, KeyPair, Sealed, sealed_models
from certificates.operations.wraps import (
    BATCH,
    SECOND,
    WRAP,
    Change,
    Rotation,
    Sweep,
    Watch,
    in_batches,
    row_name,
    run,
)
from certificates.wrapping import Wrapping, wrapping


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether one sealed row opens: its model and name, the version that seals it, and the problem or nothing."""

    model: str
    row: str
    kek_version: str
    problem: str = ""

    @property
    def of_key(self) -> bool:
        """Say whether the row is a private key's."""
        return self.model == KeyEnvelope._meta.label_lower


@dataclass(frozen=True, slots=True)
class Standing:
    """What the keyring holds up: rows per version, versions that may leave it, and the rows' recovery wraps.

    Without a recovery key configured, the three last counts say who has one all the same.
    """

    needed: dict[tuple[str, str], int]
    may_leave: list[tuple[str, str]]
    recovery_key: str
    with_recovery: int
    without_recovery: int
    for_another: int

    @property
    def behind(self) -> int:
        """Return how many rows lack the wrap of the configured recovery key."""
        return self.without_recovery + self.for_another if self.recovery_key else 0


def rotate_keks(*, actor: Actor, now: datetime, batch: int = BATCH, watch: Watch | None = None) -> Rotation:
    """Wrap every data key, of every sealed model, under the active version, ``batch`` rows a transaction.

    Where a recovery key is configured, rows without its wrap get one. Ciphertexts are not even read. Safe to
    stop, kill, repeat and run beside readers and writers. Rows that do not open are named in ``failed`` and left
    alone; whatever is still wrapped otherwise at the end is counted in ``remaining``. Raises CustodyFailed when
    the configuration is wrong, and KeyServiceSilent when the key service fails; run it again then.
    """
    custody.prove(now=now)
    now_wrapped = wrapping()
    unread = ("nonce", "ciphertext", "recovery_dek")
    sweep = Sweep(due=now_wrapped.due(), change=lambda row: _rewrapped(now_wrapped, row), unread=unread)
    return run(sweep, actor=actor, now=now, batch=batch, watch=watch)


def verify_custody(
    *, actor: Actor, now: datetime, sample: int | None = None, watch: Watch | None = None
) -> Iterator[Proof]:
    """Open every sealed row (or ``sample`` of each model at random), compare keys with theirs; yield the proofs.

    Each opening is recorded, and the record committed, before it happens; nothing of what was opened is kept.
    Keys that should be sealed and are not are found too. Raises RuntimeError in a transaction, and
    KeyServiceSilent.
    """
    models = sealed_models()
    total = sum(min(sample or rows, rows) for rows in (m._default_manager.count() for m in models))
    done = 0
    for model in models:
        for rows in in_batches(chosen(model, sample), BATCH):
            record_openings(rows, purpose="custody check", actor=actor, now=now)
            yield from (_proof(row) for row in rows)
            done += len(rows)
            if watch:
                watch(done, total)
    lost = KeyPair.objects.filter(state__in=[*OPEN, *LIVE], envelope__isnull=True).order_by("pk")
    for pk in lost.values_list("pk", flat=True).iterator():
        yield Proof(KeyEnvelope._meta.label_lower, str(pk), "", "Its private key is missing.")


def standing() -> Standing:
    """Return which versions rows still need, which may leave the keyring, and how the recovery wraps stand.

    Raises a KekError for a wrong configuration.
    """
    active = custody.provider()
    recovery = custody.recovery_key()
    needed = queries.envelopes_per_version()
    idle = sorted(active.versions() - {active.current()})
    wraps = queries.recovery_wraps()
    ours = wraps.get(recovery.fingerprint, 0) if recovery else sum(wraps.values()) - wraps.get("", 0)
    return Standing(
        needed=needed,
        may_leave=[(active.name, version) for version in idle if (active.name, version) not in needed],
        recovery_key=recovery.fingerprint if recovery else "",
        with_recovery=ours,
        without_recovery=wraps.get("", 0),
        for_another=sum(wraps.values()) - ours - wraps.get("", 0),
    )


def chosen(model: type[Sealed], sample: int | None) -> QuerySet[Sealed]:
    """Return every row of a sealed model, or ``sample`` of them picked at random by the database."""
    rows = model.with_facts()
    if sample is None:
        return rows
    picked = model._default_manager.order_by("?").values_list("pk", flat=True)[:sample]
    return rows.filter(pk__in=list(picked))


def record_openings(rows: list[Sealed], *, purpose: str, actor: Actor, now: datetime) -> None:
    """Commit one entry a row before any of them is opened."""
    acts = [
        Act(
            verb="certificates.key_used" if isinstance(row, KeyEnvelope) else "certificates.seal_opened",
            subject=row.audited_as(),
            data={"purpose": purpose, "provider": row.provider, "kek_version": row.kek_version},
        )
        for row in rows
    ]
    with transaction.atomic(durable=True):
        record_many(acts, actor=actor, now=now)


def _rewrapped(how: Wrapping, row: Sealed) -> Change:
    before = row.kek_version
    moved, second = how.apply(row)
    data = {"from": before, "to": row.kek_version} if moved else {}
    if second:
        data["recovery_key"] = row.recovery_key
    verb = "certificates.key_rewrapped" if moved else "certificates.recovery_wrapped"
    return Change((WRAP if moved else ()) + (SECOND if second else ()), verb, data)


def _proof(row: Sealed) -> Proof:
    problem = ""
    try:
        custody.check(row)
    except custody.KeyServiceSilent:
        raise
    except custody.CustodyFailed as refusal:
        problem = refusal.sentence
    return Proof(row._meta.label_lower, row_name(row), row.kek_version, problem)
