"""The feed survives a bad day at the bank.

On Tuesday all is well. On Wednesday something goes wrong at the bank while the feed is read. Then the bank recovers,
and an hour later the feed is read again: what we hand out is then what the bank has on its books, line by line.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from audit.recording import Actor
from bankfeeds import operations, queries
from bankfeeds.models import Account, Finding, Pull
from bankfeeds.pipeline.claim import new_owner
from bankfeeds.pipeline.run import run_pull
from tests.journeys.feed import WEDNESDAY, Feed
from tests.processes import manage, until

pytestmark = pytest.mark.django_db

FRIDAY_BEFORE, MONDAY = date(2026, 5, 29), date(2026, 6, 1)


@dataclass(frozen=True, kw_only=True)
class BadDay:
    """``faults`` happen while the feed is read; the command ends with ``code`` and ``says`` why.

    With exit code 0 our books are right at once, else after the next pull, which ends with ``then``.
    """

    faults: list[dict[str, Any]]
    code: int = 0
    says: str = ""
    then: int = 0


def fault(kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, **more}


UNAVAILABLE = "The bank's system is not available at the moment."
UNREADABLE = "The bank's answer could not be read; nothing was taken from it."
ELSEWHERE = "The bank's address points to another one, which was not followed"

BAD_DAYS = {
    # The bank turns us away.
    "401 once": BadDay(faults=[fault("401", path="transactions")]),
    "401 all day": BadDay(
        faults=[fault("401", times=None)], code=3, says="The bank does not accept our sign-in"
    ),
    "403": BadDay(faults=[fault("403")], code=3, says="The bank does not let us read this yet"),
    "403 at the token desk": BadDay(
        faults=[fault("401"), fault("403", path="token")], code=3, says="The bank has not approved our client yet"
    ),
    "429 without Retry-After": BadDay(
        faults=[fault("429")], code=3, says="The bank's agreed number of calls is used up for now."
    ),
    "429 with Retry-After": BadDay(
        faults=[fault("429", path="balances", retry_after=600)], code=3, says="agreed number of calls is used up"
    ),
    # The bank is not well.
    "503 with Retry-After": BadDay(faults=[fault("503", retry_after=600)], code=3, says=UNAVAILABLE),
    "503 for longer": BadDay(faults=[fault("503", times=3, retry_after=None)], code=3, says=UNAVAILABLE),
    "500 for a moment": BadDay(faults=[fault("500", path="balances")]),
    "a slow answer": BadDay(faults=[fault("slow", seconds=1)]),
    "a cut connection": BadDay(faults=[fault("cut", path="transactions")]),
    "cut connections": BadDay(
        faults=[fault("cut", times=3)], code=3, says="The bank could not be reached, or the connection was cut."
    ),
    # Something else answers in the bank's place.
    "an HTML page": BadDay(faults=[fault("html", status=200)], code=3, says=UNREADABLE),
    "half an answer": BadDay(faults=[fault("bad_json")], code=3, says=UNREADABLE),
    "a redirect to another host": BadDay(faults=[fault("redirect")], code=3, says=ELSEWHERE),
    "a redirect that keeps the method": BadDay(
        faults=[fault("redirect", status=307, path="balances")], code=3, says=ELSEWHERE
    ),
    "a redirect of the sign-in": BadDay(
        faults=[fault("401"), fault("redirect", status=307, path="token")], code=3, says=ELSEWHERE
    ),
    # The bank's pages and days are not what they were.
    "moving pages": BadDay(faults=[fault("moving_pages", path="transactions")]),
    "a record repeated across pages": BadDay(faults=[fault("repeat_across_pages", path="transactions")]),
    "a late line": BadDay(faults=[fault("late_line", path="transactions", day=FRIDAY_BEFORE)]),
    "a late line behind our back": BadDay(
        faults=[fault("late_line", path="balances", day=FRIDAY_BEFORE)],
        code=1,
        says="2026-05-29: Opening ",
    ),
    "an identical pair": BadDay(faults=[fault("identical_pair", path="transactions")]),
    "renumbered overnight": BadDay(faults=[fault("renumber", path="transactions", day=MONDAY)]),
    "an amended line": BadDay(faults=[fault("amend", path="transactions", day=MONDAY)]),
    "a withdrawn line": BadDay(
        faults=[fault("withdraw", path="transactions", day=MONDAY)],
        code=1,
        says="of 2026-06-01; it stays, marked, and counts no more.",
        then=1,
    ),
    "an empty answer": BadDay(
        faults=[fault("empty_day", path="transactions")],
        code=1,
        says="but its balances prove them: nothing was removed.",
    ),
    "a record without its id": BadDay(
        faults=[fault("missing_field", path="transactions")], code=1, says="The record has no transactionId."
    ),
    "no balances of one account": BadDay(
        faults=[fault("per_account_error", path="balances")],
        code=1,
        says="The bank gave no balances of this account: GCA-030",
    ),
}  # fmt: skip


@pytest.mark.parametrize("day", BAD_DAYS.values(), ids=BAD_DAYS.keys())
def test_the_feed_survives(day: BadDay, harbor: Feed) -> None:
    harbor.bank.advance_to(WEDNESDAY)
    for trouble in day.faults:
        harbor.bank.faults.add(**trouble)

    said = harbor.pull()

    assert {hit.kind for hit in harbor.bank.faults.hits} == {trouble["kind"] for trouble in day.faults}
    assert said.code == day.code, said.err
    assert day.says in said.err
    assert_readable(said.err)
    if day.code == 0:
        assert_right(harbor)

    harbor.bank.faults.clear()
    with an_hour_later():
        said = harbor.pull()

    assert said.code == day.then, said.err
    assert_right(harbor)
    assert_readable(said.err)
    assert harbor.bank.other_host_requests == []


def test_a_withdrawn_line_stays_in_our_books_and_out_of_the_totals(harbor: Feed) -> None:
    harbor.bank.advance_to(WEDNESDAY)
    monday = [row for row in harbor.bank_says() if row["as_of_date"] == MONDAY.isoformat()]
    harbor.bank.withdraw_line(monday[0]["account"], monday[0]["transaction_id"])

    assert harbor.pull().code == 1

    assert [row for row in harbor.exported() if row["state"] != "booked"] == [
        {**monday[0], "state": "withdrawn"}
    ]
    assert_right(harbor)


def test_new_ids_for_a_whole_week_wait_for_a_persons_answer(harbor: Feed) -> None:
    harbor.bank.advance_to(WEDNESDAY)
    tuesday_night = harbor.booked()
    for account in harbor.bank.account_ids:
        for day in (date(2026, 5, 27), date(2026, 5, 28), FRIDAY_BEFORE, MONDAY):
            harbor.bank.renumber_day(account, day)

    said = harbor.pull()

    assert said.code == 1
    assert "Nothing of them is written until a person says whether they are the same lines." in said.err
    held = Pull.objects.filter(state="held")
    in_doubt = {pull.account.given_number for pull in held}
    assert in_doubt
    assert [row for row in harbor.booked() if row["account"] in in_doubt] == [
        row for row in tuesday_night if row["account"] in in_doubt
    ]

    for pull in held:
        operations.answer_held_pull(
            pk=pull.pk,
            answer="same_lines",
            actor=Actor.command("test"),
            now=timezone.now(),
            reason="The bank told us.",
        )

    assert harbor.pull().code == 0
    assert_right(harbor)


@pytest.mark.parametrize("status", ["429", "503"])
def test_a_short_pause_is_kept_within_the_pull(harbor: Feed, status: str) -> None:
    harbor.bank.faults.add(status, retry_after=1)

    assert harbor.pull().code == 0

    struck = harbor.bank.faults.hits[0].at
    assert requests_between(harbor, struck, struck + 1) == []


def test_a_longer_pause_is_kept_by_people_and_workers_alike(harbor: Feed) -> None:
    harbor.bank.advance_to(WEDNESDAY)
    harbor.bank.faults.add("401")
    harbor.bank.faults.add("429", path="token", retry_after=6)
    before = timezone.now()

    said = harbor.pull()

    struck = harbor.bank.faults.hits[-1].at
    assert (said.code, said.err.count("The next attempt is due at ")) == (
        3,
        1,
    )  # the other account is left alone too
    assert harbor.pull().code == 3
    assert harbor.pull().code == 3
    assert list(queries.due_pulls(now=before + timedelta(seconds=5))) == []
    assert queries.due_pulls(now=timezone.now() + timedelta(seconds=6)).count() == 2
    assert Finding.objects.count() == 0

    time.sleep(max(0.0, struck + 6.1 - time.monotonic()))

    assert harbor.pull().code == 0
    assert requests_between(harbor, struck, struck + 6) == []
    assert_right(harbor)


@pytest.mark.django_db(transaction=True)
def test_a_pause_told_to_one_worker_is_kept_by_the_other_in_the_middle_of_its_pull(harbor: Feed) -> None:
    harbor.bank.advance_to(WEDNESDAY)
    first, second = harbor.accounts
    harbor.bank.faults.add("slow", seconds=2, path="transactions", account=second.given_number)
    other = threading.Thread(target=pull_one, args=(second,))
    other.start()
    until(lambda: harbor.bank.faults.hits, seconds=20, what="the other worker in the middle of its pull")
    harbor.bank.faults.add("429", path="transactions", account=first.given_number, retry_after=600)

    pull_one(first)
    other.join()

    assert requests_between(harbor, harbor.bank.faults.hits[-1].at, time.monotonic()) == []
    assert {(pull.state, pull.retry_at is None) for pull in Pull.objects.exclude(state="booked")} == {
        ("failed", False)
    }
    with an_hour_later():
        assert harbor.pull().code == 0
    assert_right(harbor)


@pytest.mark.django_db(transaction=True)
def test_the_operator_at_the_terminal_reads_a_sentence(harbor: Feed) -> None:
    harbor.bank.advance_to(WEDNESDAY)
    harbor.bank.faults.add("html", status=200, path="transactions", account=harbor.bank.account_ids[0])
    harbor.bank.faults.add("redirect", path="transactions", account=harbor.bank.account_ids[1])

    said = manage(*harbor.arguments, LOG_LEVEL="ERROR")

    refused = "check the connection's hosts."
    assert (said.returncode, said.stdout, said.stderr.splitlines()) == (
        3,
        "",
        [
            f"harbor-kettle …0200: failed; {UNREADABLE}",
            f"harbor-kettle …0201: failed; {ELSEWHERE}: {refused}",
            f"Finding: harbor-kettle: …0201: {ELSEWHERE}: {refused}",
        ],
    )


def pull_one(account: Account) -> None:
    """Do what one worker of the queue does."""
    task = Actor.task("pull_account")
    pull = operations.start_pull(account=account, today=WEDNESDAY, actor=task, now=timezone.now())
    try:
        run_pull(pull_id=pull.pk, owner=new_owner(), today=WEDNESDAY, actor=task, clock=timezone.now)
    finally:
        connection.close()


def an_hour_later() -> AbstractContextManager[Any]:
    travel: AbstractContextManager[Any] = time_machine.travel(
        datetime.now().astimezone() + timedelta(hours=1), tick=True
    )
    return travel


def requests_between(harbor: Feed, start: float, end: float) -> list[Any]:
    """Return what the bank was asked in between (monotonic seconds), without the request refused at ``start``."""
    hit = next(request for request in harbor.bank.requests if request.at >= start)
    return [one for one in harbor.bank.requests if start < one.at < end and one is not hit]


def assert_right(harbor: Feed) -> None:
    """What we hand out is what the bank has on its books, and each of its days is proven."""
    assert harbor.booked() == harbor.bank_says()
    days = harbor.days()
    assert [day["as_of_date"] for day in days if not day["proven"]] == []
    found = {(day["account"], day["as_of_date"]): (day["opening"], day["closing"]) for day in days}
    for account, day, opening, closing in harbor.bank_balances():
        assert found[account, day] == (opening, closing)


def assert_readable(text: str) -> None:
    """Each line is a sentence that names the feed and masks the account; and so is what the console shows."""
    told = [*Pull.objects.exclude(reason="").values_list("reason", flat=True)]
    told += Finding.objects.values_list("sentence", flat=True)
    for line in text.splitlines():
        assert re.match(r"(Finding: )?harbor-kettle(: | …\d{4}: )", line), line
    for sentence in (*text.splitlines(), *told):
        assert sentence.endswith("."), sentence
        assert not re.search(r"Traceback|Error\b|Exception|\d{12}|Bearer|None", sentence), sentence
