"""The outermost layer of DER: where one value ends and the next begins."""

from __future__ import annotations

from collections.abc import Iterator

SEQUENCE = 0x30
INTEGER = 0x02


def values(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (tag, content, whole) of each value in ``data``; a cut or damaged one ends the walk."""
    at = 0
    while at + 2 <= len(data):
        tag, length, start = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 4 or start + size > len(data):
                return
            length, start = int.from_bytes(data[start : start + size], "big"), start + size
        if start + length > len(data):
            return
        yield tag, data[start : start + length], data[at : start + length]
        at = start + length


def sequences(data: bytes) -> list[bytes]:
    """Return each top-level SEQUENCE whole, so that what a mail program added behind it does no harm."""
    found = []
    for tag, _, whole in values(data):
        if tag != SEQUENCE:
            break
        found.append(whole)
    return found
