"""The validation pack of one connection, put together from its figures and its tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import get_user_model

from audit import queries as audit
from bankfeeds import queries
from bankfeeds.models import Connection
from bankfeeds.validation import duplicates, judgement
from bankfeeds.validation.customers import customer_of
from bankfeeds.validation.facts import account_facts

MADE = "bankfeeds.validation_pack_made"


@dataclass(frozen=True, slots=True)
class Made:
    """When a pack was last put on record, and by whom."""

    at: datetime
    by: str


def last_made(connection: Connection) -> Made | None:
    """Return who last made the pack of a connection; None: nobody has."""
    entry = audit.history(connection).filter(verb=MADE).first()
    if entry is None:
        return None
    people = get_user_model()._default_manager
    person = people.filter(pk=entry.actor_key).first() if entry.actor_kind == "user" else None
    return Made(entry.at, person.get_username() if person else f"{entry.actor_kind} {entry.actor_key}")


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
    return judgement.Pack(
        label=connection.label,
        customer=customer_of(connection.pk),
        environment=str(connection.get_environment_display()),
        at=now,
        accounts=accounts,
        checks=checks,
        look_alikes=alike,
        open_findings=findings,
        lacks=judgement.lacking(accounts, checks, findings),
        questions=judgement.questions([*checks, alike]),
    )
