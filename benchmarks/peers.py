"""What else is used for this: Django's own bulk_create, and dlt's merge (requirements-bench.lock), if it is there."""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection, models

from benchmarks import floor


class BenchLine(models.Model):
    """The floor's table, through the ORM."""

    account = models.CharField(max_length=64)
    transaction_id = models.CharField(max_length=128)
    as_of_date = models.DateField()
    direction = models.CharField(max_length=6)
    amount = models.DecimalField(max_digits=22, decimal_places=4)
    currency = models.CharField(max_length=3)
    bai_code = models.CharField(max_length=16)
    bank_reference = models.CharField(max_length=256)
    customer_reference = models.CharField(max_length=256)
    value_date = models.DateField()
    payload = models.JSONField()

    class Meta:
        app_label = "bankfeeds"
        constraints = [models.UniqueConstraint(fields=["account", "transaction_id"], name="bench_line_once")]

    def __str__(self) -> str:
        return self.transaction_id


def run(bodies: Sequence[bytes], *, ours: float) -> Iterator[dict[str, Any]]:
    """Yield the peers' first imports; the ratio is ours to theirs, above 1: ours is faster."""
    count = sum(body.count(b'"transactionId"') for body in bodies)
    yield _row(
        "Django's bulk_create(ignore_conflicts), first; ours is … times as fast", count, _django(bodies), ours
    )
    if importlib.util.find_spec("dlt") is None:
        print("dlt is not installed: its merge is not measured (pip install -r requirements-bench.lock)")
        return
    yield _row("dlt's merge, first; ours is … times as fast", count, _dlt(bodies), ours)


def _row(what: str, lines: int, seconds: float, ours: float) -> dict[str, Any]:
    return {"what": what, "rate": lines / seconds, "ratio": seconds / ours}


def _django(bodies: Sequence[bytes]) -> float:
    with connection.schema_editor() as editor:
        editor.create_model(BenchLine)
    names = [one.name for one in BenchLine._meta.concrete_fields][1:]
    began = time.perf_counter()
    for body in bodies:
        rows = [
            BenchLine(**dict(zip(names, [*row[:-1], json.loads(row[-1])], strict=True)))
            for row in floor.rows([body])
        ]
        BenchLine.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
    took = time.perf_counter() - began
    with connection.schema_editor() as editor:
        editor.delete_model(BenchLine)
    return took


def _dlt(bodies: Sequence[bytes]) -> float:
    import dlt

    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    there = settings.DATABASES["default"]
    with tempfile.TemporaryDirectory() as folder:
        if connection.vendor == "postgresql":
            at = f"postgresql://{there['USER']}:{there['PASSWORD']}@{there['HOST']}:{there['PORT']}/{there['NAME']}"
            destination: Any = dlt.destinations.postgres(at)
        else:
            destination = dlt.destinations.sqlalchemy(f"sqlite:///{folder}/dlt.sqlite3")
        pipeline = dlt.pipeline(
            "bench", destination=destination, dataset_name="bench_dlt", pipelines_dir=folder
        )

        @dlt.resource(name="lines", write_disposition="merge", primary_key=["account", "transaction_id"])
        def lines() -> Iterator[dict[str, Any]]:
            for row in floor.rows(bodies):
                told = dict(zip(floor.NAMES, row, strict=True))
                yield told | {"amount": Decimal(told["amount"])}

        began = time.perf_counter()
        pipeline.run(lines())
        return time.perf_counter() - began
