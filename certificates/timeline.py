"""What happened to a key, told from the audit record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, Max, Min

from audit.queries import history
from certificates.models import Certificate, KeyPair

KEY_USED = "certificates.key_used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One audit entry about a key, or all its uses by one actor for one purpose (``times``, ``first`` to ``at``).

    ``number`` is the entry's place in the chain, None for uses; ``who`` is a username, or the name of a task or
    command.
    """

    number: int | None
    at: datetime
    first: datetime
    times: int
    verb: str
    who_kind: str
    who: str
    reason: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened to a key, newest first; ``older`` says that earlier entries were left out."""

    events: tuple[Event, ...]
    older: bool


def timeline(key: KeyPair, *, most: int = 200) -> Timeline:
    """Return the audit entries about ``key``, its certificate and its approvals; uses are added up, not listed.

    Five queries at most, however often the key was used.
    """
    subjects = [key, *Certificate.objects.filter(key=key).only("pk"), *key.approvals.all()]
    entries = reduce(or_, [history(subject) for subject in subjects]).exclude(verb=KEY_USED)
    latest = list(entries.order_by("-number")[: most + 1])
    acts = [
        Event(number=entry.number, at=entry.at, first=entry.at, times=1, verb=entry.verb,
              who_kind=entry.actor_kind, who=entry.actor_key, reason=entry.reason, data=json.loads(entry.data))
        for entry in latest[:most]
    ]  # fmt: skip
    found = _named([*acts, *_uses(key)])
    return Timeline(tuple(sorted(found, key=_newest_first)), older=len(latest) > most)


def _uses(key: KeyPair) -> list[Event]:
    rows = (
        history(key)
        .filter(verb=KEY_USED)
        .order_by()
        .values("actor_kind", "actor_key", "data")
        .annotate(times=Count("pk"), first=Min("at"), last=Max("at"))
    )
    # The data also names the keyring version: a use before a rotation and one after it are the same use.
    merged: dict[tuple[str, str, str], Event] = {}
    for row in rows:
        purpose = str(json.loads(row["data"]).get("purpose", ""))
        name = (row["actor_kind"], row["actor_key"], purpose)
        had = merged.get(name)
        merged[name] = Event(
            number=None,
            at=max(row["last"], had.at) if had else row["last"],
            first=min(row["first"], had.first) if had else row["first"],
            times=row["times"] + (had.times if had else 0),
            verb=KEY_USED,
            who_kind=row["actor_kind"],
            who=row["actor_key"],
            reason="",
            data={"purpose": purpose},
        )
    return list(merged.values())


def _named(events: list[Event]) -> list[Event]:
    """Return the events with people under their usernames; a person who is gone stays a number."""
    people = {event.who for event in events if event.who_kind == "user"}
    users = get_user_model()._default_manager.filter(pk__in=[key for key in people if key.isdigit()])
    names = {str(pk): name for pk, name in users.values_list("pk", get_user_model().USERNAME_FIELD)}
    return [
        replace(event, who=names.get(event.who, f"person {event.who}")) if event.who_kind == "user" else event
        for event in events
    ]


def _newest_first(event: Event) -> tuple[float, int]:
    return (-event.at.timestamp(), -(event.number or 0))
