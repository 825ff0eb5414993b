"""JSON text with exact numbers: a Decimal is written digit for digit, never through a binary float."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

# A control character cannot occur in the ledger's texts, so a marked string is always one of ours.
_MARK = "\x01"
_OPENING, _CLOSING = '"\\u0001', '\\u0001"'


def _mark(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{_MARK}{value:f}{_MARK}"
    raise TypeError(f"{type(value).__name__} has no place in an answer")


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in an answer")


def encode(value: Any) -> bytes:
    """Return `value` as JSON; every Decimal becomes a JSON number with exactly its digits."""
    return json.dumps(value, default=_mark).replace(_OPENING, "").replace(_CLOSING, "").encode()


def encode_plain(value: Any) -> bytes:
    """Return `value` as JSON for the control listener: decimals as strings, dates in ISO form."""
    return json.dumps(value, default=_plain, indent=1).encode()
