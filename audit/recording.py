"""The only door into the audit chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, models

from audit import chain
from audit.models import AuditEntry, ChainHead


class NotInTransaction(RuntimeError):
    """An entry was to be written outside the transaction of the act it describes."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a console user, a scheduled task, a command, or a customer's contact; named by key, not by name."""

    kind: str
    key: str
    account: Any = field(default=None, compare=False, repr=False)

    @classmethod
    def user(cls, user: Any) -> Actor:
        """Return the actor for a signed-in console user."""
        return cls("user", str(user.pk), user)

    @classmethod
    def task(cls, name: str) -> Actor:
        """Return the actor for a scheduled task."""
        return cls("task", name)

    @classmethod
    def command(cls, name: str) -> Actor:
        """Return the actor for a management command."""
        return cls("command", name)

    @classmethod
    def contact(cls, key: str) -> Actor:
        """Return the actor for a customer's contact, by primary key."""
        return cls("contact", key)


def record(
    *,
    verb: str,
    actor: Actor,
    subject: models.Model,
    now: datetime,
    reason: str = "",
    data: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Append one entry to the chain inside the caller's transaction and return it.

    ``verb`` is ``<app>.<what happened>``; ``data`` is JSON without floats, refers to rows by key and holds neither
    secrets nor personal data. Raises NotInTransaction outside ``transaction.atomic()``.

    Call it last: it locks the chain's head until the transaction ends, and every writer takes its own rows first
    and the head afterwards, so no two of them can wait for each other.
    """
    _require_transaction(verb)
    act = Act(verb=verb, subject=subject, reason=reason, data=data)
    head = _locked_head()
    entry = _append(head, act, actor, now)
    entry.save()
    head.save(update_fields=["number", "digest"])
    return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What one of many entries says; the words are those of ``record``."""

    verb: str
    subject: models.Model
    reason: str = ""
    data: Mapping[str, Any] | None = None


def record_many(acts: Sequence[Act], *, actor: Actor, now: datetime) -> None:
    """Append one entry per act, in their order, inside the caller's transaction: as ``record``, in fewer statements.

    The entries are, digest for digest, those that ``record`` would have written one by one. Call it last, and with
    batches: the chain's head is locked until the transaction ends. Raises NotInTransaction.
    """
    if not acts:
        return
    _require_transaction(acts[0].verb)
    head = _locked_head()
    entries = [_append(head, act, actor, now) for act in acts]
    # The model's own query set refuses to write many at once, so that this is the only place that does.
    models.QuerySet[AuditEntry](AuditEntry).bulk_create(entries)
    head.save(update_fields=["number", "digest"])


def _require_transaction(verb: str) -> None:
    if not connection.in_atomic_block:
        raise NotInTransaction(f"{verb} must be recorded in the transaction of the act itself")


def _append(head: ChainHead, act: Act, actor: Actor, now: datetime) -> AuditEntry:
    """Return the entry that follows ``head``, and move ``head`` (unsaved, as the entry is) to it."""
    entry = AuditEntry(
        number=head.number + 1,
        at=now,
        actor_kind=actor.kind,
        actor_key=actor.key,
        verb=act.verb,
        subject_type=act.subject._meta.label_lower,
        subject_key=str(act.subject.pk),
        reason=act.reason,
        data=chain.canonical(dict(act.data or {})),
        previous=head.digest,
    )
    entry.digest = chain.digest(entry.previous, entry.number, entry.hashed_fields())
    head.number, head.digest = entry.number, entry.digest
    return entry


def _locked_head() -> ChainHead:
    # SQLite has no row locks: its IMMEDIATE transactions already admit one writer at a time.
    head = ChainHead.objects.select_for_update().filter(pk=1).first()
    if head is None:
        ChainHead.objects.bulk_create([ChainHead(pk=1)], ignore_conflicts=True)
        head = ChainHead.objects.select_for_update().get(pk=1)
    return head
