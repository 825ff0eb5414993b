"""The pages of one window, read again from where they are kept whenever they are needed: never all in memory."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from bankfeeds.jpmorgan.client import Page
from bankfeeds.models import RawPage

AT_ONCE = 4  # pages in memory


class PagesUnusable(Exception):
    """A raw page is damaged or missing, so that nothing can be rebuilt; the message names it in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A whole walk. ``pages`` yields them in their order; ``records``: how many they hold together.

    ``sha256`` is over what was asked and each page's own SHA-256, in their order.
    """

    pages: Callable[[], Iterator[Page]]
    records: int
    received_at: datetime
    sha256: str


def digest(request: object, digests: Sequence[str]) -> str:
    """Return the SHA-256 of a question without its page number, and of the SHA-256s of the pages that answer it."""
    asked = {key: value for key, value in cast(dict[str, object], request).items() if key != "pageNumber"}
    return hashlib.sha256("\n".join([json.dumps(asked, sort_keys=True), *digests]).encode()).hexdigest()


def held(pages: Sequence[Page]) -> Walk:
    """Return the walk of pages that are in memory already."""
    return Walk(
        pages=lambda: iter(pages),
        records=pages[0].total_records,
        received_at=min(page.received_at for page in pages),
        sha256=digest(pages[0].request, [hashlib.sha256(page.body).hexdigest() for page in pages]),
    )


def kept(keys: Sequence[int]) -> Iterator[Page]:
    """Yield stored pages, in the order of the keys, a few at a time. Raises PagesUnusable for a damaged or lost one."""
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        rows = RawPage.objects.in_bulk(some)
        for key in some:
            if key not in rows:
                raise PagesUnusable(f"Raw page {key} is gone.")
            yield page(rows.pop(key))


def page(row: RawPage) -> Page:
    """Return a stored page as it came; its totals are not looked up. Raises PagesUnusable for a damaged one."""
    try:
        body = row.content()
    except zlib.error:
        body = b""
    if hashlib.sha256(body).hexdigest() != row.sha256:
        raise PagesUnusable(
            f"Raw page {row.pk} ({row.kind}, page {row.number}, received {row.received_at:%Y-%m-%d %H:%M:%S} UTC, "
            f"{row.pull}) is not what the bank sent: its SHA-256 does not match its bytes."
        )
    return Page(
        kind=cast(Literal["transactions", "balances"], row.kind),
        request=row.request,
        body=body,
        received_at=row.received_at,
        number=row.number,
        total_pages=0,
        total_records=0,
    )
