"""Run the simulated bank until Ctrl-C: one JSON object about it on standard output."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError

from bankfeeds.simulator import resumption, scenarios
from bankfeeds.simulator.bank import Bank
from bankfeeds.simulator.server import BankServer, PortTaken

WRONG_CALL = 2


class Command(BaseCommand):
    """Parse, start the bank, print where it is, serve."""

    help = "Run a simulated bank: real TLS, real checks, invented data."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port",
            type=int,
            default=0,
            help="OAuth listener; mutual TLS on the next port, control after it. 0: any.",
        )
        parser.add_argument("--scenario", default="plain", help=", ".join(scenarios.SCENARIOS))
        parser.add_argument("--today", type=_day, help="Business date, yyyy-mm-dd; default: the real one.")
        parser.add_argument("--seed", type=int, default=7, help="Same seed, same data.")
        parser.add_argument(
            "--state-dir", type=Path, help="Keeps authority, clients, certificates and clock across restarts."
        )
        parser.add_argument("--verbose", action="store_true", help="Say each request on standard error.")

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        with tempfile.TemporaryDirectory(prefix="bank-simulator-") as scratch:
            directory: Path = options["state_dir"] or Path(scratch)
            bank = _bank(directory, options)
            port = options["port"]
            server = BankServer(
                bank,
                port=port,
                mtls_port=port + 1 if port else 0,
                control_port=port + 2 if port else 0,
                verbose=options["verbose"],
            )
            try:
                server.start()
            except PortTaken as refusal:
                _refuse(str(refusal))
            try:
                self.stdout.write(json.dumps(_about(server, directory)))
                self.stdout.flush()
                self.stderr.write("The simulated bank is open. Ctrl-C closes it.")
                stopped.wait()
            finally:
                server.stop()
        self.stderr.write("The simulated bank is closed.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is not a date of the form yyyy-mm-dd") from None


def _bank(directory: Path, options: dict[str, Any]) -> Bank:
    try:
        return resumption.open_bank(
            directory,
            scenario=options["scenario"],
            seed=options["seed"],
            today=options["today"],
            now=datetime.now(UTC),
        )
    except (scenarios.UnknownScenario, resumption.StateRefused) as refusal:
        _refuse(str(refusal))


def _about(server: BankServer, directory: Path) -> dict[str, Any]:
    bank = server.bank
    roots = directory / "roots.pem"
    roots.write_text(server.roots_pem)
    return {
        "scenario": bank.scenario,
        "today": bank.today.isoformat(),
        "pid": os.getpid(),
        "urls": server.urls,
        "roots": str(roots.resolve()),
        "client_id": bank.client.client_id,
        "resource": bank.client.resource,
        "accounts": bank.account_ids,
    }


def _refuse(sentence: str) -> NoReturn:
    raise CommandError(sentence, returncode=WRONG_CALL)
