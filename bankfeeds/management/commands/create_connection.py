"""manage.py create_connection: set up a customer's way into the bank."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from audit.recording import Actor
from audit.workflow import OperationRefused
from bankfeeds import operations
from bankfeeds.cli import WRONG_CALL, refusal


class Command(BaseCommand):
    help = "Create a connection to the bank. Asked again with the same facts, it changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--label", required=True)
        parser.add_argument("--environment", required=True, choices=["test", "production"])
        parser.add_argument("--auth", required=True, choices=["oauth", "mtls"])
        parser.add_argument("--api-host", required=True, metavar="URL")
        parser.add_argument("--token-url", default="", metavar="URL", help="needed for --auth oauth")
        parser.add_argument("--resource", default="", help="needed for --auth oauth")
        parser.add_argument("--client-id", required=True)
        parser.add_argument(
            "--trust-roots", required=True, metavar="FILE", help="PEM; nothing else is trusted"
        )
        parser.add_argument(
            "--account", required=True, action="append", metavar="ID", help="may be given again"
        )
        parser.add_argument("--audience", default="", help="the token URL by default")
        parser.add_argument(
            "--history-start", type=date.fromisoformat, metavar="D", help="first day of the feed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            roots = Path(options["trust_roots"]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            reason = getattr(problem, "strerror", None) or "it is not text"
            raise CommandError(
                f"{options['trust_roots']} cannot be read: {reason}", returncode=WRONG_CALL
            ) from None
        facts = operations.NewConnection(
            label=options["label"],
            environment=options["environment"],
            auth=options["auth"],
            api_host=options["api_host"],
            token_url=options["token_url"],
            resource=options["resource"],
            client_id=options["client_id"],
            trust_roots=roots,
            accounts=options["account"],
            audience=options["audience"],
            history_start=options["history_start"],
        )
        try:
            connection = operations.create_connection(
                facts=facts, actor=Actor.command("create_connection"), now=timezone.now()
            )
        except OperationRefused as problem:
            raise refusal(problem) from None
        self.stderr.write(f"Connection {connection.label} is {connection.state}.")
