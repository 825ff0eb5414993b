"""The floor: what a careful user would write, who wants each line once and no more.

It parses the same page bytes and inserts ten columns and a JSON payload under one unique key: on PostgreSQL by COPY
into a staging table and INSERT … ON CONFLICT DO NOTHING, on SQLite by executemany. It proves no day and notices no
amended, renumbered or withdrawn line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

WHAT = {
    "postgresql": "floor: parse, COPY to staging, ON CONFLICT DO NOTHING",
    "sqlite": "floor: parse, executemany, ON CONFLICT DO NOTHING",
}
_COLUMNS = """account text, transaction_id text, as_of_date date, direction text, amount {amount}, currency text,
    bai_code text, bank_reference text, customer_reference text, value_date date, payload {payload}"""
NAMES = tuple(one.split()[0] for one in _COLUMNS.split(","))
_TYPES = {
    "postgresql": {"amount": "numeric(22, 4)", "payload": "jsonb"},
    "sqlite": {"amount": "text", "payload": "text"},
}


def prepare() -> None:
    """Make the floor's empty table."""
    columns = _COLUMNS.format(**_TYPES[connection.vendor])
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_floor")
        cursor.execute(f"CREATE TABLE bench_floor ({columns}, UNIQUE (account, transaction_id))")


def load(bodies: Iterable[bytes]) -> None:
    """Import the pages in one transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            _copy(cursor, bodies)
        else:
            cursor.executemany(
                f"INSERT INTO bench_floor VALUES ({','.join(['%s'] * 11)}) ON CONFLICT DO NOTHING",
                rows(bodies),
            )


def _copy(cursor: Any, bodies: Iterable[bytes]) -> None:
    columns = _COLUMNS.format(**_TYPES["postgresql"])
    cursor.execute(f"CREATE TEMPORARY TABLE bench_staging ({columns}) ON COMMIT DROP")
    with cursor.copy("COPY bench_staging FROM STDIN") as copy:
        for row in rows(bodies):
            copy.write_row(row)
    cursor.execute("INSERT INTO bench_floor SELECT * FROM bench_staging ON CONFLICT DO NOTHING")


def rows(bodies: Iterable[bytes]) -> Iterator[tuple[str, ...]]:
    """Yield the columns of each line of the pages."""
    for body in bodies:
        for line in json.loads(body, parse_float=Decimal)["data"]:
            yield (
                line["account"]["accountId"], line["transactionId"], line["asOfDate"], line["debitCreditCode"],
                str(line["amount"]), line["currency"]["code"], line["baiType"]["typeCode"],
                line["bankReferenceSearchable"]["standardValue"],
                line["customerReferenceSearchable"]["standardValue"], line["valueDate"],
                json.dumps(line, default=str),
            )  # fmt: skip
