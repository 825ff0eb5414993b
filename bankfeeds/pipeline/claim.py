"""Who works on a pull: a lease in its row, taken by compare-and-set, and given up with an outcome."""

from __future__ import annotations

import os
import random
import secrets
import socket
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import transaction

from audit.recording import Actor
from audit.workflow import OperationRefused, perform
from bankfeeds.hosts import breaker
from bankfeeds.jpmorgan.errors import BankError, Decision, NotCalled
from bankfeeds.models import Account, BankHost, Pull
from bankfeeds.models.finding import FindingKind
from bankfeeds.pipeline import drift
from bankfeeds.pipeline.book import LEASE, LeaseLost
from bankfeeds.pipeline.fetch import leave_alone
from bankfeeds.pipeline.findings import Cause, close_findings, finding_key, open_findings

MOST_ATTEMPTS = 5
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)


class NotClaimed(OperationRefused):
    """The pull is not to be worked on now: somebody else does, it is over, or its time has not come."""


class InProgress(NotClaimed):
    """Another worker is pulling this account at this moment."""


class TooEarly(NotClaimed):
    """The bank asked to be left alone until later, or the next attempt's time has not come."""


def new_owner() -> str:
    """Return a name for this worker that no other one has, and by which its death can be seen on this machine."""
    return f"{socket.gethostname()[:100]}:{os.getpid()}:{secrets.token_hex(8)}"


def lease_is_void(pull: Pull, *, now: datetime) -> bool:
    """Say whether nobody works on a fetching pull any more: its lease ran out, or its process on this machine ended."""
    if pull.lease_expires_at is None or pull.lease_expires_at <= now:
        return True
    host, _, rest = pull.lease_owner.partition(":")
    pid = rest.partition(":")[0]
    return host == socket.gethostname()[:100] and pid.isdigit() and not _alive(int(pid))


def claim(*, pull_id: UUID | str, owner: str, today: date, actor: Actor, now: datetime) -> Pull:
    """Take the pull for ``owner``: the attempt is counted and committed before anything is tried; return it.

    A pull taken over from a dead worker counts as an attempt. After five attempts it is given up with a finding.
    Raises InProgress, TooEarly, NotClaimed.
    """
    with transaction.atomic():
        pull = _locked(pull_id)
        _check(pull, now)
        if pull.attempts < MOST_ATTEMPTS:
            _take_probes(pull, owner, now)
            return perform(
                pull,
                "claim",
                actor=actor,
                now=now,
                data={"attempt": pull.attempts + 1},
                owner=owner,
                expires_at=now + LEASE,
                at=now,
                today=pull.today if pull.kind == "requested" else today,
            )
        _give_up(pull, pull.reason or "Its worker died each time.", actor, now)
    raise NotClaimed(f"The pull was given up after {MOST_ATTEMPTS} attempts.")


def finish(pull: Pull, *, owner: str, actor: Actor, now: datetime) -> Pull:
    """Close a pull whose windows are all booked; what only its failures had opened is resolved. Raises LeaseLost."""
    with transaction.atomic():
        fresh = _mine(pull, owner)
        breaker.let_go(owner=owner, now=now)
        kinds = (FindingKind.BANK_REFUSED, FindingKind.GAVE_UP, FindingKind.HELD_PULL)
        close_findings(
            [*(finding_key(kind, fresh.account) for kind in kinds), *drift.settled_by(fresh)],
            connection=fresh.account.connection,
            actor=actor,
            now=now,
            reason="A later pull went through.",
        )
        # Last: it locks the audit chain, and whoever closes a finding locks that before the chain.
        return perform(fresh, "finish", actor=actor, now=now, at=now)


def refused(pull: Pull, error: BankError, *, owner: str, actor: Actor, now: datetime) -> Pull:
    """Write down that the bank refused or could not be reached, and when or by whom it goes on. Raises LeaseLost."""
    with transaction.atomic():
        fresh = _mine(pull, owner)
        if error.retry_after is not None:
            leave_alone(fresh.account.connection, until=now + error.retry_after)
        breaker.let_go(owner=owner, now=now)
        drift.tell_of_unreadable(error, fresh, now=now)
        waits_until = _waits_until(error, now)
        if waits_until is not None:
            return perform(
                fresh, "fail", actor=actor, now=now, reason=error.sentence, at=now, sentence=error.sentence,
                retry_at=waits_until, uncounted=True,
            )  # fmt: skip
        if error.decision is not Decision.RETRY:
            return _stop(fresh, error.sentence, actor, now)
        if fresh.attempts >= MOST_ATTEMPTS:
            return _give_up(fresh, error.sentence, actor, now)
        pause = max(_pause(fresh.attempts), error.retry_after or timedelta(0))
        return perform(
            fresh, "fail", actor=actor, now=now, reason=error.sentence, at=now, sentence=error.sentence,
            retry_at=now + pause,
        )  # fmt: skip


def hold(
    pull: Pull, *, sentence: str, suspects: str, count: int, owner: str, actor: Actor, now: datetime
) -> Pull:
    """Stop a pull at the flood brake until a person answers. Raises LeaseLost."""
    with transaction.atomic():
        fresh = _mine(pull, owner)
        cause = Cause(kind=FindingKind.HELD_PULL, sentence=sentence, data={"suspects": count})
        account = fresh.account
        open_findings([cause], connection=account.connection, account=account, pull=fresh, now=now)
        return perform(
            fresh, "hold", actor=actor, now=now, reason=sentence, at=now, sentence=sentence, suspects=suspects
        )


def _check(pull: Pull, now: datetime) -> None:
    if not pull.account.connection.pullable:
        raise NotClaimed(
            f"{pull.account.connection.label} is {pull.account.connection.state}; nothing is pulled."
        )
    if pull.state == "fetching" and not lease_is_void(pull, now=now):
        raise InProgress("This account is being pulled by another worker.")
    if pull.state == "held":
        raise NotClaimed("This pull is held: a person has to answer it first.")
    if not pull.is_open:
        raise NotClaimed(f"This pull is {pull.state}.")
    waits = [when for when in (pull.retry_at, pull.account.connection.not_before) if when and when > now]
    if waits:
        raise TooEarly(f"The next attempt is due at {max(waits):%Y-%m-%d %H:%M:%S} UTC: {_why(pull)}")


def _take_probes(pull: Pull, owner: str, now: datetime) -> None:
    try:
        breaker.take_probes(pull.account.connection, owner=owner, now=now)
    except NotCalled as wait:
        raise TooEarly(
            f"{wait.sentence} The next try is due at {wait.until:%Y-%m-%d %H:%M:%S} UTC."
        ) from None


def _waits_until(error: BankError, now: datetime) -> datetime | None:
    """Return until when the pull waits without having failed: nothing was sent, or its host is down for everybody."""
    if isinstance(error, NotCalled):
        return error.until
    host = BankHost.objects.filter(name=error.host).exclude(state="closed").first() if error.of_host else None
    if host is None:
        return None
    return max(host.retry_at or now, now + (error.retry_after or timedelta()))


def _why(pull: Pull) -> str:
    return pull.reason or "the bank asked to wait."


def _mine(pull: Pull, owner: str) -> Pull:
    fresh = _locked(pull.pk)
    if fresh.state != "fetching" or fresh.lease_owner != owner:
        raise LeaseLost("Another worker has taken this pull over.")
    return fresh


def _locked(pull_id: UUID | str) -> Pull:
    account_id = Pull.objects.values_list("account_id", flat=True).get(pk=pull_id)
    # The account before the pull, as in asking and booking: a finding's reference would lock it after the pull.
    Account.objects.select_for_update().get(pk=account_id)
    return Pull.objects.select_for_update(of=("self",)).select_related("account__connection").get(pk=pull_id)


def _stop(pull: Pull, sentence: str, actor: Actor, now: datetime) -> Pull:
    return _fail_with_finding(pull, FindingKind.BANK_REFUSED, sentence, actor, now)


def _give_up(pull: Pull, sentence: str, actor: Actor, now: datetime) -> Pull:
    sentence = f"Given up after {pull.attempts} attempts: {sentence}"
    return _fail_with_finding(pull, FindingKind.GAVE_UP, sentence, actor, now)


def _fail_with_finding(pull: Pull, kind: FindingKind, sentence: str, actor: Actor, now: datetime) -> Pull:
    account = pull.account
    told = f"{account.masked}: {sentence}"
    cause = Cause(kind=kind, sentence=told, data={"attempts": pull.attempts})
    open_findings([cause], connection=account.connection, account=account, pull=pull, now=now)
    return perform(
        pull, "fail", actor=actor, now=now, reason=sentence, at=now, sentence=sentence, needs_person=True
    )


def _pause(attempts: int) -> timedelta:
    """Return the wait after the attempt: one minute, four times as long each time, at most an hour; with jitter."""
    longest: timedelta = min(FIRST_PAUSE * int(4 ** (attempts - 1)), LONGEST_PAUSE)
    return longest + longest * random.randrange(0, 25) / 100  # noqa: S311 - spreads load, guards nothing


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
