"""Lines written past the ORM are the lines the ORM would have written; sums and comparisons of them are exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from audit.recording import Actor
from bankfeeds import operations
from bankfeeds.models import Account, Connection, Line, LineId, Pull
from bankfeeds.pipeline import diff, ledger, movements, writing
from bankfeeds.records import PostedLine

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
DAY = date(2026, 6, 2)
ACTOR = Actor.command("test")
PLAIN = PostedLine(
    transaction_id="TXN-1",
    account_id="000000700100200",
    as_of_date=DAY,
    direction="CREDIT",
    amount=Decimal("12500.00"),
    currency="USD",
    bai_code="195",
    bank_reference="0004410005FF",
    customer_reference="INV-20417",
    description="INVOICE 20417",
    check_number="1044",
    value_date=DAY,
    reversal=False,
    narrative=(("REMARK", "INVOICE 20417"), ("YOUR REF", "INV-20417")),
)
BARE = {
    "bai_code": "",
    "bank_reference": "",
    "customer_reference": "",
    "description": "",
    "check_number": "",
    "value_date": None,
    "narrative": (),
}
AWKWARD = {
    "plain": PLAIN,
    "bare": replace(PLAIN, **BARE),
    "debit and reversal": replace(PLAIN, direction="DEBIT", reversal=True),
    "no digits": replace(PLAIN, amount=Decimal("1200"), currency="JPY"),
    "three digits": replace(PLAIN, amount=Decimal("0.001"), currency="BHD"),
    "four digits": replace(PLAIN, amount=Decimal("7.0001"), currency="CLF"),
    "nothing": replace(PLAIN, amount=Decimal("0.00")),
    "10^15 to the cent": replace(PLAIN, amount=Decimal("1000000000000000.01")),
    "the largest": replace(PLAIN, amount=Decimal("999999999999999999.99")),
    "all of COPY's own signs": replace(
        PLAIN,
        transaction_id="T\\N\t1\\",
        description="a\tb\nc\rd\\e\\N\\.\n\\.\n",
        bank_reference="\\N",
        customer_reference="\\.",
        check_number="\\t",
        narrative=(("A\tB", 'quote " and \\ and \n'), ("\\N", "\\u0041")),
    ),
    "texts of the world": replace(
        PLAIN,
        transaction_id="TXN-Ä-😀",
        description="Zürich – “東京” 😀 \x01\x1f\x7f\u2028",
        narrative=(("ключ", "é\x08\x0c😀"),),
    ),
    "what looks like SQL": replace(PLAIN, description="'; DROP %s %% {} --", customer_reference="100%"),
}


def an_account(label: str) -> Account:
    row = Connection.objects.create(
        label=label, environment="test", auth="mtls", api_host="https://bank.invalid", client_id="TEST",
        trust_roots="-", created_at=NOW,
    )  # fmt: skip
    Connection.objects.filter(pk=row.pk).update(state="testing")
    return Account.objects.create(
        connection_id=row.pk, number="700100200", given_number="000000700100200", currency="USD"
    )


def a_pull(account: Account) -> Pull:
    return operations.start_pull(account=account, today=date(2026, 6, 3), actor=ACTOR, now=NOW)


def write_by_orm(account: Account, pull: Pull, lines: Sequence[PostedLine]) -> None:
    for line in lines:
        row = Line.objects.create(
            account=account, digest=line.digest, first_pull=pull, last_changed_pull=pull, **ledger.facts(line)
        )
        LineId.objects.create(account=account, transaction_id=line.transaction_id, line=row, first_pull=pull)


def stored(model: type[Line] | type[LineId], account: Account) -> list[dict[str, Any]]:
    """Return the rows as the database holds them: every column but the keys, with its type on SQLite."""
    own = {"id", "account_id", "line_id"}
    columns = [one.column for one in model._meta.concrete_fields if one.column not in own]
    shown = "typeof({0}) || ' ' || quote({0})" if connection.vendor == "sqlite" else "{0}::text"
    asked = ", ".join(shown.format(f'"{name}"') for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {asked} FROM {model._meta.db_table} WHERE account_id = %s ORDER BY id", [account.pk]
        )
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


@pytest.mark.django_db
@pytest.mark.parametrize("line", AWKWARD.values(), ids=AWKWARD)
def test_a_line_is_stored_column_by_column_as_the_orm_stores_it(line: PostedLine) -> None:
    ours, theirs = an_account("ours"), an_account("theirs")
    pull = a_pull(ours)

    writing.insert(ours, pull, [line])
    write_by_orm(theirs, pull, [line])

    assert stored(Line, ours) == stored(Line, theirs) != []
    assert stored(LineId, ours) == stored(LineId, theirs) != []
    (row,) = Line.objects.filter(account=ours)
    assert {name: getattr(row, name) for name in ledger.FACTS} == ledger.facts(line)
    assert row.digest == line.digest
    assert row.ids.get().transaction_id == line.transaction_id


def test_every_column_of_a_line_is_written() -> None:
    assert {*writing.LINE_COLUMNS, "id"} == {one.column for one in Line._meta.concrete_fields}
    assert {*writing.ID_COLUMNS, "id"} == {one.column for one in LineId._meta.concrete_fields}


@pytest.mark.django_db
def test_many_lines_come_in_the_order_of_their_ids_and_each_has_its_own() -> None:
    account = an_account("many")
    lines = [replace(PLAIN, transaction_id=f"TXN-{number * 7919 % 2503:05}") for number in range(2503)]

    writing.insert(account, a_pull(account), lines)

    booked = list(Line.objects.order_by("pk").values_list("transaction_id", flat=True))
    assert booked == sorted(line.transaction_id for line in lines)
    assert list(LineId.objects.order_by("pk").values_list("line__transaction_id", "transaction_id")) == [
        (ident, ident) for ident in booked
    ]
    later = Line.objects.create(
        account=account, digest="", first_pull_id=Pull.objects.get().pk, last_changed_pull_id=Pull.objects.get().pk,
        **ledger.facts(replace(PLAIN, transaction_id="LATER")),
    )  # fmt: skip
    assert later.pk > max(Line.objects.exclude(pk=later.pk).values_list("pk", flat=True))


@pytest.mark.django_db
def test_an_id_that_a_line_gave_up_goes_to_the_line_listed_under_it() -> None:
    account = an_account("alias")
    pull = a_pull(account)
    writing.insert(account, pull, [replace(PLAIN, transaction_id="OLD")])
    first = Line.objects.get()
    ledger.use_id(first, "NEW", pull)

    writing.insert(account, pull, [replace(PLAIN, transaction_id=ident) for ident in ("OLD", "OTHER")])

    assert sorted(LineId.objects.values_list("transaction_id", "line__transaction_id", "current")) == [
        ("NEW", "NEW", True),
        ("OLD", "OLD", True),
        ("OTHER", "OTHER", True),
    ]
    assert LineId.objects.get(transaction_id="NEW").line_id == first.pk


@pytest.mark.django_db
def test_the_constraints_refuse_a_second_line_under_an_id_in_use() -> None:
    account = an_account("twice")
    pull = a_pull(account)
    writing.insert(account, pull, [PLAIN])

    with pytest.raises(IntegrityError), transaction.atomic():
        writing.insert(account, pull, [replace(PLAIN, transaction_id="FRESH"), PLAIN])

    assert Line.objects.count() == LineId.objects.count() == 1


@pytest.mark.django_db
def test_amounts_beyond_the_databases_integers_add_up_to_the_last_digit() -> None:
    account = an_account("sums")
    amounts = [
        "999999999999999999.99",
        "999999999999999999.99",
        "0.01",
        "1000000000.00",
        "999999999.99",
        "0.00",
    ] * 9
    lines = [
        replace(PLAIN, transaction_id=f"TXN-{place}", amount=Decimal(amount))
        for place, amount in enumerate(amounts)
    ]
    odd = [
        replace(PLAIN, transaction_id="ODD-1", direction="DEBIT", amount=Decimal("0.001"), currency="BHD"),
        replace(PLAIN, transaction_id="ODD-2", direction="DEBIT", amount=Decimal("7"), currency="JPY"),
        replace(PLAIN, transaction_id="ELSEWHEN", as_of_date=date(2026, 6, 1)),
        replace(PLAIN, transaction_id="WITHDRAWN"),
    ]
    writing.insert(account, a_pull(account), [*lines, *odd])
    Line.objects.filter(transaction_id="WITHDRAWN").update(state="withdrawn")

    found = movements.by_day(account, [DAY])

    assert dict(found) == {
        DAY: movements.Movements(
            credits=sum((Decimal(amount) for amount in amounts), Decimal(0)),
            debits=Decimal("7.001"),
            lines=len(lines) + 2,
            currencies={"USD", "BHD", "JPY"},
        )
    }
    if connection.vendor == "sqlite":
        assert str(found[DAY].credits) == str(sum((Decimal(amount) for amount in amounts), Decimal(0)))


class TestSums(TestCase):
    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.decimals(0, Decimal("999999999999999999.99"), places=2), min_size=1, max_size=12))
    def test_the_database_adds_as_python_does(self, amounts: list[Decimal]) -> None:
        account = an_account("hypothesis")
        lines = [
            replace(PLAIN, transaction_id=f"{place}", amount=amount) for place, amount in enumerate(amounts)
        ]
        writing.insert(account, a_pull(account), lines)

        assert movements.by_day(account, [DAY])[DAY].credits == sum(amounts, Decimal(0))


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps numbers")
@pytest.mark.parametrize("text", ["0.1", "1E+3", "-12.50", "0.00001", ".5", "9999999999999999999", "007"])
def test_an_amount_written_by_another_hand_is_still_added_exactly(text: str) -> None:
    account = an_account("odd")
    writing.insert(account, a_pull(account), [PLAIN, replace(PLAIN, transaction_id="TXN-2")])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE bankfeeds_line SET amount = %s WHERE transaction_id = 'TXN-2'", [text])

    assert movements.by_day(account, [DAY])[DAY].credits == Decimal("12500") + Decimal(text)


B = replace(PLAIN, transaction_id="TXN-2", description="B")
CHANGED = {
    "a line fewer": [PLAIN],
    "a line more": [PLAIN, B, replace(B, transaction_id="TXN-3")],
    "another content": [PLAIN, replace(B, description="C")],
    "another id": [PLAIN, replace(B, transaction_id="TXN-3")],
    "contents exchanged": [replace(B, transaction_id="TXN-1"), replace(PLAIN, transaction_id="TXN-2")],
    "an earlier id": [PLAIN, replace(B, transaction_id="EARLIER")],
    "the withdrawn one instead": [PLAIN, replace(B, transaction_id="GONE")],
    "the one of another day instead": [
        PLAIN,
        replace(B, transaction_id="ELSEWHEN", as_of_date=date(2026, 6, 1)),
    ],
    "one twice and the other left out": [PLAIN, PLAIN],
    "nothing": [],
}


def _two_lines_with_a_past() -> Account:
    account = an_account("past")
    pull = a_pull(account)
    earlier = date(2026, 6, 1)
    gone, elsewhen = (
        replace(B, transaction_id="GONE"),
        replace(B, transaction_id="ELSEWHEN", as_of_date=earlier),
    )
    writing.insert(account, pull, [PLAIN, replace(B, transaction_id="EARLIER"), gone, elsewhen])
    ledger.use_id(Line.objects.get(transaction_id="EARLIER"), "TXN-2", pull)
    Line.objects.filter(transaction_id="GONE").update(state="withdrawn")
    return account


@pytest.mark.django_db
def test_the_same_lines_in_any_order_are_unchanged_and_the_full_comparison_agrees() -> None:
    account = _two_lines_with_a_past()
    answer = [B, PLAIN]

    known = ledger.known_lines(account, DAY, DAY, answer)
    found = diff.compare(answer, known)

    assert ledger.unchanged(account, DAY, DAY, answer)
    assert [line for line, _ in found.same] == answer
    assert found == diff.Comparison(same=found.same)


@pytest.mark.django_db
@pytest.mark.parametrize("answer", CHANGED.values(), ids=CHANGED)
def test_whatever_differs_goes_through_the_full_comparison(answer: list[PostedLine]) -> None:
    assert not ledger.unchanged(_two_lines_with_a_past(), DAY, DAY, answer)
