"""manage.py generate_csr: print a signing request for a new key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from audit.recording import Actor
from audit.workflow import OperationRefused
from bankfeeds import operations
from bankfeeds.cli import connection_named, refusal


class Command(BaseCommand):
    help = "Print the connection's open signing request (PEM); a new key is made if there is none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--connection", required=True, metavar="L")
        parser.add_argument(
            "--use", default="", choices=["oauth", "transport"], help="by default, as it signs in"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connection_named(options["connection"])
        try:
            key = operations.generate_csr(
                connection=connection,
                use=options["use"],
                actor=Actor.command("generate_csr"),
                now=timezone.now(),
            )
        except OperationRefused as problem:
            raise refusal(problem) from None
        self.stdout.write(key.csr_pem, ending="")
