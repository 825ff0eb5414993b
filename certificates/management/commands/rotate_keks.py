"""manage.py rotate_keks: put every data key under the active keyring version."""

from __future__ import annotations

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from audit.recording import Actor
from audit.workflow import OperationRefused
from certificates import kek, operations
from certificates.management.progress import Progress


class Command(BaseCommand):
    help = (
        "Re-wrap every data key (private keys, contacts' details, status links) under the active keyring version, "
        "and for the recovery key where one is set; safe to kill and to repeat. Prints provider, version and rows. "
        "Exit 0: done. Exit 1: rows remain on another version, those that do not open named on standard error. "
        "Exit 2: the keyring is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--batch", type=int, default=200, help="rows a transaction (200)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["batch"] < 1:
            self.stderr.write("--batch takes a number from 1")
            sys.exit(2)
        watch = Progress(self.stderr, "re-wrapped", clock=time.monotonic)
        actor = Actor.command("rotate_keks")
        try:
            done = operations.rotate_keks(
                actor=actor, now=timezone.now(), batch=options["batch"], watch=watch
            )
        except (OperationRefused, kek.KekError) as refusal:
            self.stderr.write(refusal.sentence)
            sys.exit(2)
        for (provider, version), rows in sorted(done.per_version.items()):
            self.stdout.write(f"{provider}\t{version}\t{rows}")
        report(self.stderr, done)
        if done.remaining:
            sys.exit(1)


def report(stderr: Any, done: operations.Rotation) -> None:
    """Say in words what a rotation did and what it left."""
    second = f", {done.second_wraps} given a recovery wrap" if done.second_wraps else ""
    stderr.write(f"{done.rewrapped} re-wrapped{second}, {done.remaining} left")
    for row, sentence in done.failed.items():
        stderr.write(f"{row}: {sentence}")
    if done.remaining > len(done.failed):
        stderr.write(
            f"{done.remaining - len(done.failed)} more are held by somebody, were sealed meanwhile by a process "
            "with the old settings, or do not open: restart every process, then run this again."
        )
