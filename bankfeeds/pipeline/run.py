"""One pull from claim to outcome: time and retries. Each window commits by itself, so a killed pull loses nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F

from audit.recording import Actor
from bankfeeds.expectation import day_words
from bankfeeds.jpmorgan.client import Client
from bankfeeds.jpmorgan.errors import BankError, Decision
from bankfeeds.jpmorgan.wire import WireError
from bankfeeds.models import Account, Pull
from bankfeeds.models.finding import FindingKind
from bankfeeds.models.pull import PullKind
from bankfeeds.pipeline import claim, diff, fetch, flow, normalise, plan, wishes
from bankfeeds.pipeline.book import LeaseLost, book_window, renew_lease
from bankfeeds.pipeline.findings import Cause, close_findings, finding_key, open_findings
from bankfeeds.pipeline.normalise import BalanceAnswer
from bankfeeds.pipeline.plan import Window, Wish
from bankfeeds.pipeline.reading import Unread, final_balances, finished, unfinished_day
from bankfeeds.records import PostedLine

log = structlog.get_logger("lockkeeper.bankfeeds")

MOST_ROUNDS = 3
Clock = Callable[[], datetime]


class Flood(Exception):
    """Too many known contents came under new ids; ``suspects`` are the lines."""

    def __init__(self, suspects: Sequence[PostedLine]) -> None:
        super().__init__(f"{len(suspects)} known lines came under new ids.")
        self.suspects = suspects


@dataclass(slots=True)
class _Errand:
    """What one worker needs to carry out one claimed pull."""

    pull: Pull
    account: Account
    owner: str
    actor: Actor
    clock: Clock
    suspects: list[PostedLine] = field(default_factory=list)
    read: int = 0
    wish: Wish | None = None
    unfinished: date | None = None  # yesterday, while the bank still calls it the current day


def run_pull(*, pull_id: UUID | str, owner: str, today: date, actor: Actor, clock: Clock) -> Pull:
    """Claim the pull for ``owner``, carry it out and return it booked, failed or held.

    ``today`` is the bank's business date, ``clock`` returns the aware time. Raises claim.NotClaimed when it is not to
    be worked on now, and LeaseLost when another worker took it over meanwhile (nothing of this one is booked then).
    """
    pull = claim.claim(pull_id=pull_id, owner=owner, today=today, actor=actor, now=clock())
    account = Account.objects.select_related("connection").get(pk=pull.account_id)
    errand = _Errand(pull, account, owner, actor, clock)

    def alive() -> None:
        # At every page: a window of many slow ones may take longer than the lease.
        renew_lease(pull_id=pull.pk, owner=owner, now=clock())

    try:
        with fetch.bank(
            account.connection, actor=actor, clock=clock, alive=alive, owner=owner, account=account
        ) as client:
            _carry_out(errand, client)
        return claim.finish(pull, owner=owner, actor=actor, now=clock())
    except BankError as error:
        log.warning(
            "pull refused",
            pull=str(pull.pk),
            connection=account.connection.label,
            decision=str(error.decision),
            status=error.status,
            detail=error.detail,
        )
        return claim.refused(pull, error, owner=owner, actor=actor, now=clock())
    except WireError as error:
        problem = BankError(Decision.RETRY, str(error), detail="stored answer")
        return claim.refused(pull, problem, owner=owner, actor=actor, now=clock())
    except Flood as flood:
        return _hold(errand, flood)
    except LeaseLost:
        raise
    except Exception as surprise:
        _give_back(errand, surprise)
        raise


def _carry_out(errand: _Errand, client: Client) -> None:
    """Read and book round by round: what a round finds broken outside its windows is asked for in the next."""
    done: set[date] = set()
    for round_number in range(MOST_ROUNDS):
        windows = _plan(errand, done, first=round_number == 0)
        if not windows:
            break
        groups = plan.groups(windows)
        final = next((group for group in reversed(groups) if not group[0].current_day), None)
        for group in groups:
            answers = _read_group(errand, client, group)
            for answer in answers:
                done.update(answer.window.days())
                last = group is final and answer is answers[-1]
                book_window(
                    pull_id=errand.pull.pk,
                    owner=errand.owner,
                    reading=replace(answer, asked=frozenset(done), last=last),
                    actor=errand.actor,
                    now=errand.clock(),
                )
    if errand.wish is not None:
        # Only now: a sweep that was refused or killed has not taken place.
        wishes.note_sweeps(errand.account, errand.wish)


def _plan(errand: _Errand, done: set[date], *, first: bool) -> list[Window]:
    pull, account = errand.pull, errand.account
    if not first and pull.kind == PullKind.BACKFILL:
        return []  # a broken day is asked for again with the newest ones, and not before the older are read
    wish = wishes.wish_of(pull, account, now=errand.clock())
    known = wishes.known_days(account)
    if not first:
        windows = plan.slices(plan.doubtful(known, wish) - done)
        Pull.objects.filter(pk=pull.pk).update(planned=F("planned") + len(windows))
        return windows
    errand.wish = wish
    if plan.leaves_older_days(known, wish):
        Account.objects.filter(pk=account.pk).update(behind=True)
    windows = plan.windows(known, wish)
    Pull.objects.filter(pk=pull.pk).update(planned=len(windows))
    return windows


def _read_group(errand: _Errand, client: Client, group: Sequence[Window]) -> list[Unread]:
    """Fetch the windows of a group and the balances over it, stop at the flood brake, and return what may be booked."""
    fetched = [(window, fetch.transactions(client, errand.account, errand.pull, window)) for window in group]
    if group[0].current_day:
        return [Unread(window=window, walk=walk, balances=None) for window, walk in fetched]
    balances = _balances(errand, client, group)
    answers = [Unread(window=window, walk=walk, balances=balances) for window, walk in fetched]
    answers = [one for one in (finished(answer, errand.unfinished) for answer in answers) if one]
    _brake(errand, answers)
    return answers


def _balances(errand: _Errand, client: Client, group: Sequence[Window]) -> BalanceAnswer | None:
    """Return the balances of 31 days around the group: a restated day outside it shows a line that came late."""
    start, end = _balance_span(group, errand.pull.today)
    page = fetch.balances(client, errand.account, errand.pull, start, end)
    answer = normalise.balances(page)
    _report_balances(errand, answer)
    now_unfinished = unfinished_day(answer, errand.pull.today)
    errand.unfinished = now_unfinished or errand.unfinished
    return final_balances(answer, now_unfinished)


def _balance_span(group: Sequence[Window], today: date) -> tuple[date, date]:
    yesterday = today - timedelta(days=1)
    end = min(group[0].start + timedelta(days=plan.BALANCE_DAYS - 1), yesterday)
    end = max(end, group[-1].end)
    return max(end - timedelta(days=plan.BALANCE_DAYS - 1), date.min), end


def _report_balances(errand: _Errand, answer: BalanceAnswer) -> None:
    account, now = errand.account, errand.clock()
    causes = []
    if answer.error:
        causes.append(Cause(kind=FindingKind.BALANCES_REFUSED, sentence=f"{account.masked}: {answer.error}"))
    if answer.rejections:
        reasons = " ".join(sorted({one.reason for one in answer.rejections})[:3])
        sentence = (
            f"{account.masked}: {len(answer.rejections)} balances of the bank could not be taken: {reasons}"
        )
        causes.append(Cause(kind=FindingKind.REJECTED_BALANCES, sentence=sentence))
    keys = {
        finding_key(kind, account) for kind in (FindingKind.BALANCES_REFUSED, FindingKind.REJECTED_BALANCES)
    }
    with transaction.atomic():
        open_findings(causes, connection=account.connection, account=account, pull=errand.pull, now=now)
        close_findings(
            keys - {cause.key(account) for cause in causes},
            connection=account.connection,
            actor=errand.actor,
            now=now,
            reason="A later answer of the bank settled it.",
        )


def _brake(errand: _Errand, answers: Iterable[Unread]) -> None:
    """Count known contents under new ids over the whole pull so far. Raises Flood before the group is booked."""
    for answer in answers:
        read, suspects = flow.suspects(errand.account, answer)
        errand.read += read
        errand.suspects += suspects
    if not diff.flooded(len(errand.suspects), errand.read):
        return
    if errand.pull.answer and errand.pull.suspects == _fingerprint(errand.suspects):
        return
    raise Flood(errand.suspects)


def _fingerprint(suspects: Iterable[PostedLine]) -> str:
    named = sorted(f"{line.transaction_id} {line.digest}" for line in suspects)
    return hashlib.sha256("\n".join(named).encode()).hexdigest()


def _hold(errand: _Errand, flood: Flood) -> Pull:
    days = sorted({line.as_of_date for line in flood.suspects})
    sentence = (
        f"{errand.account.masked}: {len(flood.suspects)} lines with known content came under new ids "
        f"({day_words(days[0])} to {day_words(days[-1])}). "
        "Nothing of them is written until a person says whether they are the same lines."
    )
    return claim.hold(
        errand.pull,
        sentence=sentence,
        suspects=_fingerprint(flood.suspects),
        count=len(flood.suspects),
        owner=errand.owner,
        actor=errand.actor,
        now=errand.clock(),
    )


def _give_back(errand: _Errand, surprise: Exception) -> None:
    """Let the pull go after an error nobody foresaw, so that the next attempt need not wait for the lease to end."""
    log.error("pull failed unexpectedly", pull=str(errand.pull.pk), error=type(surprise).__name__)
    problem = BankError(
        Decision.RETRY,
        f"An unexpected error stopped the pull ({type(surprise).__name__}); the log has the details.",
    )
    try:
        claim.refused(errand.pull, problem, owner=errand.owner, actor=errand.actor, now=errand.clock())
    except LeaseLost:
        log.warning("lease lost", pull=str(errand.pull.pk))
