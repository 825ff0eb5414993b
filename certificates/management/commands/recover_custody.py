"""manage.py recover_custody: the restore drill, and the way back when the keyring is lost."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from audit.recording import Actor
from audit.workflow import OperationRefused
from certificates import kek, operations
from certificates.kek.recovery import RecoveryOpener, read_private
from certificates.management.commands.rotate_keks import report
from certificates.management.progress import Progress

ACTOR = Actor.command("recover_custody")


class Command(BaseCommand):
    help = (
        "Open sealed rows by the offline recovery key. --sample: the drill, compares keys and changes nothing. "
        "--all: the keyring is lost; every data key goes under the active version of a new one. No key is printed. "
        "Exit 0: all opened. Exit 1: some did not, named on standard error. Exit 2: wrong call or configuration."
    )
    requires_system_checks: list[str] = []  # with the keyring lost, the checks refuse every other command

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--private-key", type=Path, required=True, metavar="FILE", help="PEM")
        parser.add_argument(
            "--passphrase-file", type=Path, metavar="FILE", help="its first line is the passphrase"
        )
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--sample", type=int, metavar="N", help="drill with N rows of each kind")
        what.add_argument(
            "--all", action="store_true", help="re-wrap every row under the active keyring version"
        )

    @sensitive_variables()
    def handle(self, *args: Any, **options: Any) -> None:
        if options["sample"] is not None and options["sample"] < 1:
            self.stderr.write("--sample takes a number from 1")
            sys.exit(2)
        try:
            opener = _opener(options["private_key"], options["passphrase_file"])
            whole = self._recover(opener) if options["all"] else self._drill(opener, options["sample"])
        except (OperationRefused, kek.KekError) as refusal:
            self.stderr.write(refusal.sentence)
            sys.exit(2)
        if not whole:
            sys.exit(1)

    def _drill(self, opener: RecoveryOpener, sample: int) -> bool:
        found = operations.drill_recovery(opener=opener, sample=sample, actor=ACTOR, now=timezone.now())
        self.stderr.write(
            f"recovery key {opener.fingerprint[:16]}…: {found.opened} opened, {found.refused} did not"
        )
        for row, sentence in found.failed.items():
            self.stderr.write(f"{row}: {sentence}")
        return not found.refused

    def _recover(self, opener: RecoveryOpener) -> bool:
        watch = Progress(self.stderr, "recovered", clock=time.monotonic)
        done = operations.recover_custody(opener=opener, actor=ACTOR, now=timezone.now(), watch=watch)
        for (provider, version), rows in sorted(done.per_version.items()):
            self.stdout.write(f"{provider}\t{version}\t{rows}")
        report(self.stderr, done)
        return not done.remaining


@sensitive_variables()
def _opener(path: Path, passphrase_path: Path | None) -> RecoveryOpener:
    try:
        pem = path.read_bytes()
        passphrase = passphrase_path.read_bytes().split(b"\n")[0].rstrip(b"\r") if passphrase_path else None
    except OSError as problem:
        raise kek.KekMisconfigured(
            f"The file of the recovery key cannot be read: {problem.strerror}."
        ) from None
    return read_private(pem, passphrase)
