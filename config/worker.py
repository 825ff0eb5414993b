"""The supervisor of the queue's cluster.

A killed idle worker leaves django-q2's shared queue lock taken: the cluster then executes nothing, reports itself
healthy and ignores SIGTERM. A killed sentinel leaves orphans that go on executing. So the cluster lives in a process
group of its own, only an executed heartbeat counts as life, and replacing it kills the whole group.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import FrameType

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone

from bankfeeds import queries, schedule
from config.processes import die_with_parent

log = structlog.get_logger("lockkeeper.worker")

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"
LOOK_EVERY = 1.0
LONGEST_BACKOFF = 60.0


class Supervisor:
    """Starts, watches, replaces and stops one cluster. ``stale_after`` and ``grace`` are seconds."""

    def __init__(
        self, *, stale_after: float, grace: float, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.stale_after = stale_after
        self.grace = grace
        self._sleep = sleep
        self._stopping = False
        self._cluster: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._failures = 0
        self._asked_at = 0.0

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; then let the tasks at hand finish within ``grace`` and leave no process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        schedule.ensure_schedules()
        try:
            self._start()
            while not self._stopping:
                self._sleep(LOOK_EVERY)
                self._look()
        finally:
            self._end()

    def _look(self) -> None:
        cluster = self._cluster
        if self._stopping or cluster is None:
            return
        if cluster.poll() is not None:
            self._replace("the cluster's parent ended")
        elif self._silence() > self.stale_after:
            self._replace("no heartbeat was executed in time")
        else:
            self._ask_for_heartbeat()

    def _silence(self) -> float:
        """Return the seconds since the cluster last executed a heartbeat, or since it was started."""
        since_start = time.monotonic() - self._started_at
        try:
            beat = queries.last_heartbeat()
        except DatabaseError:
            # The database's absence is not the cluster's fault; the cluster reconnects by itself.
            connection.close()
            self._started_at = time.monotonic()
            return 0.0
        if beat is None:
            return since_start
        return min(since_start, _age(beat, timezone.now()))

    def _ask_for_heartbeat(self) -> None:
        # One question at a time: unanswered ones would pile up in the queue of a wedged cluster.
        every = min(60.0, self.stale_after / 4)
        if time.monotonic() - self._asked_at < every:
            return
        self._asked_at = time.monotonic()
        with contextlib.suppress(DatabaseError):
            schedule.ask_for_heartbeat()

    def _start(self) -> None:
        connection.close()  # the child must not share this process's database socket
        self._cluster = subprocess.Popen(
            [sys.executable, str(MANAGE), "qcluster"], start_new_session=True, preexec_fn=die_with_parent
        )
        self._started_at = time.monotonic()
        log.info("cluster started", pid=self._cluster.pid)

    def _replace(self, why: str) -> None:
        lived = time.monotonic() - self._started_at
        self._failures = 0 if lived > LONGEST_BACKOFF * 2 else self._failures + 1
        log.error("cluster replaced", why=why, lived=int(lived))
        self._end(grace=min(self.grace, 5.0))
        pause = min(LONGEST_BACKOFF, 2.0 ** min(self._failures, 6) - 1)
        deadline = time.monotonic() + pause
        while not self._stopping and time.monotonic() < deadline:
            self._sleep(0.2)
        if not self._stopping:
            self._start()

    def _end(self, grace: float | None = None) -> None:
        cluster = self._cluster
        if cluster is None:
            return
        self._cluster = None
        if cluster.poll() is None:
            cluster.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                cluster.wait(self.grace if grace is None else grace)
        # Whoever is left in the group is an orphan, or wedged: SIGTERM would not reach it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(cluster.pid, signal.SIGKILL)
        cluster.wait()
        log.info("cluster ended", pid=cluster.pid)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True


def _age(beat: datetime, now: datetime) -> float:
    return max(0.0, (now - beat).total_seconds())
