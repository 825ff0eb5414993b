"""The day the keyring is lost, and the drills for it: opening by the recovery wraps alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.views.decorators.debug import sensitive_variables

from audit.recording import Actor
from certificates import custody
from certificates.envelopes import wrap_of
from certificates.kek.recovery import RecoveryOpener
from certificates.models import KeyEnvelope, Sealed, sealed_models
from certificates.operations.care import chosen, record_openings
from certificates.operations.wraps import (
    BATCH,
    NAMED,
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

RECOVERY = "recovery of custody"
"""The purpose on record."""
SAMPLED = 20
"""So many keys are tried before a recovery key is believed to be one."""


@dataclass(slots=True)
class Drill:
    """What a drill found: rows that opened by their recovery wrap, and those that did not (the first by name)."""

    opened: int = 0
    refused: int = 0
    failed: dict[str, str] = field(default_factory=dict)


@sensitive_variables()
def drill_recovery(*, opener: RecoveryOpener, sample: int | None, actor: Actor, now: datetime) -> Drill:
    """Open ``sample`` rows of each sealed model (None: all) by the recovery key; compare keys; change nothing.

    Each opening is recorded and committed before it happens. Raises RuntimeError in a transaction.
    """
    found = Drill()
    for model in sealed_models():
        for rows in in_batches(chosen(model, sample), BATCH):
            record_openings(rows, purpose="recovery drill", actor=actor, now=now)
            for row in rows:
                _try(row, opener, found)
    return found


@sensitive_variables()
def recover_custody(
    *, opener: RecoveryOpener, actor: Actor, now: datetime, batch: int = BATCH, watch: Watch | None = None
) -> Rotation:
    """Wrap every data key under the active version by its recovery wrap: for when the keyring is lost.

    Each opening is recorded and committed before any of them happens. A private key is compared with its public
    half before its row changes. Rows already under the active version
    are left alone, so it may be stopped and repeated. Raises CustodyFailed when the configuration is wrong, or
    when the active version has the name of the lost one.
    """
    custody.prove(now=now, recovery_key=_proven(opener, actor, now))
    to = wrapping().to

    version = to.current()

    def recovered(row: Sealed) -> Change:
        before = row.kek_version
        custody.recover(row, opener, to)
        custody.require_version(wrap_of(row), version)
        data = {"from": before, "to": row.kek_version, "recovery_key": opener.fingerprint}
        return Change(WRAP, "certificates.key_recovered", data)

    due = Wrapping(to, version, None).due()
    for model in sealed_models():
        for rows in in_batches(model.with_facts().filter(due), BATCH):
            record_openings(rows, purpose=RECOVERY, actor=actor, now=now)
    return run(Sweep(due=due, change=recovered), actor=actor, now=now, batch=batch, watch=watch)


@sensitive_variables()
def _proven(opener: RecoveryOpener, actor: Actor, now: datetime) -> str:
    """Return the recovery key's fingerprint once it has opened a private key that is its row's; else nothing."""
    # Any key has a fingerprint: only one that opens what is sealed here stands in for two people.
    for row in KeyEnvelope.objects.select_related("key").filter(recovery_key=opener.fingerprint)[:SAMPLED]:
        record_openings([row], purpose=RECOVERY, actor=actor, now=now)
        try:
            custody.recover(row, opener)
        except custody.CustodyFailed:
            continue  # told by name when its turn comes
        return opener.fingerprint
    return ""


@sensitive_variables()
def _try(row: Sealed, opener: RecoveryOpener, found: Drill) -> None:
    try:
        custody.recover(row, opener)
    except custody.KeyServiceSilent:
        raise
    except custody.CustodyFailed as problem:
        found.refused += 1
        if len(found.failed) < NAMED:
            found.failed[row_name(row)] = problem.sentence
    else:
        found.opened += 1
