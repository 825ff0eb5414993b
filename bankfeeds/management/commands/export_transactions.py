"""manage.py export_transactions: print the booked lines."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from bankfeeds import reports
from bankfeeds.cli import connection_named


class Command(BaseCommand):
    help = (
        "Print every posted line of a connection: a JSON array with an object a line, or CSV with a header."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--connection", required=True, metavar="L")
        parser.add_argument("--format", required=True, choices=["json", "csv"])

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connection_named(options["connection"])
        write = reports.transactions_csv if options["format"] == "csv" else reports.transactions_json
        for piece in write(connection=connection):
            self.stdout.write(piece, ending="")
