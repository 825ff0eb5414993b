"""The live proof: the bank lets us in with this very key and certificate."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction

from audit.recording import Actor, record
from audit.workflow import OperationRefused, PermissionMissing
from certificates.holders import NotTried, ProofFailed, holder_of
from certificates.models import LIVE, KeyPair

NOTED_AGAIN_AFTER = timedelta(days=1)
"""How often daily work writes down that a key still lets us in, or still does not."""


def prove_key(
    *,
    pk: uuid.UUID | str,
    actor: Actor,
    now: datetime,
    reason: str = "",
    clock: Callable[[], datetime] | None = None,
) -> KeyPair:
    """Try the key at the bank and record the outcome, good or bad; return the key as it then is.

    The bank is asked outside any transaction. Raises ProofFailed (recorded), NotTried where the bank was not
    asked, or PermissionMissing.
    """
    if actor.account is not None and not actor.account.has_perm("certificates.prove_keypair"):
        raise PermissionMissing("You may not try keys at the bank: it needs “certificates.prove_keypair”.")
    key = KeyPair.objects.get(pk=pk)
    holder = holder_of(key.scope)
    if key.state not in LIVE:
        raise NotTried(f"{key.common_name} is {key.get_state_display()}: there is nothing to prove.")
    if holder is None:
        raise NotTried(f"Nothing here uses {key.common_name}: nobody can try it at the bank.")
    try:
        sentence = holder.prove(key=key, actor=actor, clock=clock or (lambda: now))
    except OperationRefused as refusal:
        record_proof(pk=key.pk, problem=refusal.sentence, actor=actor, now=now)
        if isinstance(refusal, ProofFailed):
            raise
        raise NotTried(refusal.sentence, refusal.missing) from None
    return record_proof(pk=key.pk, proven=sentence, actor=actor, now=now)


def record_proof(
    *, pk: uuid.UUID | str, proven: str = "", problem: str = "", actor: Actor, now: datetime
) -> KeyPair:
    """Write down that the bank let us in (``proven`` says how) or did not (``problem`` says why).

    A failure does not undo an earlier success: ``proven_at`` stays.
    """
    with transaction.atomic():
        key = KeyPair.objects.select_for_update().get(pk=pk)
        return _write(key, proven, problem, actor, now)


def note_proof(
    *, pk: uuid.UUID | str, proven: str = "", problem: str = "", actor: Actor, now: datetime
) -> KeyPair:
    """Record what daily work learned about a key as ``record_proof`` does, but the same news once a day only."""
    key = KeyPair.objects.get(pk=pk)
    if not _is_news(key, problem, now):
        return key  # no lock and no write: this is called after every pull
    with transaction.atomic():
        key = KeyPair.objects.select_for_update().get(pk=pk)
        return _write(key, proven, problem, actor, now) if _is_news(key, problem, now) else key


def _is_news(key: KeyPair, problem: str, now: datetime) -> bool:
    told = key.proof_tried_at if problem else key.proven_at
    return key.proof_problem != problem or told is None or told <= now - NOTED_AGAIN_AFTER


def _write(key: KeyPair, proven: str, problem: str, actor: Actor, now: datetime) -> KeyPair:
    key.proof_tried_at, key.proof_problem = now, problem
    if not problem:
        key.proven_at = now
    key.save(update_fields=["proof_tried_at", "proof_problem", "proven_at"])
    verb = "certificates.key_not_proven" if problem else "certificates.key_proven"
    record(verb=verb, actor=actor, subject=key, now=now, data={"sentence": problem or proven})
    return key
