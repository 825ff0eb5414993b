"""The hash chain over audit entries: pure arithmetic, no database.

Each entry's digest covers its own fields and the digest of the entry before it, so changing, removing or
inserting any entry breaks every digest from that place on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

GENESIS = "0" * 64
"""The digest that stands before the first entry."""

RECIPE = b"lockkeeper-audit-1"


@dataclass(frozen=True, slots=True)
class Link:
    """One entry as the chain sees it: its number, its digests and the exact text of its fields."""

    number: int
    previous: str
    digest: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the chain does not hold, and why."""

    number: int
    reason: str


def canonical(data: object) -> str:
    """Return the one JSON text that stands for ``data`` (sorted keys, no spaces); floats and NaN are refused."""
    _refuse_floats(data)
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(previous: str, number: int, fields: Mapping[str, str]) -> str:
    """Return the SHA-256 (64 hex) of an entry: recipe, predecessor, number and length-prefixed fields by name."""
    parts = [RECIPE, previous.encode(), str(number).encode()]
    for name in sorted(fields):
        parts += [name.encode(), fields[name].encode()]
    hasher = hashlib.sha256()
    for part in parts:
        # Lengths stand before every part, so no two different entries can run together into the same bytes.
        hasher.update(len(part).to_bytes(8, "big"))
        hasher.update(part)
    return hasher.hexdigest()


def first_break(links: Iterable[Link], *, head_number: int, head_digest: str) -> Break | None:
    """Walk the whole chain in order and return the first entry that does not hold, or None.

    ``head_number`` and ``head_digest`` are what the head row says the last entry is: a tail cut off is a break too.
    """
    previous, number = GENESIS, 0
    for link in links:
        expected = number + 1
        if link.number != expected:
            return Break(expected, f"entry {expected} is missing (the next one stored is {link.number})")
        if link.previous != previous:
            return Break(expected, f"entry {expected} does not follow the entry before it")
        if digest(previous, expected, link.fields) != link.digest:
            return Break(expected, f"entry {expected} was changed after it was written")
        previous, number = link.digest, expected
    if (number, previous) != (head_number, head_digest):
        return Break(number + 1, f"the chain ends at entry {number}, but its head says {head_number}")
    return None


def _refuse_floats(data: object) -> None:
    if isinstance(data, float):
        raise TypeError("audit data holds no floats: write amounts as strings")
    if isinstance(data, Mapping):
        for value in data.values():
            _refuse_floats(value)
    elif isinstance(data, list | tuple):
        for value in data:
            _refuse_floats(value)
