"""manage.py verify_custody: prove that what is sealed opens, and that keys are the right ones."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from audit.recording import Actor
from audit.workflow import OperationRefused
from certificates import custody, kek, operations
from certificates.management.progress import Progress


class Command(BaseCommand):
    help = (
        "Open every sealed row, or a sample, and compare keys with theirs. Prints key, version and outcome; other "
        "rows are counted, and printed only where they do not open. On standard error: which versions may leave "
        "the keyring, and how the recovery wraps stand. Exit 0: all open. Exit 1: some do not. Exit 2: the "
        "keyring is wrong."
    )
    requires_system_checks: list[str] = []  # it says what is wrong, row by row, where a check would only stop

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--sample", type=int, metavar="N", help="only N rows of each kind, picked at random"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["sample"] is not None and options["sample"] < 1:
            self.stderr.write("--sample takes a number from 1")
            sys.exit(2)
        try:
            unprovable = custody.unprovable()
            standing = operations.standing()
        except kek.KekError as problem:
            self.stderr.write(problem.sentence)
            sys.exit(2)
        for item in unprovable:
            self.stderr.write(item.sentence)
        try:
            closed = self._prove(options["sample"])
        except OperationRefused as refusal:
            self.stderr.write(refusal.sentence)
            sys.exit(2)
        self._tell(standing)
        if unprovable or closed or standing.behind:
            sys.exit(1)

    def _prove(self, sample: int | None) -> int:
        """Print the proofs as they come; return how many rows do not open."""
        opened: Counter[str] = Counter()
        closed: Counter[str] = Counter()
        for proof in operations.verify_custody(
            actor=Actor.command("verify_custody"),
            now=timezone.now(),
            sample=sample,
            watch=Progress(self.stderr, "opened", clock=time.monotonic),
        ):
            if proof.of_key or proof.problem:
                self.stdout.write(f"{proof.row}\t{proof.kek_version or '-'}\t{proof.problem or 'opens'}")
            (closed if proof.problem else opened)[proof.model] += 1
        for model in sorted({*opened, *closed}):
            self.stderr.write(f"{model}: {opened[model]} open, {closed[model]} do not")
        return sum(closed.values())

    def _tell(self, standing: operations.Standing) -> None:
        for (provider, version), rows in sorted(standing.needed.items()):
            self.stderr.write(f"{provider} “{version}” must stay: it seals {rows}")
        for provider, version in standing.may_leave:
            self.stderr.write(f"{provider} “{version}” may leave, once no backup needs it: it seals nothing")
        if standing.recovery_key:
            self.stderr.write(
                f"recovery key {standing.recovery_key[:16]}…: {standing.with_recovery} rows have its wrap, "
                f"{standing.without_recovery} have none, {standing.for_another} are for another key"
            )
            if standing.behind:
                self.stderr.write("Run rotate_keks: it adds the recovery wraps that are missing.")
