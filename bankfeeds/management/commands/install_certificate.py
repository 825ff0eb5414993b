"""manage.py install_certificate: take in what the bank returned for a signing request."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from audit.recording import Actor
from audit.workflow import OperationRefused
from bankfeeds import operations
from bankfeeds.cli import BANK_REFUSED, WRONG_CALL, connection_named, refusal

LARGEST = 1024 * 1024


class Command(BaseCommand):
    help = "Install a certificate (PEM, DER, PKCS#7 or PKCS#12 without key); say why if it does not fit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--connection", required=True, metavar="L")
        parser.add_argument("file", metavar="FILE")
        parser.add_argument(
            "--confirm-drift",
            action="store_true",
            help="take a production certificate though its subject came back other than requested",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connection_named(options["connection"])
        try:
            with Path(options["file"]).open("rb") as source:
                material = source.read(LARGEST + 1)
        except OSError as problem:
            raise CommandError(
                f"{options['file']} cannot be read: {problem.strerror}", returncode=WRONG_CALL
            ) from None
        if len(material) > LARGEST:
            raise CommandError(f"{options['file']} is too large for a certificate.", returncode=WRONG_CALL)
        try:
            certificate = operations.install_certificate(
                connection=connection,
                material=material,
                actor=Actor.command("install_certificate"),
                now=timezone.now(),
                confirmed_drift=options["confirm_drift"],
                clock=timezone.now,
            )
        except OperationRefused as problem:
            raise refusal(problem) from None
        key = certificate.key
        self.stderr.write(f"Installed; the key is {key.state}. Valid until {certificate.not_after:%Y-%m-%d}.")
        if key.state != "certified":
            return
        if not key.is_test:
            self.stderr.write(
                "Prove it at the bank (prove_key); then an approver activates it in the console."
            )
            return
        self.stderr.write(f"The key before it goes on. {key.proof_problem} Then repeat this command.")
        sys.exit(BANK_REFUSED)
