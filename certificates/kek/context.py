"""The canonical bytes that both layers of an envelope authenticate."""

from __future__ import annotations

from collections.abc import Mapping


def canonical(tag: str, facts: Mapping[str, str]) -> bytes:
    """Return ``tag`` and ``facts`` as one unambiguous byte string: every part length-prefixed, names sorted.

    Two different inputs never give the same bytes. (Joining with a separator would: ``a|b``,``c`` and
    ``a``,``b|c``.)
    """
    parts = [tag, *(part for name in sorted(facts) for part in (name, facts[name]))]
    return b"".join(len(raw).to_bytes(4, "big") + raw for raw in (part.encode("utf-8") for part in parts))
