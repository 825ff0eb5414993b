"""What a key is never changes, whoever asks the database."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from certificates.immutability import FIXED
from certificates.models import KeyEnvelope, KeyPair
from certificates.operations.wraps import SECOND, WRAP

CASES = [
    (table, column)
    for table, columns in FIXED.items()
    for column in columns
    if column not in ("id", "key_id")
]


@pytest.mark.parametrize(("table", "column"), CASES)
def test_a_fixed_column_cannot_be_changed(request_key: Any, table: str, column: str) -> None:
    request_key()
    value = b"x" if column in ("nonce", "ciphertext") else "x"
    with (
        pytest.raises(DatabaseError, match="never change"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE {table} SET {column} = %s", [value])


def test_every_column_of_an_envelope_is_fixed_or_a_wrap_of_its_data_key() -> None:
    columns = {field.column for field in KeyEnvelope._meta.concrete_fields}
    assert columns - set(FIXED["certificates_keyenvelope"]) == {*WRAP, *SECOND}


def test_the_wraps_of_a_data_key_can_be_changed(request_key: Any) -> None:
    request_key()
    KeyEnvelope.objects.update(
        provider="p", kek_version="v", wrapped_dek=b"w", dek_nonce=b"n", recovery_key="k", recovery_dek=b"r"
    )
    assert KeyEnvelope.objects.get().recovery_key == "k"


def test_an_envelope_cannot_be_moved_to_another_key(request_key: Any) -> None:
    one, two = request_key("connection:one"), request_key("connection:two")
    KeyEnvelope.objects.filter(key=two).delete()
    with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
        KeyEnvelope.objects.filter(key=one).update(key=two)


def test_the_rest_of_a_key_can_be_saved(request_key: Any) -> None:
    key = request_key()
    key.installed_by = "command:test"
    key.save()
    assert KeyPair.objects.get().installed_by == "command:test"


@pytest.mark.parametrize(
    "column", ["wrapped_dek", "nonce", "ciphertext", "provider", "kek_version", "format"]
)
def test_an_empty_part_is_refused(request_key: Any, column: str) -> None:
    key = request_key()
    row = KeyEnvelope.objects.get(key=key)
    KeyEnvelope.objects.filter(key=key).delete()
    setattr(row, column, b"" if column in ("wrapped_dek", "nonce", "ciphertext") else "")
    with pytest.raises(DatabaseError), transaction.atomic():
        row.save(force_insert=True)
