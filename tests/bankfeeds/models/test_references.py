"""What the database does not check itself (decision 0008) is refused by the product, and counted."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import ProtectedError
from django.utils import timezone

from bankfeeds import queries
from bankfeeds.models import Line, LineId, Pull
from bankfeeds.replay import replay
from tests.bankfeeds.pipeline.test_shortcut import PAGES, Bench

pytestmark = pytest.mark.django_db


@pytest.fixture
def bench() -> Bench:
    found = Bench()
    found.book(found.answer(PAGES))
    return found


def test_an_account_or_a_pull_that_lines_name_cannot_be_deleted(bench: Bench) -> None:
    for row in (bench.account, Pull.objects.get()):
        with pytest.raises(ProtectedError):
            row.delete()
    assert queries.orphans() == 0


@pytest.mark.parametrize(
    ("model", "column", "lost"),
    [
        (Line, "account_id", 3),
        (Line, "first_pull_id", 3),
        (Line, "last_changed_pull_id", 3),
        (LineId, "account_id", 3),
        (LineId, "first_pull_id", 3),
    ],
)
def test_a_reference_broken_by_hand_is_counted_and_told(
    model: type[Line] | type[LineId], column: str, lost: int, bench: Bench
) -> None:
    nobody: Any = 987654 if column == "account_id" else "0" * 32
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {model._meta.db_table} SET {column} = %s", [nobody])

    assert queries.orphans() == lost


def test_the_replay_says_so(bench: Bench) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE bankfeeds_lineid SET first_pull_id = %s", ["0" * 32])
    Pull.objects.update(new=0, same=3)  # its pages were not kept here

    found = replay(connection=bench.account.connection, now=timezone.now())

    assert not found.equal
    assert found.differences[-1].startswith("3 lines or ids name an account or a pull that is not there")
