"""Eight workers on the same accounts at once, and a worker killed at every commit: nothing twice, nothing lost."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.utils import timezone

from audit.models import AuditEntry
from audit.workflow import OperationRefused
from bankfeeds import operations
from bankfeeds.models import (
    Account,
    BalanceObservation,
    Day,
    Finding,
    Line,
    LineId,
    LineRevision,
    ProvisionalLine,
    Pull,
)
from bankfeeds.pipeline import book, claim
from bankfeeds.pipeline.book import LeaseLost
from bankfeeds.pipeline.normalise import BalanceAnswer, Lines
from bankfeeds.pipeline.plan import Window
from bankfeeds.pipeline.reading import Reading
from bankfeeds.records import DayBalance, PostedLine
from tests.bankfeeds.feeds import command
from tests.bankfeeds.jpmorgan.bodies import ACCOUNT
from tests.bankfeeds.paper_bank import ACTOR, FIRST, ONE, TODAY, Customer, PaperBank, connect, open_for

pytestmark = pytest.mark.django_db(transaction=True)

WORKERS, ROUNDS, A_ROUND = 8, 50, 2
OTHER = "000000700100201"
WINDOW = Window(start=FIRST, end=FIRST + 3 * ONE)
FORK = get_context("fork")


# --- eight at once ---


def bank_lines(rounds: int, account: str) -> list[PostedLine]:
    """Return what the bank lists after so many rounds: two lines more in each, ids as on the other account."""
    plain = PostedLine(
        transaction_id="", account_id=account, as_of_date=FIRST, direction="CREDIT", amount=Decimal("10.00"),
        currency="USD", bai_code="195", bank_reference="", customer_reference="", description="PAYMENT",
        check_number="", value_date=None, reversal=False, narrative=(),
    )  # fmt: skip
    return [
        replace(plain, transaction_id=f"T-{number * 7919 % 997:03}", as_of_date=FIRST + number % 4 * ONE)
        for number in range(rounds * A_ROUND)
    ]


def balances(lines: list[PostedLine], round_number: int) -> BalanceAnswer:
    """Return balances of the four days; in every fifth round the last one is wrong, and right in the next."""
    days, balance = [], Decimal(0)
    for day in (FIRST + ONE * number for number in range(4)):
        closing = balance + sum((one.amount for one in lines if one.as_of_date == day), Decimal(0))
        wrong = Decimal(1) if round_number % 5 == 4 and day == WINDOW.end else Decimal(0)
        days.append(
            DayBalance(
                account_id=ACCOUNT,
                as_of_date=day,
                opening_ledger=balance,
                closing_ledger=closing + wrong,
                currency="USD",
                current_day=False,
                recorded_at=None,
            )
        )
        balance = closing
    return BalanceAnswer(days=days, no_activity=False, error=None, rejections=[])


def read(account: Account, round_number: int, dice: random.Random) -> Reading:
    """Return the bank's answer, in the order in which it happens to list the lines this time."""
    lines = bank_lines(round_number + 1, account.given_number)
    stated = balances(lines, round_number)
    dice.shuffle(lines)
    taken = Lines(lines=lines, rejections=[], repeated=0, read=len(lines), contradictions=())
    asked = frozenset(WINDOW.days())
    return Reading(window=WINDOW, lines=taken, balances=stated, read_at=timezone.now(), asked=asked)


def work(account: Account, round_number: int, dice: random.Random, met: Counter[str]) -> None:
    """Try to bring a pull of the account to its end until one has ended in this round, by whomever."""
    while True:
        owner, now = claim.new_owner(), timezone.now()
        try:
            pull = operations.start_pull(account=account, today=TODAY, actor=ACTOR, now=now)
            taken = claim.claim(pull_id=pull.pk, owner=owner, today=TODAY, actor=ACTOR, now=now)
            time.sleep(dice.random() / 50)  # the bank is being asked: time for the others to come
            reading = read(account, round_number, dice)
            book.book_window(pull_id=pull.pk, owner=owner, reading=reading, actor=ACTOR, now=now)
            claim.finish(taken, owner=owner, actor=ACTOR, now=now)
            met["booked"] += 1
        except (OperationRefused, LeaseLost) as refusal:
            met[type(refusal).__name__] += 1
            if dice.random() < 0.5:
                end_lease(account)
        turn = round_number if account.given_number == ACCOUNT else round_number // 5
        if Pull.objects.filter(account=account, state="booked").count() > turn:
            return


def end_lease(account: Account) -> None:
    """Let time pass for whoever works on the account, as if his machine had stood still: the lease is over."""
    Pull.objects.filter(account=account, state="fetching").update(lease_expires_at=timezone.now(), attempts=1)


def worker(number: int, accounts: list[Account], barrier: Barrier, report: Any) -> None:
    dice, met = random.Random(number), Counter[str]()
    try:
        for round_number in range(ROUNDS):
            barrier.wait(60)
            both = accounts if number % 2 else accounts[::-1]
            for account in accounts[:1] if round_number % 5 else both:
                work(account, round_number, dice, met)
        report.put(("", met))
    except BaseException as failure:  # the others must not wait for this one
        barrier.abort()
        report.put((f"{type(failure).__name__}: {failure}", met))
    finally:
        connections.close_all()


def test_eight_workers_book_the_same_accounts_fifty_times_in_any_order() -> None:
    customer = connect(PaperBank(), accounts=(ACCOUNT, OTHER))
    accounts = customer.accounts
    connections.close_all()  # no connection is shared with a child
    barrier, report = FORK.Barrier(WORKERS), FORK.Queue()
    workers = [FORK.Process(target=worker, args=(n, accounts, barrier, report)) for n in range(WORKERS)]
    for one in workers:
        one.start()
    said = [report.get(timeout=120) for _ in workers]
    for one in workers:
        one.join(30)

    assert [failure for failure, _ in said if failure] == []
    met = sum((one for _, one in said), Counter[str]())
    assert met["booked"] < sum(met.values())  # they did get into each other's way
    assert_every_line_once(accounts[0], ROUNDS)
    assert_every_line_once(accounts[1], ROUNDS - 4)  # asked for in every fifth round
    assert set(Pull.objects.values_list("state", flat=True)) == {"booked"}
    audit = command("verify_audit")
    assert (audit.code, audit.out.split(":")[0]) == (0, "whole")


def assert_every_line_once(account: Account, rounds: int) -> None:
    wanted = bank_lines(rounds, account.given_number)
    ids = sorted(one.transaction_id for one in wanted)
    lines = Line.objects.filter(account=account)
    assert sorted(lines.values_list("transaction_id", flat=True)) == ids
    assert set(lines.values_list("state", "revision")) == {("booked", 1)}
    assert (
        sorted(LineId.objects.filter(account=account, current=True).values_list("transaction_id", flat=True))
        == ids
    )
    # What each transaction said it added is, together, what is there.
    entries = AuditEntry.objects.filter(
        verb="bankfeeds.window_booked",
        subject_key__in=[str(pk) for pk in Pull.objects.filter(account=account).values_list("pk", flat=True)],
    )
    assert sum(json.loads(data)["new"] for data in entries.values_list("data", flat=True)) == len(ids)


def test_of_eight_who_held_the_lease_in_turn_and_book_at_once_only_the_last_one_books() -> None:
    customer = connect(PaperBank())
    account, pulls = customer.account, 8
    for number in range(pulls):
        dice = random.Random(number)
        pull = customer.start()
        owners = [claim.new_owner() for _ in range(WORKERS)]
        for owner in owners:
            end_lease(account)
            claim.claim(pull_id=pull.pk, owner=owner, today=TODAY, actor=ACTOR, now=timezone.now())
        answers = {owner: read(account, number, dice) for owner in owners}

        def one(owner: str, pull: Pull = pull, answers: dict[str, Reading] = answers) -> str:
            try:
                book.book_window(
                    pull_id=pull.pk, owner=owner, reading=answers[owner], actor=ACTOR, now=timezone.now()
                )
                return "booked"
            except LeaseLost:
                return "lost"
            finally:
                connection.close()

        with ThreadPoolExecutor(WORKERS) as pool:
            assert list(pool.map(one, owners)) == ["lost"] * (WORKERS - 1) + ["booked"]
        claim.finish(pull, owner=owners[-1], actor=ACTOR, now=timezone.now())
    assert_every_line_once(account, pulls)


# --- killed at every commit ---


def killed_at(boundary: int, customer: Customer, account: Account) -> bool:
    """Pull the account in a process that is killed instead of its commit number ``boundary``; say whether it was."""
    connections.close_all()
    child = os.fork()
    if not child:
        with suppress(BaseException):
            die_at(boundary)
            customer.pull(account)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def die_at(boundary: int) -> None:
    """End this process, by a signal nobody can catch, when it is about to commit for the ``boundary``-th time."""
    count_commits(lambda number: os.kill(os.getpid(), signal.SIGKILL) if number == boundary else None)


def count_commits(reached: Callable[[int], object]) -> Callable[[], None]:
    """Call ``reached`` before each commit of this process, of a transaction or a single statement; return the end."""
    number, database = 0, connections[DEFAULT_DB_ALIAS]
    commit = database._commit

    def counted() -> None:
        nonlocal number
        number += 1
        reached(number)
        commit()

    def single(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal number
        if not database.in_atomic_block and not sql.lstrip().upper().startswith(("SELECT", "PRAGMA", "SHOW")):
            number += 1
            reached(number)
        return execute(sql, params, many, context)

    database._commit = counted
    database.execute_wrappers.append(single)

    def stop() -> None:
        database._commit = commit
        database.execute_wrappers.remove(single)

    return stop


def books(account: Account) -> dict[str, list[Any]]:
    """Return what the ledger says of the account, without the keys of its rows and who wrote them when."""
    facts = {
        Line: ("transaction_id", "as_of_date", "amount", "direction", "revision", "state", "description"),
        LineId: ("transaction_id", "line__transaction_id", "current"),
        Day: ("as_of_date", "state", "opening", "credits", "debits", "closing", "difference", "lines", "rejected",
              "stated", "reopened"),
        BalanceObservation: ("as_of_date", "opening", "closing", "currency"),
        ProvisionalLine: ("as_of_date", "position", "transaction_id", "amount"),
        Finding: ("kind", "state", "as_of_date", "sentence"),
    }  # fmt: skip
    found = {
        model.__name__: sorted(model.objects.filter(account=account).values_list(*names))
        for model, names in facts.items()
    }
    return {**found, "revisions": list(LineRevision.objects.filter(line__account=account))}


def test_a_worker_killed_at_any_commit_leaves_a_pull_whose_next_run_ends_in_the_ledger_of_a_clean_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bank = PaperBank()
    open_for(monkeypatch, bank)
    numbers = [f"{700200300 + place:015}" for place in range(40)]
    for number in numbers:
        for place in range(12):
            bank.post(f"T-{place}", FIRST + place % 7 * ONE, Decimal("1.10") * place, account=number)
    bank.intraday = [bank.row("NOW", TODAY, account=number) for number in numbers]
    customer = connect(bank, accounts=tuple(numbers))
    clean, *others = customer.accounts

    commits: list[int] = []
    stop = count_commits(commits.append)
    assert customer.pull(clean).state == "booked"
    stop()
    wanted = books(clean)
    assert 10 < len(commits) < len(others)

    for boundary in range(1, len(commits) + 1):
        account = others[boundary - 1]
        assert killed_at(boundary, customer, account), boundary
        customer.pull(account)
        assert books(account) == wanted, boundary
    assert not killed_at(len(commits) + 1, customer, others[len(commits)])
    assert set(Pull.objects.values_list("state", flat=True)) == {"booked"}
    assert command("verify_audit").out.startswith("whole")
