"""manage.py pull_feeds: read the feeds now, in this process."""

from __future__ import annotations

import sys
import time
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from audit.recording import Actor
from audit.workflow import OperationRefused
from bankfeeds import operations, queries
from bankfeeds.bank_dates import business_date
from bankfeeds.cli import BANK_REFUSED, FINDINGS, WRONG_CALL, connection_named, refusal
from bankfeeds.models import Account, Connection, Pull
from bankfeeds.pipeline.book import LeaseLost
from bankfeeds.pipeline.claim import InProgress, NotClaimed, new_owner
from bankfeeds.pipeline.run import run_pull

LONGEST_WAIT = 60
ACTOR = Actor.command("pull_feeds")


class Command(BaseCommand):
    help = (
        "Pull one connection, or all. Exit code 0: done; 1: done, with findings a person must see; 2: wrong call; "
        "3: the bank refused or was unreachable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--connection", default="", metavar="L", help="all that may be pulled, by default"
        )
        parser.add_argument("--start", type=date.fromisoformat, metavar="D", help="first day to cover")
        parser.add_argument("--end", type=date.fromisoformat, metavar="D", help="last day to cover")
        parser.add_argument("--today", type=date.fromisoformat, metavar="D", help="the bank's business date")

    def handle(self, *args: Any, **options: Any) -> None:
        today = options["today"] or business_date(timezone.now())
        if options["start"] and options["end"] and options["end"] < options["start"]:
            raise CommandError("--end is before --start.", returncode=WRONG_CALL)
        if options["start"] and options["start"] > today:
            raise CommandError("--start is in the future.", returncode=WRONG_CALL)
        connections = self._connections(options["connection"])
        done = [
            self._pull(account, today, options["start"], options["end"])
            for connection in connections
            for account in connection.accounts.order_by("number")
        ]
        found = [finding for one in connections for finding in queries.open_findings(connection=one)]
        for finding in found:
            self.stderr.write(f"Finding: {finding.connection.label}: {finding.sentence}")
        if not all(done):
            sys.exit(BANK_REFUSED)
        if found:
            sys.exit(FINDINGS)

    def _connections(self, label: str) -> list[Connection]:
        found = [connection_named(label)] if label else list(Connection.objects.exclude(state="closed"))
        ready = []
        for connection in found:
            connection = operations.begin_testing_if_ready(
                connection=connection, actor=ACTOR, now=timezone.now()
            )
            if connection.pullable:
                ready.append(connection)
            elif label:
                why = (
                    "has no certificate in use yet"
                    if connection.state == "draft"
                    else f"is {connection.state}"
                )
                raise CommandError(f"{label} {why}: nothing is pulled.", returncode=WRONG_CALL)
        return ready

    def _pull(self, account: Account, today: date, start: date | None, end: date | None) -> bool:
        """Pull one account; return whether the bank answered (or a person, not the bank, is waited for)."""
        name = f"{account.connection.label} {account.masked}"
        deadline = time.monotonic() + LONGEST_WAIT
        while True:
            try:
                pull = operations.start_pull(
                    account=account, today=today, actor=ACTOR, now=timezone.now(), start=start, end=end
                )
                return self._carry_out(pull, today, name)
            except (operations.PullInProgress, InProgress, LeaseLost) as busy:
                other = _newest(account)
                if isinstance(busy, LeaseLost) or time.monotonic() > deadline:
                    self.stderr.write(f"{name}: is being pulled by another worker.")
                    return False
                if (
                    self._wait(other, deadline)
                    and other
                    and (start, end) == (other.window_start, other.window_end)
                ):
                    self.stderr.write(f"{name}: was pulled by another worker meanwhile.")
                    return True
            except operations.PullHeld as held:
                self.stderr.write(f"{name}: {held.sentence}")
                return True
            except NotClaimed as reason:
                self.stderr.write(f"{name}: {reason.sentence}")
                return False
            except OperationRefused as problem:
                raise refusal(problem) from None

    def _carry_out(self, pull: Pull, today: date, name: str) -> bool:
        try:
            done = run_pull(pull_id=pull.pk, owner=new_owner(), today=today, actor=ACTOR, clock=timezone.now)
        except (OperationRefused, LeaseLost):
            raise
        except Exception as surprise:  # the pull is given back and logged; the other accounts go on
            self.stderr.write(f"{name}: an unexpected error stopped the pull ({type(surprise).__name__}).")
            return False
        if done.state == "booked":
            self.stderr.write(
                f"{name}: booked; {done.read} read, {done.new} new, {done.amended} amended, "
                f"{done.renumbered} renumbered, {done.withdrawn} withdrawn, {done.rejected} rejected, {done.held} held."
            )
            return True
        self.stderr.write(f"{name}: {done.state}; {done.reason}")
        return str(done.state) == "held"

    def _wait(self, pull: Pull | None, deadline: float) -> bool:
        """Wait until the other worker's pull ends; say whether it was booked."""
        while pull is not None and time.monotonic() < deadline:
            pull.refresh_from_db()
            if pull.state != "fetching":
                return bool(pull.state == "booked")
            time.sleep(0.2)
        return False


def _newest(account: Account) -> Pull | None:
    return Pull.objects.filter(account=account).order_by("-requested_at").first()
