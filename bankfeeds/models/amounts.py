"""A column for exact amounts on every database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models

MAX_DIGITS, PLACES = 22, 4


class AmountField(models.DecimalField):  # type: ignore[type-arg]  # generic in the stubs only
    """A decimal of up to 18 whole digits and 4 decimal places, returned with exactly 4 places.

    PostgreSQL keeps it as numeric. SQLite would turn a decimal column into a float of 15 digits, so there it is text:
    compare and add such amounts in Python.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "max_digits": MAX_DIGITS, "decimal_places": PLACES})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_digits"], kwargs["decimal_places"]
        return name, path, args, kwargs

    def get_internal_type(self) -> str:
        # Not "DecimalField": that name makes Django pass SQLite's value through a float.
        return "AmountField"

    def db_type(self, connection: Any) -> str:
        return "text" if connection.vendor == "sqlite" else f"numeric({MAX_DIGITS}, {PLACES})"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Decimal | None:
        return None if value is None else Decimal(value)
