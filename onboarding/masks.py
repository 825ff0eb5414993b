"""What may be shown of a person's details without asking: enough to tell two apart, too little to reach them."""

from __future__ import annotations

HIDDEN = "•••"


def name(text: str) -> str:
    """Return the initials of a name."""
    return " ".join(f"{word[0]}." for word in text.split()[:3])


def email(text: str) -> str:
    """Return a mail address as ``j•••@firm.example``."""
    local, _, host = text.rpartition("@")
    return f"{local[:1]}{HIDDEN}@{host}"[:120] if local else HIDDEN


def phone(text: str) -> str:
    """Return a phone number as ``•••-4821``; one of fewer than six digits not at all."""
    digits = [c for c in text if c.isdigit()]
    if not digits:
        return ""
    return f"{HIDDEN}-{''.join(digits[-4:])}" if len(digits) > 5 else HIDDEN
