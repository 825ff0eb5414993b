"""manage.py replay_pulls: rebuild a ledger from its raw pages, and say whether it is the present one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from bankfeeds.cli import BANK_REFUSED, FINDINGS, WRONG_CALL, connection_named
from bankfeeds.replay import FeedMoved, PagesUnusable, Replayed, replay


class Command(BaseCommand):
    help = (
        "Rebuild a connection's ledger from its raw pages alone, in a transaction that is rolled back, and compare its "
        "export with the present one byte for byte. Nothing is changed. Exit code 0: equal; 1: different, or a raw "
        "page is damaged or missing; 2: wrong call; 3: the feed was pulled meanwhile, run it again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--connection", required=True, metavar="L")
        parser.add_argument(
            "--from", dest="start", type=date.fromisoformat, metavar="D", help="compare only days from D on"
        )
        parser.add_argument("--check", action="store_true", help="compare, and nothing else (the default)")
        parser.add_argument("--format", choices=["json", "csv"], help="print the rebuilt export as well")

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connection_named(options["connection"])
        wanted = options["format"]
        if wanted and (options["start"] or options["check"]):
            raise CommandError("--format goes with neither --from nor --check.", returncode=WRONG_CALL)
        try:
            found = replay(
                connection=connection,
                now=timezone.now(),
                start=options["start"],
                write=self._write if wanted else None,
                as_csv=wanted == "csv",
            )
        except PagesUnusable as problem:
            raise CommandError(f"{connection.label}: {problem}", returncode=FINDINGS) from None
        except FeedMoved as problem:
            raise CommandError(f"{problem} Run it again.", returncode=BANK_REFUSED) from None
        self._report(connection.label, found)
        if not found.equal:
            sys.exit(FINDINGS)

    def _write(self, pieces: Iterator[str]) -> None:
        for piece in pieces:
            self.stdout.write(piece, ending="")

    def _report(self, label: str, found: Replayed) -> None:
        for sentence in (*found.notes, *found.differences):
            self.stderr.write(f"{label}: {sentence}")
        if found.differing > len(found.differences):
            self.stderr.write(f"{label}: and {found.differing - len(found.differences)} more.")
        came = f"{found.pulls} pulls, {found.windows} windows"
        if found.equal:
            self.stderr.write(f"{label}: equal; {found.lines} lines from {came}.")
        else:
            self.stderr.write(
                f"{label}: different; {found.lines} lines are equal, {found.differing} are not ({came})."
            )
