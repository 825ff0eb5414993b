"""manage.py verify_custody: prove that sealed keys open and are the right ones."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from audit.recording import Actor
from certificates import custody, kek, operations


class Command(BaseCommand):
    help = (
        "Open every sealed key, or a sample, and compare it with its row. Prints key, version and outcome. "
        "Exit 0: all open. Exit 1: some do not. Exit 2: the keyring is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--sample", type=int, metavar="N", help="only N keys, picked at random")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["sample"] is not None and options["sample"] < 1:
            self.stderr.write("--sample takes a number from 1")
            sys.exit(2)
        try:
            unprovable = custody.unprovable()
        except kek.KekError as problem:
            self.stderr.write(problem.sentence)
            sys.exit(2)
        for item in unprovable:
            self.stderr.write(item.sentence)
        proofs = operations.verify_custody(
            actor=Actor.command("verify_custody"), now=timezone.now(), sample=options["sample"]
        )
        for proof in proofs:
            self.stdout.write(f"{proof.key.pk}\t{proof.kek_version or '-'}\t{proof.problem or 'opens'}")
        if unprovable or any(proof.problem for proof in proofs):
            sys.exit(1)
