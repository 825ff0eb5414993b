"""The supervisor against a real cluster: life is an executed heartbeat, and a dead or wedged cluster is replaced."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bankfeeds import queries
from tests.processes import alive, descendants, running, until

pytestmark = [pytest.mark.queue, pytest.mark.django_db(transaction=True)]

WORKER = ("run_worker", "--stale-after", "6", "--grace", "5")


def beat_after(moment: datetime | None) -> Any:
    return lambda: (
        (beat := queries.last_heartbeat()) is not None and (moment is None or beat > moment) and beat
    )


def test_the_worker_executes_heartbeats_and_leaves_no_process_behind(tmp_path: Path) -> None:
    with running(*WORKER, log=tmp_path / "log") as worker:
        until(beat_after(None), seconds=30, what="a first heartbeat")
        family = descendants(worker.pid)
        assert len(family) >= 4
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    assert [pid for pid in family if alive(pid)] == []


@pytest.mark.parametrize("victim", ["an idle worker", "the cluster's parent", "the sentinel"])
def test_a_cluster_that_lost_a_process_is_replaced(tmp_path: Path, victim: str) -> None:
    with running(*WORKER, log=tmp_path / "log") as worker:
        first = until(beat_after(None), seconds=30, what="a first heartbeat")
        family = until(
            lambda: len(f := descendants(worker.pid)) >= 5 and f, seconds=20, what="a whole cluster"
        )
        # Nearest first: the parent, the sentinel below it, then monitor, pusher and workers below that.
        target = {"the cluster's parent": family[0], "the sentinel": family[1], "an idle worker": family[-1]}[
            victim
        ]
        os.kill(target, signal.SIGKILL)
        until(
            beat_after(until(beat_after(first), seconds=60, what="a heartbeat")),
            seconds=60,
            what="steady life",
        )
    assert [pid for pid in [*family, *descendants(worker.pid)] if alive(pid)] == []
