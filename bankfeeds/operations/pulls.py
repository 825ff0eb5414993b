"""Asking for pulls, and answering those that wait for a person."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from audit.recording import Actor, record
from audit.workflow import OperationRefused, PermissionMissing, perform
from bankfeeds import queries
from bankfeeds.bank_dates import business_date
from bankfeeds.models import Account, Connection, Pull
from bankfeeds.models.finding import FindingKind
from bankfeeds.models.pull import Answer, PullKind
from bankfeeds.operations.connections import begin_testing_if_ready
from bankfeeds.pipeline.claim import lease_is_void
from bankfeeds.pipeline.findings import close_findings, finding_key


class PullInProgress(OperationRefused):
    """Another worker is pulling the account; ``pull`` is that pull."""

    def __init__(self, pull: Pull) -> None:
        super().__init__(f"{pull.account.masked} is being pulled by another worker.")
        self.pull = pull


class PullHeld(OperationRefused):
    """The account's pull is held by the flood brake and waits for a person's answer."""


def start_pull(
    *,
    account: Account,
    today: date,
    actor: Actor,
    now: datetime,
    start: date | None = None,
    end: date | None = None,
    kind: str = "requested",
) -> Pull:
    """Return the account's open pull for these limits, queued now if there is none; nobody works on it yet.

    A waiting pull with other limits, or of older days, ends in favour of the new one; one that waits for its next
    attempt becomes due.
    ``today`` is the bank's business date. Raises PullInProgress, PullHeld, OperationRefused.
    """
    if start and end and end < start:
        raise OperationRefused("The end is before the start.")
    with transaction.atomic():
        account = (
            Account.objects.select_for_update(of=("self",)).select_related("connection").get(pk=account.pk)
        )
        connection = begin_testing_if_ready(connection=account.connection, actor=actor, now=now)
        _check_pullable(connection)
        waiting = queries.open_pulls().select_for_update().filter(account=account).first()
        if waiting is not None:
            _check_free(waiting, now)
            same = (waiting.window_start, waiting.window_end, waiting.today) == (start, end, today)
            if same and waiting.kind != PullKind.BACKFILL:
                return _due_again(waiting, actor, now)
            perform(waiting, "fail", actor=actor, now=now, at=now, sentence="Replaced by a newer request.")
        pull = Pull.objects.create(
            account=account,
            kind=kind,
            window_start=start,
            window_end=end,
            today=today,
            covered=[],
            requested_by=f"{actor.kind}:{actor.key}",
            requested_at=now,
        )
        record(verb="bankfeeds.pull_requested", actor=actor, subject=pull, now=now, data={"kind": kind})
    return pull


def pull_now(
    *, pk: int, actor: Actor, now: datetime, today: date | None = None, reason: str = ""
) -> list[Pull]:
    """Queue a pull for every account of the connection; the next tick of the schedule calls the workers.

    Accounts that are being pulled already are left alone; one whose older days are just being read follows at the
    tick after them, before any more of those, and its pull is returned. Raises OperationRefused when nothing could be
    queued.
    """
    _check_right(actor, "bankfeeds.pull_now")
    connection = Connection.objects.get(pk=pk)
    _check_pullable(begin_testing_if_ready(connection=connection, actor=actor, now=now))
    found, refusals = [], list[OperationRefused]()
    for account in connection.accounts.order_by("number"):
        try:
            found.append(start_pull(account=account, today=today or business_date(now), actor=actor, now=now))
        except PullInProgress as busy:
            if busy.pull.kind == PullKind.BACKFILL:
                Account.objects.filter(pk=account.pk).update(next_pull_at=None)
                found.append(busy.pull)
            else:
                refusals.append(busy)
        except OperationRefused as refusal:
            refusals.append(refusal)
    if refusals and not found:
        raise refusals[0]
    return found


def retry_pull(*, pk: UUID | str, actor: Actor, now: datetime, reason: str = "") -> Pull:
    """Make a failed pull due now, with a fresh count of attempts. Raises OperationRefused."""
    with transaction.atomic():
        pull = Pull.objects.select_related("account__connection").get(pk=pk)
        account = Account.objects.select_for_update().get(pk=pull.account_id)
        _check_pullable(pull.account.connection)
        other = queries.open_pulls().filter(account=account).exclude(pk=pull.pk).first()
        if other is not None:
            raise OperationRefused(f"{account.masked} has a newer pull already.")
        return perform(pull, "retry", actor=actor, now=now, reason=reason)


def answer_held_pull(*, pk: UUID | str, answer: str, actor: Actor, now: datetime, reason: str) -> Pull:
    """Say what the lines are that a held pull waits for, and queue it again.

    ``answer``: ``same_lines`` (the bank gave booked lines new ids) or ``really_new`` (they are further payments). It
    holds for exactly those lines: if the bank then lists others, the pull is held again. Raises OperationRefused.
    """
    if answer not in (Answer.SAME_LINES, Answer.REALLY_NEW):
        raise OperationRefused(
            "Say whether they are the same lines or really new ones.", missing=["an answer"]
        )
    with transaction.atomic():
        # The account, the pull, then the finding, and the audit chain, which the release writes, last.
        Account.objects.select_for_update().get(pulls__pk=pk)
        pull = Pull.objects.select_for_update(of=("self",)).select_related("account__connection").get(pk=pk)
        close_findings(
            [finding_key(FindingKind.HELD_PULL, pull.account)],
            connection=pull.account.connection,
            actor=actor,
            now=now,
            reason=reason or "The held pull was answered.",
        )
        return perform(
            pull, "release", actor=actor, now=now, reason=reason, data={"answer": answer}, answer=answer
        )


def _check_right(actor: Actor, permission: str) -> None:
    if actor.account is not None and not actor.account.has_perm(permission):
        raise PermissionMissing(f"You may not do this: it needs the right “{permission}”.")


def _check_pullable(connection: Connection) -> None:
    if connection.state == "draft":
        raise OperationRefused(
            f"{connection.label} has no certificate in use yet.", missing=["a certificate in use"]
        )
    if not connection.pullable:
        raise OperationRefused(f"{connection.label} is {connection.state}: nothing is pulled.")


def _check_free(pull: Pull, now: datetime) -> None:
    if pull.state == "held":
        raise PullHeld(f"The pull of {pull.account.masked} is held: {pull.reason}")
    if pull.state == "fetching" and not lease_is_void(pull, now=now):
        raise PullInProgress(pull)


def _due_again(pull: Pull, actor: Actor, now: datetime) -> Pull:
    if pull.state == "fetching" or (pull.state == "queued" and pull.attempts == 0 and pull.retry_at is None):
        return pull
    return perform(pull, "retry", actor=actor, now=now)
