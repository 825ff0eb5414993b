"""The outermost layer of DER: where one value ends and the next begins."""

from __future__ import annotations

from collections.abc import Iterator

SEQUENCE = 0x30
INTEGER = 0x02
OCTET_STRING = 0x04
_CONSTRUCTED = 0x20
_DEEPEST = 24

MOST = 64
"""The most values taken from one file."""


def values(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (tag, content, whole) of each value in ``data``; a cut or damaged one ends the walk.

    One of indefinite length (BER) takes everything that is left.
    """
    at = 0
    while at + 2 <= len(data):
        tag, length, start = data[at], data[at + 1], at + 2
        if length == 0x80:
            length = len(data) - start
        elif length & 0x80:
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
    found: list[bytes] = []
    for tag, _, whole in values(data):
        if tag != SEQUENCE or len(found) == MOST:
            break
        found.append(whole)
    return found


def rounds(data: bytes, *, depth: int = 0) -> int:
    """Return the largest number that follows a salt (an OCTET STRING), at any depth: what opening will cost."""
    largest, before = 0, 0
    for tag, content, _ in values(data):
        if tag == INTEGER and before == OCTET_STRING:
            largest = max(largest, int.from_bytes(content, "big"))
        elif depth < _DEEPEST and (tag & _CONSTRUCTED or tag == OCTET_STRING):
            largest = max(largest, rounds(content, depth=depth + 1))
        before = tag
    return largest
