"""One row of what needs a person, and its ages in words."""

from __future__ import annotations

from dataclasses import dataclass, field

MAIL_KINDS = {
    "failed": ("Mail failed", "The mail server did not take it."),
    "sending": ("Mail cut off", "Whether it left is not known, so it is not sent again by itself."),
    "queued": (
        "Mail waiting",
        "It has been waiting for more than a quarter of an hour: no worker sends mail.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsMe:
    """One row. ``rank``: 0 is most consequential; ``waited`` sorts within a rank; ``action`` labels the button."""

    kind: str
    subject: str
    url: str
    reason: str
    consequence: str
    holder: str
    holder_words: str
    age: str
    action: str
    rank: int = field(repr=False)
    waited: int = field(default=0, repr=False)


def business_days(count: int) -> str:
    """Return a number of business days in words."""
    return f"{count} business day{'' if count == 1 else 's'}"


def calendar_days(count: int) -> str:
    """Return an age in days in words."""
    return "since today" if count < 1 else f"{count} day{'' if count == 1 else 's'}"
