"""What one worker's client is given to pass before each call: the breaker first, then a place in the budget."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.recording import Actor
from bankfeeds.hosts import breaker, budget
from bankfeeds.jpmorgan.errors import BankError, NotCalled
from bankfeeds.models import BankHost

LONGEST_SLEEP = timedelta(seconds=5)


@dataclass(slots=True, kw_only=True)
class HostGate:
    """The gate of one worker (``owner``), calling for one connection and account (``source``)."""

    owner: str
    source: str
    actor: Actor
    clock: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep

    def enter(self, host: str) -> None:
        """Wait for a place among the calls to the host. Raises NotCalled: it is shut, or the place is far off."""
        now = self.clock()
        row = breaker.enter(host, owner=self.owner, now=now)
        wait, taken = budget.take_place(row, longest=LONGEST_SLEEP, now=now)
        if not taken:
            raise NotCalled(
                f"The calls per second that we allow ourselves at {host} are used up.", until=now + wait
            )
        if wait:
            self.sleep(wait.total_seconds())

    def answered(self, host: str) -> None:
        """Note that the host answered."""
        row = BankHost.objects.get(name=host)
        breaker.answered(row, owner=self.owner, actor=self.actor, now=self.clock())

    def failed(self, host: str, error: BankError) -> None:
        """Note that a question was not answered."""
        breaker.failed(
            host, source=self.source, connected=error.connected, sentence=error.sentence, owner=self.owner,
            actor=self.actor, now=self.clock(),
        )  # fmt: skip
