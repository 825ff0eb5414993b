"""Notes that have no line yet, and the lines they may belong to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Q

from bankfeeds.models import Account, Line, LineNote

MOST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A note and the booked lines of its day that look like what it was written on; a person chooses."""

    note: LineNote
    suggestions: list[Line]


def waiting_notes(account: Account, day: date) -> list[Waiting]:
    """Return the notes of the day that wait for their line."""
    notes = LineNote.objects.filter(account=account, as_of_date=day, line=None).order_by("at", "pk")
    return [Waiting(note=note, suggestions=suggestions(note)) for note in notes]


def suggestions(note: LineNote) -> list[Line]:
    """Return at most five booked lines of the note's day with its amount and direction, or the bank's reference."""
    facts = note.content
    alike = Q(amount=facts.get("amount", "-1"), direction=facts.get("direction", ""))
    if facts.get("bank_reference"):
        alike |= Q(bank_reference=facts["bank_reference"])
    found = Line.objects.filter(alike, account=note.account_id, as_of_date=note.as_of_date, state="booked")
    return list(found.order_by("pk")[:MOST])
