"""Trying a connection's keys at the bank."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from audit.recording import Actor
from bankfeeds.models import Connection
from bankfeeds.operations.connections import begin_testing_if_ready
from certificates import operations as certificates
from certificates import queries
from certificates.holders import NotTried, ProofFailed
from certificates.models import KeyPair, KeyState


def prove_keys(
    *,
    pk: int,
    use: str = "",
    actor: Actor,
    now: datetime,
    reason: str = "",
    clock: Callable[[], datetime] | None = None,
) -> list[KeyPair]:
    """Try the connection's new keys at the bank, or those in use where none is new; return them as they then are.

    One key of each use, or of ``use`` alone. On a test connection a new key the bank lets in takes over. Raises
    NotTried where the bank was not asked, ProofFailed with what it said, PermissionMissing.
    """
    connection = Connection.objects.get(pk=pk)
    found = _to_try(connection, use)
    if not found:
        raise NotTried(f"{connection.label} has no certificate to try: install what the bank signed first.")
    proven, refusals = [], list[ProofFailed]()
    for key in found:
        try:
            proven.append(certificates.prove_and_take_over(pk=key.pk, actor=actor, now=now, clock=clock))
        except ProofFailed as refusal:
            refusals.append(refusal)
    begin_testing_if_ready(connection=connection, actor=actor, now=now)
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        raise ProofFailed(" ".join(refusal.sentence for refusal in refusals))
    return proven


def _to_try(connection: Connection, use: str) -> list[KeyPair]:
    """Return the newest certified key of each use, or else the active ones."""
    keys = queries.keys_of(scope=connection.scope)
    if use:
        keys = keys.filter(use=use)
    for state in (KeyState.CERTIFIED, KeyState.ACTIVE):
        newest: dict[str, KeyPair] = {}
        for key in keys.filter(state=state):
            newest.setdefault(key.use, key)
        if newest:
            return list(newest.values())
    return []
