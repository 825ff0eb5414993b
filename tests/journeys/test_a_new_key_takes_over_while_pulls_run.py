"""A new key takes over while pulls run.

A customer's feed is read without a pause, by two workers. Its two keys, the one that signs in and the one that stands
in the TLS handshake, come to their end: new ones are requested, signed by the bank, installed, proven at the bank and
put to use. No pull fails. The old pair stands by, serves once more as a fall-back, and retires itself after 14 days.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from audit.models import AuditEntry
from audit.recording import Actor
from bankfeeds import operations
from bankfeeds.models import Account, Finding, Pull
from bankfeeds.pipeline.claim import new_owner
from bankfeeds.pipeline.run import run_pull
from bankfeeds.simulator import scenarios
from bankfeeds.simulator.server import BankServer
from certificates import operations as certificates
from certificates import tasks
from certificates.models import KeyPair
from tests.bankfeeds.feeds import command
from tests.journeys.feed import AUTHORITY, TUESDAY, Feed, assert_right
from tests.processes import until

pytestmark = pytest.mark.django_db(transaction=True)

WORKER, OPERATOR = Actor.task("pull_account"), Actor.command("operator")
TOKEN = "/adfs/oauth2/token"
USES = ("oauth", "transport")


@pytest.fixture
def harbor(db: None, tmp_path: Path) -> Iterator[Feed]:
    """A feed that signs in with one key and shows another in the handshake of every call."""
    bank = scenarios.build("small-pages", today=TUESDAY, authority=AUTHORITY, history_days=6)
    with BankServer(bank) as running:
        found = Feed(label="harbor-kettle", bank=bank, running=running, folder=tmp_path)
        found.create(api_host=running.mtls_url).certify("transport")
        yield found


def test_a_new_key_takes_over_while_pulls_run(harbor: Feed) -> None:
    with pulling(harbor) as pulls:
        pulls.wait_for_more()
        old = in_use()

        said = [harbor.certify(use) for use in USES]

        assert ["Installed; the key is active." in one.err for one in said] == [True, True]
        new = in_use()
        pulls.wait_for_more()
        assert proven(new) == proven(old) == [True, True]
        assert states(old, new) == ["standby", "standby", "active", "active"]

        # The bank saw the new pair, and no pull that began after the switch showed it the old one.
        seen = pulls.seen_during_one(harbor)
        assert tokens_asked_with(harbor, new[0]) > len(USES)  # one for each proof, the others for the feed
        assert {one.certificate for one in seen} <= {key.certificate.sha1 for key in new}

        fall_back_to(old)
        pulls.wait_for_more()
        assert states(old, new) == ["active", "active", "standby", "standby"]
        assert {one.certificate for one in pulls.seen_during_one(harbor)} <= {
            key.certificate.sha1 for key in old
        }
        fall_back_to(new)
        pulls.wait_for_more()

    assert pulls.ends == {"booked"}
    assert set(Pull.objects.values_list("state", "attempts")) == {("booked", 1)}
    assert Finding.objects.count() == 0
    assert AuditEntry.objects.filter(verb="certificates.key_not_proven").count() == 0
    assert_right(harbor)

    assert retired_after(timedelta(days=13, hours=23)) == 0
    assert retired_after(timedelta(days=14)) == 2
    assert states(old, new) == ["retired", "retired", "active", "active"]
    assert harbor.pull().code == 0
    assert command("verify_audit").code == 0


class Pulls:
    """What the workers did so far: how each pull ended."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.done: dict[int, list[str]] = {}

    @property
    def ends(self) -> set[str]:
        return {end for ends in self.done.values() for end in ends}

    def work(self, account: Account) -> None:
        """Read one account again and again, as a worker of the queue does."""
        ends = self.done[account.pk]
        try:
            while not self.stopped.is_set():
                pull = operations.start_pull(account=account, today=TUESDAY, actor=WORKER, now=timezone.now())
                done = run_pull(
                    pull_id=pull.pk, owner=new_owner(), today=TUESDAY, actor=WORKER, clock=timezone.now
                )
                ends.append(f"{done.state} {done.reason}".strip())
        except BaseException as problem:
            ends.append(repr(problem))
            raise
        finally:
            connection.close()

    def wait_for_more(self) -> None:
        """Wait until every worker ended the pull it is in and carried out one more from beginning to end."""
        before = {account: len(ends) for account, ends in self.done.items()}
        until(
            lambda: all(len(self.done[account]) >= count + 2 for account, count in before.items()),
            seconds=30,
            what="two more pulls of every account",
        )

    def seen_during_one(self, harbor: Feed) -> list[Any]:
        """Return what the bank saw of us while every account was read once more."""
        start = len(harbor.bank.requests)
        self.wait_for_more()
        return list(harbor.bank.requests)[start:]


@contextmanager
def pulling(harbor: Feed) -> Iterator[Pulls]:
    """Read every account of the feed without a pause, each by a worker of its own."""
    pulls = Pulls()
    pulls.done = {account.pk: [] for account in harbor.accounts}
    workers = [threading.Thread(target=pulls.work, args=(account,)) for account in harbor.accounts]
    for worker in workers:
        worker.start()
    try:
        yield pulls
    finally:
        pulls.stopped.set()
        for worker in workers:
            worker.join()


def in_use() -> list[KeyPair]:
    """Return the active keys: the one that signs in, then the one in the handshake."""
    return [KeyPair.objects.select_related("certificate").get(use=use, state="active") for use in USES]


def states(*pairs: list[KeyPair]) -> list[str]:
    return [KeyPair.objects.get(pk=key.pk).state for pair in pairs for key in pair]


def proven(pair: list[KeyPair]) -> list[bool]:
    return [KeyPair.objects.get(pk=key.pk).proven_at is not None for key in pair]


def tokens_asked_with(harbor: Feed, key: KeyPair) -> int:
    """Return how often the bank was asked for a token with this key's signature."""
    asked = [one for one in harbor.bank.requests if one.path == TOKEN and one.status == 200]
    return sum(one.certificate == key.certificate.sha1 for one in asked)


def fall_back_to(pair: list[KeyPair]) -> None:
    for key in pair:
        certificates.activate_key(
            pk=key.pk, actor=OPERATOR, now=timezone.now(), reason="The new one is doubted."
        )


def retired_after(pause: timedelta) -> int:
    """Return how many keys the hourly task retires when it runs after ``pause``."""
    with time_machine.travel(datetime.now().astimezone() + pause, tick=True):
        return tasks.retire_expired_keys()
