"""An answer read page by page, so that memory does not follow the number of its lines.

Two cases need no more than one page at a time: days of which we have no line, and days whose lines are exactly ours.
Every other answer is compared in full.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from bankfeeds.models import Account, Line, Pull
from bankfeeds.pipeline import diff, ledger, normalise, shortcut, writing
from bankfeeds.pipeline.normalise import Lines
from bankfeeds.pipeline.reading import SMALL, Reading, Unread
from bankfeeds.records import PostedLine, Rejection

_SIZE = 2**256
MOST_LISTED = 50_000


class _Doubtful(Exception):
    """The answer needs to be compared in full."""


@dataclass(slots=True)
class Streamed:
    """What came of it: ``lines`` holds of the lines only those whose code contradicts their direction."""

    lines: Lines
    new: int = 0
    same: int = 0
    touched: set[date] = field(default_factory=set)


def records(reading: Reading | Unread) -> int:
    """Return how many records the answer holds."""
    if isinstance(reading, Unread) and reading.whole:
        return reading.walk.records
    return in_full(reading).lines.read


def in_full(reading: Reading | Unread) -> Reading:
    """Return the reading with all its lines."""
    return reading.reading() if isinstance(reading, Unread) else reading


def suspects(account: Account, answer: Unread) -> tuple[int, list[PostedLine]]:
    """Return how many records the answer holds, and its lines with known content under an unknown id.

    A content includes its day: where we have no line on the days, and where nothing changed, there are none.
    """
    window, read = answer.window, records(answer)
    if not _has_lines(account, answer) or shortcut.known(account, answer) is not None:
        return read, []
    if _large(answer) and _unchanged(account, answer) is not None:
        return read, []
    lines = answer.reading().lines.lines
    if ledger.unchanged(account, window.start, window.end, lines):
        return read, []
    known = ledger.known_lines(account, window.start, window.end, lines)
    return read, diff.compare(lines, known).suspects


def stream(account: Account, pull: Pull, answer: Unread) -> Streamed | None:
    """Book the answer page by page, inside the caller's transaction; None, and nothing written: compare it in full."""
    if not answer.whole:
        return None
    if not _has_lines(account, answer):
        try:
            with transaction.atomic():
                return _new(account, pull, answer)
        except (_Doubtful, IntegrityError):
            return None
    return _unchanged(account, answer) if _large(answer) else None


def _new(account: Account, pull: Pull, answer: Unread) -> Streamed:
    """Book every line as new. The constraints raise IntegrityError when an id came before, in this answer or ever."""
    told = Lines(lines=[], rejections=[], repeated=0, read=answer.walk.records, contradictions=())
    found = Streamed(told)
    for lines, rejections in _pages(answer):
        writing.insert_unknown(account, pull, lines)
        found.new += len(lines)
        found.touched.update(line.as_of_date for line in lines)
        told.rejections.extend(rejections)
        told.lines.extend(filter(normalise.contradicts, lines))
    return _counted(found)


def _unchanged(account: Account, answer: Unread) -> Streamed | None:
    """Compare the answer with our booked lines as sets of ids with their contents; None when they differ.

    An id that comes twice makes them differ: then the answer is compared in full.
    """
    told = Lines(lines=[], rejections=[], repeated=0, read=answer.walk.records, contradictions=())
    booked = _lines(account, answer).filter(state="booked").order_by()
    if booked.count() != told.read:
        return None
    ours = booked.values_list("transaction_id", "digest").iterator(chunk_size=2000)
    left = _Listed(ours) if told.read <= MOST_LISTED else _Added(ours)
    found = Streamed(told)
    for lines, rejections in _pages(answer):
        if rejections or not left.take(lines):
            return None
        found.same += len(lines)
        told.lines.extend(filter(normalise.contradicts, lines))
    return _counted(found) if not left and found.same == told.read else None


class _Listed:
    """Our lines that the answer has not listed yet, one by one."""

    def __init__(self, ours: Iterable[tuple[str, str]]) -> None:
        self._left = dict(ours)

    def take(self, lines: Iterable[PostedLine]) -> bool:
        """Say whether all the lines were still left."""
        pop = self._left.pop
        return all(pop(line.transaction_id, None) == line.digest for line in lines)

    def __len__(self) -> int:
        return len(self._left)


class _Added:
    """The same of a set too large to be kept: its members' SHA-256s, added up as numbers of 256 bits."""

    def __init__(self, ours: Iterable[tuple[str, str]]) -> None:
        self._left = sum(map(_number, ours)) % _SIZE

    def take(self, lines: Iterable[PostedLine]) -> bool:
        told = sum(_number((line.transaction_id, line.digest)) for line in lines)
        self._left = (self._left - told) % _SIZE
        return True

    def __len__(self) -> int:
        return int(self._left != 0)


def _number(pair: tuple[str, str]) -> int:
    ident, digest = pair
    return int.from_bytes(hashlib.sha256(f"{digest}{ident}".encode()).digest(), "big")


def _counted(found: Streamed) -> Streamed:
    told = found.lines
    if found.new + found.same + len(told.rejections) != told.read:
        raise _Doubtful
    wrong = tuple(line.transaction_id for line in told.lines)
    found.lines = Lines(
        lines=told.lines, rejections=told.rejections, repeated=0, read=told.read, contradictions=wrong
    )
    return found


def _pages(answer: Unread) -> Iterator[tuple[list[PostedLine], list[Rejection]]]:
    for page in answer.walk.pages():
        found = normalise.records(page)
        lines = [one for one in found if isinstance(one, PostedLine)]
        yield lines, [one for one in found if isinstance(one, Rejection)] if len(lines) < len(found) else []


def _large(answer: Unread) -> bool:
    return answer.whole and answer.walk.records > SMALL


def _has_lines(account: Account, answer: Unread) -> bool:
    return _lines(account, answer).exists()


def _lines(account: Account, answer: Unread) -> QuerySet[Line]:
    return Line.objects.filter(account=account, as_of_date__range=(answer.window.start, answer.window.end))
