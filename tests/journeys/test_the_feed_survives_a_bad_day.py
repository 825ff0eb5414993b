"""The feed survives a bad day at the bank.

On Tuesday all is well. On Wednesday something goes wrong at the bank while the feed is read. Then the bank recovers,
and an hour later the feed is read again: what we hand out is then what the bank has on its books, line by line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from django.utils import timezone

from audit.recording import Actor
from bankfeeds import operations
from bankfeeds.models import Finding, Pull
from tests.journeys.feed import WEDNESDAY, Feed, an_hour_later, assert_right
from tests.processes import manage

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
        says="29 May 2026: Opening ",
    ),
    "an identical pair": BadDay(faults=[fault("identical_pair", path="transactions")]),
    "renumbered overnight": BadDay(faults=[fault("renumber", path="transactions", day=MONDAY)]),
    "an amended line": BadDay(faults=[fault("amend", path="transactions", day=MONDAY)]),
    "a withdrawn line": BadDay(
        faults=[fault("withdraw", path="transactions", day=MONDAY)],
        code=1,
        says="of 1 Jun 2026; it stays, marked, and counts no more.",
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


def assert_readable(text: str) -> None:
    """Each line is a sentence that names the feed and masks the account; and so is what the console shows."""
    told = [*Pull.objects.exclude(reason="").values_list("reason", flat=True)]
    told += Finding.objects.values_list("sentence", flat=True)
    for line in text.splitlines():
        assert re.match(r"(Finding: )?harbor-kettle(: | …\d{4}: )", line), line
    for sentence in (*text.splitlines(), *told):
        assert sentence.endswith("."), sentence
        assert not re.search(r"Traceback|Error\b|Exception|\d{12}|Bearer|None", sentence), sentence
