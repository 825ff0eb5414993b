"""manage.py reconcile_feeds: print the proof of every day, and the open findings."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from bankfeeds import queries, reports
from bankfeeds.cli import FINDINGS, connection_named


class Command(BaseCommand):
    help = "Print opening, credits, debits, closing and difference per account and day. Exit code 1: open findings."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--connection", required=True, metavar="L")
        parser.add_argument("--format", required=True, choices=["json", "text"])

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connection_named(options["connection"])
        write = reports.proof_text if options["format"] == "text" else reports.proof_json
        for piece in write(connection=connection):
            self.stdout.write(piece, ending="")
        if queries.open_findings(connection=connection).exists():
            sys.exit(FINDINGS)
