"""A worker that stands still in the middle of its own database transaction, so that it can be killed there."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator

from django.db import connection

LOCK = 20260603
# Counting these rows takes minutes: SQLite has no lock a trigger could wait for.
ENDLESS = "SELECT count(*) FROM " + ", ".join(f"sqlite_master AS {name}" for name in "abcdef")


@contextlib.contextmanager
def standstill(table: str, condition: str) -> Iterator[Callable[[], bool]]:
    """Let the next update of ``table`` that meets ``condition`` (SQL on NEW) stand still, with nothing committed.

    Gives a function that says whether somebody stands there. Afterwards the way is free again.
    """
    enter = _sqlite if connection.vendor == "sqlite" else _postgresql
    with enter(table, condition) as reached:
        yield reached


@contextlib.contextmanager
def _sqlite(table: str, condition: str) -> Iterator[Callable[[], bool]]:
    _run(f"CREATE TRIGGER stand_still BEFORE UPDATE ON {table} WHEN {condition} BEGIN {ENDLESS}; END")
    try:
        yield _write_lock_stays_taken
    finally:
        _run("DROP TRIGGER stand_still")


@contextlib.contextmanager
def _postgresql(table: str, condition: str) -> Iterator[Callable[[], bool]]:
    _run(
        "CREATE FUNCTION stand_still() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN PERFORM pg_advisory_xact_lock({LOCK}); RETURN NEW; END $$"
    )
    _run(
        f"CREATE TRIGGER stand_still BEFORE UPDATE ON {table}"
        f" FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION stand_still()"
    )
    _run(f"SELECT pg_advisory_lock({LOCK})")
    try:
        yield _somebody_waits
    finally:
        # Its server process wakes up, finds its client gone, and rolls back; then the trigger can go.
        _run(f"SELECT pg_advisory_unlock({LOCK})")
        _run(f"DROP TRIGGER stand_still ON {table}")
        _run("DROP FUNCTION stand_still()")


def _write_lock_stays_taken() -> bool:
    """Say whether another process holds the database's write lock for a second: no ordinary transaction does."""
    deadline = time.monotonic() + 1
    probe = sqlite3.connect(connection.settings_dict["NAME"], timeout=0, isolation_level=None)
    try:
        while time.monotonic() < deadline:
            try:
                probe.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                time.sleep(0.05)
            else:
                probe.execute("ROLLBACK")
                return False
        return True
    finally:
        probe.close()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return bool(cursor.fetchone()[0])


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
