"""New lines and their ids into the database, as fast as it takes them: COPY on PostgreSQL, executemany on SQLite.

Column by column what the ORM would write; the constraints stay the last guard. Inside the caller's transaction, with
the account locked.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from json.encoder import encode_basestring_ascii
from typing import Any

from django.db import connection

from bankfeeds.models import Account, Line, LineId, Pull
from bankfeeds.records import PostedLine

BATCH = 1000
NULL = "\\N"
LINE_COLUMNS = (
    "transaction_id",
    "digest",
    "bai_code",
    "bank_reference",
    "customer_reference",
    "description",
    "check_number",
    "currency",
    "narrative",
    "value_date",
    "as_of_date",
    "direction",
    "amount",
    "reversal",
    "revision",
    "state",
    "account_id",
    "first_pull_id",
    "last_changed_pull_id",
)
ID_COLUMNS = ("transaction_id", "account_id", "line_id", "current", "first_pull_id")
_LINES, _IDS = Line._meta.db_table, LineId._meta.db_table
_UNLESS_KNOWN = (
    f"AND NOT EXISTS (SELECT 1 FROM {_IDS} AS ever WHERE ever.account_id = line.account_id "  # noqa: S608
    "AND ever.transaction_id = line.transaction_id)"
)
# The backslash first: the others bring one with them.
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))


def insert(account: Account, pull: Pull, lines: Iterable[PostedLine]) -> None:
    """Book lines that the account does not have, in the order of their ids, and the ids with them.

    An id that was another line's alias goes to the line that the bank now lists under it. Raises IntegrityError for
    an id that a line of the account uses.
    """
    ordered = sorted(lines, key=lambda one: one.transaction_id)
    if not ordered:
        return
    given_up = {
        ident for ident, _line, _current in ids_among(account, [one.transaction_id for one in ordered])
    }
    for ident, line_pk in _put(account, pull, ordered, given_up):
        LineId.objects.filter(account=account, transaction_id=ident).update(line_id=line_pk, current=True)


def insert_unknown(account: Account, pull: Pull, lines: Iterable[PostedLine]) -> None:
    """Book lines whose ids the account has never had, in the order of their ids, and the ids with them."""
    ordered = sorted(lines, key=lambda one: one.transaction_id)
    if ordered:
        _put(account, pull, ordered, ())


def _put(
    account: Account, pull: Pull, ordered: Sequence[PostedLine], given_up: Collection[str]
) -> list[tuple[str, int]]:
    put = _copied if connection.vendor == "postgresql" else _executed
    return put(account, pull, ordered, given_up)


def ids_among(account: Account, idents: Sequence[str]) -> list[tuple[str, int, bool]]:
    """Return those of the ids the account has ever had, each with its line and whether it is in use."""
    if not idents:
        return []
    among, given = (
        ("= ANY(%s)", list(idents))
        if connection.vendor == "postgresql"
        else ("IN (SELECT value FROM json_each(%s))", json.dumps(idents))
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT transaction_id, line_id, current FROM {_IDS} "  # noqa: S608
            f"WHERE account_id = %s AND transaction_id {among}",
            [account.pk, given],
        )
        return [(ident, line, bool(current)) for ident, line, current in cursor.fetchall()]


def narrative_json(pairs: Sequence[tuple[str, str]]) -> str:
    """Return the pairs as json.dumps writes them, in a fraction of its time."""
    told = ", ".join(
        [f"[{encode_basestring_ascii(key)}, {encode_basestring_ascii(value)}]" for key, value in pairs]
    )
    return f"[{told}]"


def _executed(
    account: Account, pull: Pull, ordered: Sequence[PostedLine], given_up: Collection[str]
) -> list[tuple[str, int]]:
    marks = ", ".join(["%s"] * len(LINE_COLUMNS))
    fixed = (1, "booked", account.pk, pull.pk.hex, pull.pk.hex)
    with connection.cursor() as cursor:
        # Nobody else writes before we commit: whatever lies above the highest number now is ours.
        cursor.execute(f"SELECT coalesce(max(id), 0) FROM {_LINES}")  # noqa: S608
        (before,) = cursor.fetchone()
        statement = f"INSERT INTO {_LINES} ({', '.join(LINE_COLUMNS)}) VALUES ({marks})"  # noqa: S608
        rows = ((*_values(line), *fixed) for line in ordered)
        while batch := list(islice(rows, BATCH)):
            cursor.executemany(statement, batch)
        # The plus keeps SQLite from the index by account: it would go through every line the account has.
        cursor.execute(
            f"INSERT INTO {_IDS} ({', '.join(ID_COLUMNS)}) "  # noqa: S608
            f"SELECT transaction_id, account_id, id, 1, first_pull_id FROM {_LINES} AS line "
            f"WHERE id > %s AND +account_id = %s {_UNLESS_KNOWN if given_up else ''} ORDER BY id",
            [before, account.pk],
        )
    if not given_up:
        return []
    fresh = Line.objects.filter(pk__gt=before).order_by("pk")  # ours alone, as above
    return [row for row in fresh.values_list("transaction_id", "pk") if row[0] in given_up]


def _values(line: PostedLine) -> tuple[str | int | None, ...]:
    return (
        *_texts(line),
        narrative_json(line.narrative),
        line.value_date.isoformat() if line.value_date else None,
        line.as_of_date.isoformat(),
        line.direction,
        str(line.amount),
        line.reversal,
    )


def _copied(
    account: Account, pull: Pull, ordered: Sequence[PostedLine], given_up: Collection[str]
) -> list[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [_LINES, len(ordered)],
        )
        pks = sorted(pk for (pk,) in cursor.fetchall())
        _copy(cursor, _LINES, (*LINE_COLUMNS, "id"), _line_rows(account, pull, ordered, pks))
        _copy(cursor, _IDS, ID_COLUMNS, _id_rows(account, pull, ordered, pks, given_up))
    return [
        (line.transaction_id, pk)
        for line, pk in zip(ordered, pks, strict=True)
        if line.transaction_id in given_up
    ]


def _copy(cursor: Any, table: str, columns: Sequence[str], rows: Iterator[str]) -> None:
    with (
        connection.wrap_database_errors,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        while batch := "".join(islice(rows, BATCH)):
            copy.write(batch)


def _line_rows(
    account: Account, pull: Pull, ordered: Sequence[PostedLine], pks: Sequence[int]
) -> Iterator[str]:
    fixed = f"1\tbooked\t{account.pk}\t{pull.pk}\t{pull.pk}"
    for line, pk in zip(ordered, pks, strict=True):
        yield (
            f"{_escaped((*_texts(line), narrative_json(line.narrative)))}\t{line.value_date or NULL}\t"
            f"{line.as_of_date}\t{line.direction}\t{line.amount}\t"
            f"{'t' if line.reversal else 'f'}\t{fixed}\t{pk}\n"
        )


def _id_rows(
    account: Account,
    pull: Pull,
    ordered: Sequence[PostedLine],
    pks: Sequence[int],
    given_up: Collection[str],
) -> Iterator[str]:
    before, after = f"\t{account.pk}\t", f"\tt\t{pull.pk}\n"
    for line, pk in zip(ordered, pks, strict=True):
        if line.transaction_id not in given_up:
            yield f"{_escaped((line.transaction_id,))}{before}{pk}{after}"


def _texts(line: PostedLine) -> tuple[str, ...]:
    return (
        line.transaction_id,
        line.digest,
        line.bai_code,
        line.bank_reference,
        line.customer_reference,
        line.description,
        line.check_number,
        line.currency,
    )


def _escaped(texts: tuple[str, ...]) -> str:
    """Return the texts as columns of COPY's text format."""
    row = "\t".join(texts)
    if "\\" in row or "\n" in row or "\r" in row or row.count("\t") != len(texts) - 1:
        return "\t".join(map(_escape, texts))
    return row


def _escape(text: str) -> str:
    for plain, escaped in _ESCAPES:
        text = text.replace(plain, escaped)
    return text
