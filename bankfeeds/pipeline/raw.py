"""Keeping the bank's answers byte for byte."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bankfeeds.jpmorgan.client import Page
from bankfeeds.jpmorgan.errors import Unreadable
from bankfeeds.models import Pull, RawPage

AT_ONCE = 16  # pages in one statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed(Page):
    """A page whose body is compressed, with the SHA-256 of what it was."""

    sha256: str


def packed(page: Page) -> Packed:
    """Return the page with its body compressed."""
    return Packed(
        kind=page.kind,
        request=page.request,
        body=zlib.compress(page.body, 6),
        received_at=page.received_at,
        number=page.number,
        total_pages=page.total_pages,
        total_records=page.total_records,
        sha256=hashlib.sha256(page.body).hexdigest(),
    )


def keep(pull: Pull, pages: Iterable[Packed]) -> list[RawPage]:
    """Store the pages, all of them or none."""
    rows = [
        RawPage(
            pull=pull,
            attempt=len(pull.claims),
            kind=page.kind,
            number=page.number,
            request=dict(page.request),
            body=page.body,
            sha256=page.sha256,
            received_at=page.received_at,
        )
        for page in pages
    ]
    return RawPage.objects.bulk_create(rows, batch_size=AT_ONCE)


@contextmanager
def kept_if_unreadable(pull: Pull) -> Iterator[None]:
    """Keep the bytes of an answer that could not be read: without them nobody can say what the bank changed."""
    try:
        yield
    except Unreadable as error:
        if isinstance(error.page, Page):
            keep(pull, [packed(error.page)])
        raise
