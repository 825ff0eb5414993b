"""What a window costs depends on its own lines, and not on how many the account has gathered over the years."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bankfeeds.pipeline import writing
from tests.bankfeeds.pipeline.test_writing import PLAIN, a_pull, an_account


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL copies the ids and looks for none")
def test_the_ids_of_new_lines_are_made_without_a_look_at_the_old_ones() -> None:
    account = an_account("ours")
    pull = a_pull(account)
    with CaptureQueriesContext(connection) as asked:
        writing.insert(account, pull, [PLAIN, replace(PLAIN, transaction_id="TXN-2")])
    (statement,) = [one["sql"] for one in asked if "AS line" in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
        plan = [row[3] for row in cursor.fetchall()]
    assert plan == ["SEARCH line USING INTEGER PRIMARY KEY (rowid>?)"]
