"""A customer wants more history than the usual ninety days: it comes a month at a time, and nothing waits for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from bankfeeds import operations, schedule, turns
from bankfeeds.models import Account, Pull
from bankfeeds.pipeline.claim import new_owner
from bankfeeds.pipeline.run import run_pull
from bankfeeds.replay import replay
from tests.bankfeeds.feeds import ACTOR, TODAY, Feed, feed
from tests.bankfeeds.pipeline.looking import assert_right

pytestmark = pytest.mark.django_db(transaction=True)


def work(harbor: Feed) -> list[Pull]:
    """Let a minute pass at the scheduler and at the workers; return what they carried out."""
    called = schedule.tick(today=TODAY, actor=ACTOR, now=timezone.now())
    OrmQ.objects.all().delete()
    return [
        run_pull(pull_id=pull.pk, owner=new_owner(), today=TODAY, actor=ACTOR, clock=timezone.now)
        for pull in called
    ]


def test_older_months_come_one_by_one_while_a_person_still_gets_the_newest_days_at_once() -> None:
    with feed(lines_per_day=1, history_days=180) as harbor:
        work(harbor)
        usual = len(harbor.our_lines())
        pk = harbor.connection.pk
        start = min(row[1] for row in harbor.bank_lines())
        operations.backfill(
            pk=pk, start=start, actor=ACTOR, now=timezone.now(), reason="The auditors ask for it."
        )
        first = work(harbor)
        asked = operations.pull_now(pk=pk, actor=ACTOR, now=timezone.now(), today=TODAY)
        then = work(harbor)
        assert ([pull.kind for pull in first], then) == (["backfill"], asked)
        progress = turns.backfill_progress(Account.objects.select_related("connection").get(), today=TODAY)
        assert progress is not None
        assert (progress.first, progress.wanted) == (start, (TODAY - start).days)
        assert usual < len(harbor.our_lines()) < len(harbor.bank_lines())
        done = [*first]
        while more := work(harbor):
            done += more
        assert {(pull.kind, pull.state) for pull in done} == {("backfill", "booked")}
        assert all(Pull.objects.get(pk=pull.pk).planned == pull.windows <= 7 for pull in done)
        assert_right(harbor)
        assert Account.objects.get().behind is False
        assert replay(connection=harbor.connection, now=timezone.now()).equal


def test_the_days_of_a_long_pause_are_read_after_it() -> None:
    with feed(lines_per_day=1, history_days=60) as harbor:
        pk = harbor.connection.pk
        harbor.pull()
        operations.pause_connection(
            pk=pk, actor=ACTOR, now=timezone.now(), reason="The customer moves house."
        )
        later = TODAY + timedelta(days=130)
        harbor.bank.advance_to(later)
        assert schedule.tick(today=later, actor=ACTOR, now=timezone.now()) == []
        operations.resume_connection(pk=pk, actor=ACTOR, now=timezone.now())
        kinds = []
        while called := schedule.tick(today=later, actor=ACTOR, now=timezone.now()):
            OrmQ.objects.all().delete()
            for pull in called:
                run_pull(pull_id=pull.pk, owner=new_owner(), today=later, actor=ACTOR, clock=timezone.now)
                kinds.append(pull.kind)
        assert kinds == [
            "scheduled",
            "backfill",
        ]  # the newest hundred days first, the thirty before them next
        assert_right(harbor)
