"""Cutting secrets and account numbers out of what goes to a log."""

import re

_LONGEST = 500
_SECRETS = re.compile(
    r"(?P<name>(?:client_assertion|access_token|authorization|bearer)\"?\s*[=:]?\s*\"?(?:bearer\s+)?)"
    r"[A-Za-z0-9._~+/=-]{8,}"
    r"|\b(?:[\w-]+\.)?eyJ[\w-]+(?:\.[\w-]+)*",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"\d{3,}(\d{4})(?!\d)")


def redacted(text: str) -> str:
    """Return `text` without tokens and assertions, long numbers cut to four digits, 500 characters."""
    cut = _SECRETS.sub(lambda found: (found["name"] or "") + "[cut]", text)
    return _NUMBERS.sub(r"…\1", cut)[:_LONGEST]
