"""A thousand feeds due at once and two schedulers ticking at the same moment: what a feed costs, audit entry included.

``python -m benchmarks.dispatch --feeds 1000`` on a throw-away database (SQLite, or DATABASE_URL).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from datetime import UTC, date, datetime
from multiprocessing.synchronize import Barrier
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
TODAY = date(2026, 6, 3)
PROMISED = 5.0
"""Milliseconds of wall time a feed may cost."""


def main() -> int:
    """Run the benchmark against a database of its own; fail when a feed is called for twice, never, or too slowly."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dispatch", description=__doc__)
    parser.add_argument("--feeds", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    import django
    from django.db import connection

    django.setup()
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    slow = 0
    try:
        for schedulers in (1, 2):
            best = min(_round(arguments.feeds, schedulers) for _ in range(arguments.rounds))
            slow += best > PROMISED
            print(
                f"{connection.vendor}, {arguments.feeds} feeds due at once, {schedulers} scheduler"
                f"{'s' if schedulers > 1 else ''}: {best:.2f} ms a feed (at most {PROMISED:g} promised)"
            )
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
    return 1 if slow else 0


def _round(feeds: int, schedulers: int) -> float:
    """Have so many processes tick at once until nothing is due, check the rows, and return milliseconds a feed."""
    from django.db import connections

    _lay_down(feeds)
    connections.close_all()  # a forked process must not share our socket
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(schedulers + 1)
    ticking = [fork.Process(target=_tick, args=(start, feeds)) for _ in range(schedulers)]
    for one in ticking:
        one.start()
    start.wait()
    began = time.perf_counter()
    for one in ticking:
        one.join()
    seconds = time.perf_counter() - began
    if any(one.exitcode for one in ticking):
        raise RuntimeError("a scheduler failed")
    _check(feeds)
    return seconds / feeds * 1000


def _tick(start: Barrier, feeds: int) -> None:
    from django.conf import settings
    from django.db import connection

    from audit.recording import Actor
    from bankfeeds import schedule

    settings.PULLS_PER_TICK = 2 * feeds  # nobody works here: the calls stay in the queue
    connection.ensure_connection()
    start.wait()
    while schedule.tick(today=TODAY, actor=Actor.task("tick"), now=NOW):
        pass


def _lay_down(feeds: int) -> None:
    from django_q.models import OrmQ

    from bankfeeds.models import Account, Connection, Pull

    OrmQ.objects.all().delete()
    Pull.objects.all().delete()
    Account.objects.all().delete()
    Connection.objects.all().delete()
    made = Connection.objects.bulk_create(Connection(**_facts(number)) for number in range(feeds))
    Account.objects.bulk_create(
        Account(connection=one, number=f"9{number:08}", given_number=f"9{number:08}")
        for number, one in enumerate(made)
    )


def _facts(number: int) -> dict[str, Any]:
    return {
        "label": f"bench-{number}", "environment": "test", "auth": "mtls", "api_host": "https://bank.invalid",
        "client_id": "BENCH", "trust_roots": "-", "created_at": NOW, "state": "testing",
    }  # fmt: skip


def _check(feeds: int) -> None:
    """A fast dispatch that calls twice, or not at all, is no result."""
    from django_q.models import OrmQ
    from django_q.signing import SignedPackage

    from audit.queries import history, verify
    from bankfeeds import queries

    opened = Counter(queries.open_pulls().values_list("account", flat=True))
    called = Counter(SignedPackage.loads(row.payload)["args"][0] for row in OrmQ.objects.all())
    pulls = {str(pk) for pk in queries.open_pulls().values_list("pk", flat=True)}
    if (len(opened), set(opened.values())) != (feeds, {1}):
        raise RuntimeError(f"{len(opened)} of {feeds} accounts have a pull; the most: {max(opened.values())}")
    if called.keys() != pulls or set(called.values()) != {1}:
        raise RuntimeError(
            f"{len(called)} of {feeds} pulls were called for; the most: {max(called.values())}"
        )
    if verify().broken or any(history(pull).count() != 1 for pull in queries.open_pulls()[:20]):
        raise RuntimeError("the audit chain does not tell each request once")


if __name__ == "__main__":
    sys.exit(main())
