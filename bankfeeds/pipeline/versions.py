"""The versions of one line, and which of them stands once pulls are undone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Made = Literal["", "restored", "taken_back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One state of a line. ``author``: the pull that wrote it. ``made``: by which kind of undo; empty: by that pull."""

    number: int
    author: UUID
    made: Made = ""


def standing(
    versions: Sequence[Version], undone: Collection[UUID], confirmed: Callable[[UUID], bool]
) -> Version | None:
    """Return the newest version whose pull is not undone; None when no pull that still counts has seen the line.

    ``versions`` ascend; what an undo made is a copy of an earlier one and never stands itself. A line whose every pull
    is undone still stands, as the first of them left it, if ``confirmed(that pull)``: a later one has read it too.
    """
    first: Version | None = None
    for version in reversed(versions):
        if version.made == "taken_back" and first is not None:
            break  # what lies below is an earlier life of the line, which ended
        if version.made:
            continue
        if version.author not in undone:
            return version
        if first is None or version.author != first.author:
            first = version
    return first if first is not None and confirmed(first.author) else None
