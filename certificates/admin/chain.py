"""The chain of a certificate as a drawing: places and words of its boxes, for a template that draws them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from certificates.admin.looks import day, left_words
from certificates.x509 import Facts

WIDTH, HEIGHT = 290, 132
GAP_ACROSS, GAP_DOWN = 45, 44
MOST_ACROSS = 3
"""More boxes than this beside each other would shrink the words below what can be read."""
LETTERS = 33
_BREAK = "\x0b"
SOON = timedelta(days=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One certificate of the chain in words; ``mark`` says what is wrong or soon will be, else it is empty."""

    role: str
    name: str
    validity: str
    key: str
    mark: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Box:
    """A link with its place: the left upper corner, and its name on at most two lines."""

    x: int
    y: int
    link: Link
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrow:
    """From a certificate to its issuer."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """The whole picture, in user units that equal pixels where there is room."""

    name: str
    width: int
    height: int
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def links(leaf: Facts, issuers: Sequence[Facts], *, now: datetime) -> tuple[Link, ...]:
    """Return the chain from the client's certificate to its root; a root that is not kept is named only."""
    whole = [leaf, *issuers]
    found = [_link(item, leaf, now) for item in whole]
    top = whole[-1]
    if not top.self_signed:
        found.append(
            Link(
                role="Issuer, named only",
                name=issuer_name(top),
                validity="not sent with the certificate",
                key="the bank holds it",
                mark="",
                kept=False,
            )
        )
    return tuple(found)


def issuer_name(item: Facts) -> str:
    """Return the common name of the issuer, or all of its name where it has none."""
    named = dict(item.issuer)
    return named.get("CN") or ", ".join(f"{short}={value}" for short, value in item.issuer)


def key_words(algorithm: str) -> str:
    """Return “RSA 2048” for rsa-2048 and “EC P-256” for ec-p256."""
    kind, _, size = algorithm.upper().partition("-")
    return f"{kind} {size.replace('P', 'P-')}".strip()


def across(chain: Sequence[Link]) -> Drawing:
    """Return the chain from left to right, or downwards where it is long."""
    return _draw("across", chain, side_by_side=len(chain) <= MOST_ACROSS)


def down(chain: Sequence[Link]) -> Drawing:
    """Return the chain downwards, for a narrow page."""
    return _draw("down", chain, side_by_side=False)


def _draw(name: str, chain: Sequence[Link], *, side_by_side: bool) -> Drawing:
    step_x, step_y = (WIDTH + GAP_ACROSS, 0) if side_by_side else (0, HEIGHT + GAP_DOWN)
    boxes = tuple(
        Box(1 + n * step_x, 1 + n * step_y, link, tuple(_lines(link.name))) for n, link in enumerate(chain)
    )
    arrows = tuple(_arrow(box, side_by_side) for box in boxes[:-1])
    last = boxes[-1]
    return Drawing(name, last.x + WIDTH + 1, last.y + HEIGHT + 1, boxes, arrows)


def _arrow(box: Box, side_by_side: bool) -> Arrow:
    if side_by_side:
        middle = box.y + HEIGHT // 2
        return Arrow(box.x + WIDTH, middle, box.x + WIDTH + GAP_ACROSS - 9, middle)
    middle = box.x + WIDTH // 2
    return Arrow(middle, box.y + HEIGHT, middle, box.y + HEIGHT + GAP_DOWN - 9)


def _lines(name: str) -> list[str]:
    # A common name breaks after its dots; the mark that allows it goes away again.
    marked = name.replace(".", f".{_BREAK}")
    lines = textwrap.wrap(
        marked, LETTERS, max_lines=2, placeholder=" …", break_on_hyphens=False, replace_whitespace=False
    )
    return [line.replace(_BREAK, "") for line in lines] or [name]


def _link(item: Facts, leaf: Facts, now: datetime) -> Link:
    if item is leaf:
        role = "Client certificate, signed by itself" if item.self_signed else "Client certificate"
    else:
        role = "Root" if item.self_signed else "Intermediate"
    return Link(
        role=role,
        name=item.common_name,
        validity=f"{day(item.begins)} – {day(item.ends)}",
        key=key_words(item.key),
        mark=_mark(item, leaf, now),
        kept=True,
    )


def _mark(item: Facts, leaf: Facts, now: datetime) -> str:
    if item.ends <= now:
        return f"Ended {day(item.ends)}"
    if item.begins > now:
        return f"Not valid before {day(item.begins)}"
    if item.ends - now <= SOON:
        return f"Ends soon: {left_words(item.ends, now=now)}"
    return "Ends before the client certificate" if item.ends < leaf.ends else ""
