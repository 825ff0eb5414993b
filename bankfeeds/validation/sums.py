"""Amounts in queries that group: exact on both databases, however many zeros SQLite's text ends with."""

from __future__ import annotations

from typing import Any

from django.db.models import BooleanField, F, Func

from bankfeeds.models.amounts import AmountField


class Plain(Func):
    """The amount, equal in the database where it is equal in value."""

    arity = 1
    template = "%(expressions)s"
    output_field = AmountField()

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        template = (
            "CASE instr(%(expressions)s, '.') WHEN 0 THEN %(expressions)s "
            "ELSE rtrim(rtrim(%(expressions)s, '0'), '.') END"
        )
        sql, params = compiler.compile(self.source_expressions[0])
        return template % {"expressions": sql}, [*params, *params, *params]


class MorePlaces(Func):
    """Whether an amount has digits beyond the places given: what its currency does not have."""

    output_field = BooleanField()

    def __init__(self, name: str, places: int) -> None:
        super().__init__(F(name))
        self.places = int(places)

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **more: Any) -> Any:
        amount, params = compiler.compile(self.source_expressions[0])
        return f"({amount} <> round({amount}, {self.places}))", [*params, *params]

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        amount, params = compiler.compile(self.source_expressions[0])
        beyond = f"substr({amount}, instr({amount}, '.') + {1 + self.places})"
        return f"(instr({amount}, '.') > 0 AND rtrim({beyond}, '0') <> '')", [*params, *params, *params]
