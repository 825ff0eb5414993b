"""What a step still lacks. Nothing is ticked: rows and the lower apps are asked each time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bankfeeds import queries as feeds
from certificates import queries as certificates
from certificates.models import LIVE, KeyState
from onboarding import checklist
from onboarding.models import Evidence, Step

SUBMITTED = (KeyState.SUBMITTED, *LIVE)
"""The bank has, or had, the request of such a key."""


@dataclass(frozen=True, slots=True)
class Known:
    """What has been found about a step: its recorded evidence by item, and its feed's, if a connection is attached."""

    step: Step
    recorded: Mapping[str, Evidence]
    feed: feeds.FeedEvidence | None
    csr_submitted: bool


def missing(step: Step, *, now: datetime) -> list[str]:
    """Return what ``step`` still lacks, by name, in the order of its checklist; empty: it may be completed."""
    return [item.name for item in missing_items(step, now=now)]


def missing_items(step: Step, *, now: datetime) -> list[checklist.Item]:
    """Return the items ``step`` still lacks."""
    known = _look(step, now=now)
    return [item for item in step.template.items if not _present(item, known)]


def only_confirmation_missing(step: Step, *, now: datetime) -> bool:
    """Say whether nothing but the customer's own confirmation is missing."""
    return [item.key for item in missing_items(step, now=now)] == [checklist.CONFIRMATION]


def recorded(step: Step) -> dict[str, Evidence]:
    """Return the evidence in force by item; a contact who was removed is evidence no longer."""
    rows = step.evidence.filter(superseded_at=None).select_related("contact")
    return {row.item: row for row in rows if row.contact is None or row.contact.removed_at is None}


def _look(step: Step, *, now: datetime) -> Known:
    connection = step.project.connection
    asks_feed = connection is not None and step.number in (3, 5, 6)
    return Known(
        step,
        recorded(step),
        feeds.feed_evidence(connection, now=now) if connection and asks_feed else None,
        connection is not None
        and certificates.keys_of(scope=connection.scope)
        .filter(use=connection.main_use, state__in=SUBMITTED)
        .exists(),
    )


def _present(item: checklist.Item, known: Known) -> bool:
    row = known.recorded.get(item.key)
    if row is not None and item.waivable and row.value.get("waived"):
        return True
    ask = _ASKED.get(item.key)
    return ask(known) if ask else row is not None


def _platform(known: Known) -> bool:
    row = known.recorded.get("platform")
    return row is not None and row.value.get("platform") == checklist.JPM_ACCESS


def _feed(check: Callable[[feeds.FeedEvidence], bool]) -> Callable[[Known], bool]:
    return lambda known: known.feed is not None and check(known.feed)


_ASKED: dict[str, Callable[[Known], bool]] = {
    "platform": _platform,
    "csr": lambda known: known.csr_submitted,
    "credentials": _feed(lambda feed: feed.key_usable),
    "connection": _feed(lambda feed: feed.state in ("testing", "active")),
    "first_data": _feed(lambda feed: feed.accounts > 0 and feed.accounts_booked == feed.accounts),
    "days_proven": _feed(lambda feed: feed.all_days_proven),
    "no_findings": _feed(lambda feed: feed.open_findings == 0),
    "no_duplicates": _feed(lambda feed: feed.lines > 0 and feed.duplicates == 0),
}
"""Items nobody records: the lower apps are asked."""
