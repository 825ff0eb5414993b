"""The ledger rebuilt from the raw pages alone, beside the present one, compared, and thrown away.

Everything happens in one transaction that is rolled back: the copy is seen by nobody and locks nothing of the feed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import zip_longest
from secrets import token_hex
from uuid import UUID

from django.db import transaction

from bankfeeds import queries, reports
from bankfeeds.models import Account, Connection, Pull
from bankfeeds.models.pull import COUNTERS
from bankfeeds.pipeline import book, coverage, stored, undoing
from bankfeeds.pipeline.book import Booked
from bankfeeds.pipeline.reading import Unread
from bankfeeds.pipeline.stored import Claim, PagesUnusable

__all__ = ["FeedMoved", "PagesUnusable", "Replayed", "replay"]

MOST_NAMED = 20
Row = dict[str, str]


class FeedMoved(Exception):
    """The feed was pulled while its ledger was rebuilt: the two were not of one moment."""


@dataclass(slots=True)
class Replayed:
    """What came of it. ``differences`` are sentences, the first twenty; ``notes``: counts that came out otherwise."""

    pulls: int = 0
    windows: int = 0
    lines: int = 0
    present: str = ""
    rebuilt: str = ""
    differences: list[str] = field(default_factory=list)
    differing: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        return not self.differing and self.present == self.rebuilt


def replay(
    *,
    connection: Connection,
    now: datetime,
    start: date | None = None,
    write: Callable[[Iterator[str]], None] | None = None,
    as_csv: bool = False,
) -> Replayed:
    """Rebuild the connection's ledger from its raw pages, compare the two exports, and leave nothing behind.

    With ``start``, windows that end before it are left out, and lines of earlier days are not compared. ``write`` is
    handed the rebuilt export. Raises PagesUnusable for a page that is damaged or missing, FeedMoved.
    """
    found = Replayed()
    with transaction.atomic():
        before = _standing(connection)
        copy, pairs = _copy(connection)
        for account, blank in pairs:
            _rebuild(account, blank, start, now, found)
        _compare(connection, copy, start, found)
        if lost := queries.orphans():
            found.differing += lost
            found.differences.append(
                f"{lost} lines or ids name an account or a pull that is not there: rows were removed by hand."
            )
        if write is not None:
            write(
                reports.transactions_csv(connection=copy)
                if as_csv
                else reports.transactions_json(connection=copy)
            )
        moved = _standing(connection) != before
        transaction.set_rollback(True)
    if moved:
        raise FeedMoved(f"{connection.label} was pulled meanwhile.")
    return found


def _copy(connection: Connection) -> tuple[Connection, list[tuple[Account, Account]]]:
    """Return an empty twin of the connection, and each account with its empty twin."""
    copy = Connection.objects.get(pk=connection.pk)
    copy.pk, copy.label = None, f"replay-{token_hex(12)}"
    copy._state.adding = True
    copy.save()
    pairs = []
    for account in connection.accounts.order_by("number"):
        blank = Account(
            connection=copy, number=account.number, given_number=account.given_number, name=account.name
        )
        blank.save()
        pairs.append((account, blank))
    return copy, pairs


def _rebuild(account: Account, blank: Account, start: date | None, now: datetime, found: Replayed) -> None:
    """Book the turns and undo what was undone, each in its place."""
    undone = list(Pull.objects.filter(account=account, state="undone").order_by("undone_after", "undone_at"))
    twins: dict[UUID, Pull] = {}
    for claim in stored.claims(account):
        while undone and (undone[0].undone_after or 0) < claim.first:
            _undo(undone.pop(0), blank, twins, now)
        found.pulls += claim.newest
        _book(claim, blank, twins, start, now, found)
    for pull in undone:
        _undo(pull, blank, twins, now)


def _undo(pull: Pull, blank: Account, twins: dict[UUID, Pull], now: datetime) -> None:
    # Also of a pull whose pages were pruned: it had confirmed what others wrote, and confirms it no more.
    if pull.pk not in twins:
        twins[pull.pk] = _twin(pull, blank, pull.today, now)
    twin = twins[pull.pk]
    undoing.take_back(twin, undoing.fates(twin, undoing.Recorded(pull)), now)
    Pull.objects.filter(pk=twin.pk).update(state="undone")


def _twin(pull: Pull, blank: Account, today: date, now: datetime) -> Pull:
    return Pull.objects.create(
        account=blank, kind=pull.kind, state="booked", today=today, requested_by="replay", requested_at=now
    )


def _book(
    claim: Claim,
    blank: Account,
    twins: dict[UUID, Pull],
    start: date | None,
    now: datetime,
    found: Replayed,
) -> None:
    if claim.pull.pk not in twins:
        twins[claim.pull.pk] = _twin(claim.pull, blank, claim.today, now)
    pull = twins[claim.pull.pk]
    pull.today, pull.answer = claim.today, claim.answer
    total = dict.fromkeys(COUNTERS, 0)
    whole = True
    for reading in stored.readings(claim):
        found.windows += 1
        if start is not None and reading.window.end < start:
            whole = False
        elif not reading.window.current_day:
            booked = _apply(blank, pull, reading)
            for name in COUNTERS:
                total[name] += getattr(booked, name)
    if claim.newest and whole:
        was = {name: getattr(claim.pull, name) for name in COUNTERS}
        if was != total:
            told = ", ".join(
                f"{total[name]} {name} (was {was[name]})" for name in COUNTERS if was[name] != total[name]
            )
            found.notes.append(f"{claim.pull} came out otherwise: {told}.")


def _apply(blank: Account, pull: Pull, reading: Unread) -> Booked:
    if coverage.newer_than(blank, reading.window, reading.read_at):
        return book.older(reading)
    booked = book.apply(blank, pull, reading, reading.read_at, afresh=True)[0]
    booked.check()
    return booked


def _compare(connection: Connection, copy: Connection, start: date | None, found: Replayed) -> None:
    """Walk both exports at once; rows that do not meet wait for their like, so that only differences are kept."""
    ours, theirs = hashlib.sha256(), hashlib.sha256()
    only_ours: dict[tuple[str, str], Row] = {}
    only_theirs: dict[tuple[str, str], Row] = {}
    both = (reports.transactions_json(connection=one) for one in (connection, copy))
    for mine, rebuilt in zip_longest(*both, fillvalue=""):
        if start is None:
            ours.update(mine.encode())
            theirs.update(rebuilt.encode())
        if mine == rebuilt:
            found.lines += _row(mine, start) is not None
            continue
        for piece, here, there in ((mine, only_ours, only_theirs), (rebuilt, only_theirs, only_ours)):
            row = _row(piece, start)
            if row is None:
                continue
            key = row["account"], row["transaction_id"]
            if there.get(key) == row:
                del there[key]
                found.lines += 1
            else:
                here[key] = row
    found.present, found.rebuilt = ours.hexdigest(), theirs.hexdigest()
    keys = sorted(only_ours.keys() | only_theirs.keys())
    found.differing = len(keys)
    found.differences = [_told(key[1], only_ours.get(key), only_theirs.get(key)) for key in keys[:MOST_NAMED]]


def _row(piece: str, start: date | None) -> Row | None:
    """Return the line a piece of the export holds; None for brackets, and for days before ``start``."""
    text = piece.lstrip(",\n")
    if not text.startswith("{"):
        return None
    row: Row = json.loads(text)
    return row if start is None or date.fromisoformat(row["as_of_date"]) >= start else None


def _told(ident: str, mine: Row | None, rebuilt: Row | None) -> str:
    if mine is None or rebuilt is None:
        where = "the ledger, but not in the raw pages" if mine else "the raw pages, but not in the ledger"
        row = mine or rebuilt or {}
        return f"{ident} of {row['as_of_date']} is in {where}."
    told = "; ".join(
        f"{name} is {mine[name]!r}, from the raw pages {rebuilt[name]!r}"
        for name in reports.TRANSACTION_COLUMNS
        if name != "account" and mine[name] != rebuilt[name]
    )
    return f"{ident} of {mine['as_of_date']}: {told}."


def _standing(connection: Connection) -> list[tuple[object, ...]]:
    pulls = Pull.objects.filter(account__connection=connection).order_by("pk")
    return list(pulls.values_list("pk", "attempts", "state", "windows"))
