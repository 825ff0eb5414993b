"""manage.py prove_key: try a connection's key and certificate at the bank."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from audit.recording import Actor
from audit.workflow import OperationRefused
from bankfeeds import operations
from bankfeeds.cli import BANK_REFUSED, WRONG_CALL, connection_named, refusal
from certificates.holders import NotTried, ProofFailed


class Command(BaseCommand):
    help = (
        "Ask the bank with the connection's new key, or with the one in use where none is new. Exit code 0: it let "
        "us in; 2: wrong call, the bank was not asked; 3: the bank refused or was unreachable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--connection", required=True, metavar="L")
        parser.add_argument(
            "--use", default="", choices=["oauth", "transport"], help="by default, as it signs in"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connection_named(options["connection"])
        try:
            proven = operations.prove_keys(
                pk=connection.pk,
                use=options["use"] or connection.main_use,
                actor=Actor.command("prove_key"),
                now=timezone.now(),
                clock=timezone.now,
            )
        except OperationRefused as problem:
            asked = isinstance(problem, ProofFailed) and not isinstance(problem, NotTried)
            raise refusal(problem, code=BANK_REFUSED if asked else WRONG_CALL) from None
        for key in proven:
            self.stdout.write(
                f"The bank let us in with the {key.use} key {key.certificate.sha1}; it is {key.state}."
            )
