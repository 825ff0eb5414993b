"""Showing a feed to the customer: that the pack was made, and what comparing with their own export came to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from audit.recording import Actor, record
from audit.workflow import PermissionMissing
from bankfeeds.models import Account, Connection, ExportComparison
from bankfeeds.validation import (
    Choices,
    Export,
    NotUnderstood,
    Outcome,
    Pack,
    compare,
    make_pack,
    read_export,
)
from bankfeeds.validation.pack import MADE

RIGHT = "bankfeeds.add_exportcomparison"


@dataclass(frozen=True, slots=True)
class Compared:
    """What was kept, and what of both sides is shown once and not kept."""

    row: ExportComparison
    export: Export
    outcome: Outcome


def record_validation_pack(*, pk: int, actor: Actor, now: datetime, reason: str = "") -> Pack:
    """Make the pack of a connection to be shown, and put its counts on record. Raises PermissionMissing."""
    _require(actor)
    connection = Connection.objects.get(pk=pk)
    pack = make_pack(connection, now=now)
    with transaction.atomic():
        record(
            verb=MADE, actor=actor, subject=connection, now=now, reason=reason,
            data=pack.counts(),
        )  # fmt: skip
    return pack


def compare_export(*, pk: int, content: bytes, choices: Choices, actor: Actor, now: datetime) -> Compared:
    """Compare the account's booked lines with a customer's CSV; keep counts, ids and the file's digest.

    The file itself and its texts are kept nowhere. Raises NotUnderstood or PermissionMissing.
    """
    _require(actor)
    account = Account.objects.get(pk=pk)
    export = read_export(content, choices)
    if not export.rows:
        raise NotUnderstood("No row of the file could be understood as a line of this account.", "file")
    outcome = compare(account, export)
    with transaction.atomic():
        row = ExportComparison.objects.create(
            account=account,
            sha256=hashlib.sha256(content).hexdigest(),
            first_day=outcome.first_day,
            last_day=outcome.last_day,
            rows=outcome.rows,
            matched=outcome.matched,
            only_theirs=outcome.only_theirs,
            only_ours=outcome.only_ours,
            twice=outcome.twice_theirs + outcome.twice_ours,
            unread=outcome.unread,
            data=outcome.data(),
            compared_by=f"{actor.kind}:{actor.key}",
            compared_at=now,
        )
        counts = ("rows", "matched", "only_theirs", "only_ours", "twice", "unread")
        record(
            verb="bankfeeds.export_compared", actor=actor, subject=account, now=now,
            data={"comparison": row.pk, "sha256": row.sha256, **{name: getattr(row, name) for name in counts}},
        )  # fmt: skip
    return Compared(row, export, outcome)


def _require(actor: Actor) -> None:
    if actor.kind == "user" and not actor.account.has_perm(RIGHT):
        raise PermissionMissing(f"You may not do this: it needs the right “{RIGHT}”.")
