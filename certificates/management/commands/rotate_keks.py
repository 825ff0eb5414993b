"""manage.py rotate_keks: put every data key under the active keyring version."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from audit.recording import Actor
from audit.workflow import OperationRefused
from certificates import kek, operations


class Command(BaseCommand):
    help = (
        "Re-wrap every data key under the active keyring version; safe to repeat. Prints version and rows. "
        "Exit 0: done. Exit 1: some rows do not open, named on standard error. Exit 2: the keyring is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--batch", type=int, default=100, help="envelopes a transaction (100)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["batch"] < 1:
            self.stderr.write("--batch takes a number from 1")
            sys.exit(2)
        try:
            done = operations.rotate_keks(
                actor=Actor.command("rotate_keks"), now=timezone.now(), batch=options["batch"]
            )
        except (OperationRefused, kek.KekError) as refusal:
            self.stderr.write(refusal.sentence)
            sys.exit(2)
        for (provider, version), rows in sorted(done.per_version.items()):
            self.stdout.write(f"{provider}\t{version}\t{rows}")
        self.stderr.write(f"{done.rewrapped} re-wrapped, {len(done.failed)} failed")
        for key, sentence in done.failed.items():
            self.stderr.write(f"{key}: {sentence}")
        if done.failed:
            sys.exit(1)
