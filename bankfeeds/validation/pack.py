"""The validation pack of one connection, put together from its figures and its tests."""

from __future__ import annotations

from datetime import datetime

from bankfeeds import queries
from bankfeeds.models import Connection
from bankfeeds.validation import duplicates, judgement
from bankfeeds.validation.facts import account_facts
from certificates import holders


def make_pack(connection: Connection, *, now: datetime) -> judgement.Pack:
    """Return the pack as things stand. Reads only."""
    accounts = account_facts(connection)
    checks = [
        duplicates.identity(connection),
        duplicates.same_reference(connection),
        duplicates.pending_and_posted(connection),
        duplicates.overlap(connection),
    ]
    alike = duplicates.look_alikes(connection)
    findings = queries.open_findings(connection=connection).count()
    where = holders.whereabouts(connection.scope)
    return judgement.Pack(
        label=connection.label,
        holder=where.name if where else connection.label,
        environment=str(connection.get_environment_display()),
        at=now,
        accounts=accounts,
        checks=checks,
        look_alikes=alike,
        open_findings=findings,
        lacks=judgement.lacking(accounts, checks, findings),
        questions=judgement.questions([*checks, alike]),
    )
