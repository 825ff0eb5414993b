"""Walking over everything that is sealed, a batch a transaction, to wrap its data keys anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, models, transaction

from audit.recording import Act, Actor, record_many
from certificates import custody, queries
from certificates.models import Sealed, sealed_models

WRAP = ("provider", "kek_version", "wrapped_dek", "dek_nonce")
SECOND = ("recovery_key", "recovery_dek")
BATCH = 200
NAMED = 100
"""So many failures are named; the rest is counted, and memory stays flat."""
_PASSES = 20  # another process that goes on sealing under the old version does not keep us for ever

Watch = Callable[[int, int], None]
"""Told after each batch: rows done, rows that were due at the start."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one row: the columns to store, and what its audit entry says."""

    columns: tuple[str, ...]
    verb: str
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sweep:
    """Which rows are due, what is done to each (raises CustodyFailed), and which columns that does not need."""

    due: models.Q
    change: Callable[[Sealed], Change]
    unread: tuple[str, ...] = ()


@dataclass(slots=True)
class Rotation:
    """What was done: rows re-wrapped, given a recovery wrap, left over; some failures by name; rows per version."""

    total: int = 0
    rewrapped: int = 0
    second_wraps: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    remaining: int = 0
    per_version: dict[tuple[str, str], int] = field(default_factory=dict)


def run(sweep: Sweep, *, actor: Actor, now: datetime, batch: int, watch: Watch | None = None) -> Rotation:
    """Walk until a whole pass finds nothing more to change, and count what is left over.

    Rows that somebody holds are skipped and seen again by the next pass; so are rows sealed meanwhile.
    """
    done = Rotation(total=_count(sweep))
    for _ in range(_PASSES):
        done.failed.clear()
        changed = 0
        for model in sealed_models():
            for step in _batches(model, sweep, done, batch=batch, actor=actor, now=now):
                changed += step
                if watch:
                    watch(done.rewrapped, done.total)
        if not changed:
            break
    done.remaining = _count(sweep)
    done.per_version = queries.envelopes_per_version()
    return done


def row_name(row: Sealed) -> str:
    """Return how a row is called in reports: the key's own id, or the model and the id."""
    about = row.audited_as()
    return str(row.pk) if about is not row else f"{row._meta.label_lower}:{row.pk}"


def in_batches(rows: models.QuerySet[Sealed], size: int) -> Iterator[list[Sealed]]:
    """Yield every row by primary key, ``size`` at a time, in transactions of the caller's making."""
    after: Any = None
    while found := list(_page(rows, after, size)):
        yield found
        after = found[-1].pk
        _let_go(found)


def _batches(
    model: type[Sealed], sweep: Sweep, done: Rotation, *, batch: int, actor: Actor, now: datetime
) -> Iterator[int]:
    # No lock on what only refers to a row (no_key); the rows first, the head of the audit chain last.
    due = model.with_facts().filter(sweep.due).defer(*sweep.unread)
    due = due.select_for_update(skip_locked=True, no_key=True, of=("self",))
    after: Any = None
    while True:
        with transaction.atomic():
            rows = list(_page(due, after, batch))
            changes = [(row, change) for row in rows if (change := _changed(row, sweep, done)) is not None]
            _store(model, changes)
            acts = [Act(verb=c.verb, subject=row.audited_as(), data=c.data) for row, c in changes]
            record_many(acts, actor=actor, now=now)
        if not rows:
            return
        after = rows[-1].pk
        done.rewrapped += sum(WRAP[0] in change.columns for _, change in changes)
        done.second_wraps += sum(SECOND[0] in change.columns for _, change in changes)
        _let_go(rows)
        yield len(changes)


def _let_go(rows: Iterable[Sealed]) -> None:
    # An envelope and its key refer to each other: left to the collector, they would pile up between its rounds.
    for row in rows:
        row._state.fields_cache.clear()


def _page(rows: models.QuerySet[Sealed], after: Any, size: int) -> Iterable[Sealed]:
    return (rows if after is None else rows.filter(pk__gt=after)).order_by("pk")[:size]


def _changed(row: Sealed, sweep: Sweep, done: Rotation) -> Change | None:
    try:
        return sweep.change(row)
    except custody.KeyServiceSilent:
        raise  # it would be silent for every row; what is committed stays, and the next run goes on from there
    except custody.CustodyFailed as problem:
        if len(done.failed) < NAMED:
            done.failed[row_name(row)] = problem.sentence
        return None


def _count(sweep: Sweep) -> int:
    return sum(model._default_manager.filter(sweep.due).count() for model in sealed_models())


def _store(model: type[Sealed], changes: Sequence[tuple[Sealed, Change]]) -> None:
    by_columns: dict[tuple[str, ...], list[Sealed]] = defaultdict(list)
    for row, change in changes:
        by_columns[change.columns].append(row)
    for columns, rows in by_columns.items():
        _update(model, columns, rows)


def _update(model: type[Sealed], columns: tuple[str, ...], rows: Sequence[Sealed]) -> None:
    """Store some columns of many rows in one statement: the ORM's own way for this is many times slower."""
    pk = model._meta.pk
    fields = [model._meta.get_field(name) for name in columns]
    values: list[list[Any]] = [[pk.get_db_prep_value(row.pk, connection) for row in rows]]
    values += [[getattr(row, name) for row in rows] for name in columns]
    quote = connection.ops.quote_name
    table, key = quote(model._meta.db_table), quote(str(pk.column))
    if connection.vendor == "postgresql":
        names = [key, *(quote(name) for name in columns)]
        arrays = ", ".join(f"%s::{f.db_type(connection)}[]" for f in (pk, *fields))
        assignments = ", ".join(f"{name} = v.{name}" for name in names[1:])
        statement = (
            f"UPDATE {table} SET {assignments} FROM unnest({arrays}) AS v({', '.join(names)})"  # noqa: S608
            f" WHERE {table}.{key} = v.{key}"
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
        return
    assignments = ", ".join(f"{quote(name)} = %s" for name in columns)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table} SET {assignments} WHERE {key} = %s",  # noqa: S608 - names of our own columns
            list(zip(*values[1:], values[0], strict=True)),
        )
