"""manage.py verify_audit: walk the audit chain and name the first broken entry."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from audit import queries


class Command(BaseCommand):
    help = "Verify the audit chain. Exit 0: whole. Exit 1: broken, the first broken entry is named."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--anchor", metavar="NUMBER:DIGEST", help="also check an entry's digest that you keep elsewhere"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = queries.verify()
        if found.broken is not None:
            self.stdout.write(f"broken at entry {found.broken.number}: {found.broken.reason}")
            sys.exit(1)
        self._check_anchor(options["anchor"])
        self.stdout.write(f"whole: {found.entries} entries, head {found.entries}:{found.head_digest}")

    def _check_anchor(self, anchor: str | None) -> None:
        if anchor is None:
            return
        number, _, digest = anchor.partition(":")
        if not number.isdigit() or len(digest) != 64:
            self.stderr.write("--anchor takes NUMBER:DIGEST, as verify_audit prints them")
            sys.exit(2)
        if not queries.anchored(int(number), digest):
            self.stdout.write(f"broken at entry {number}: its digest is not the one given as anchor")
            sys.exit(1)
