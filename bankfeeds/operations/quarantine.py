"""Having records read again that could not be taken."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from audit.recording import Actor, record
from audit.workflow import OperationRefused, PermissionMissing, perform
from bankfeeds import queries
from bankfeeds.expectation import day_words
from bankfeeds.models import Account, Finding, LineNote, Pull, RejectedLine
from bankfeeds.models.pull import PullKind
from bankfeeds.pipeline import diff, flow, ledger, rereading, stored
from bankfeeds.pipeline.book import LEASE, book_window
from bankfeeds.pipeline.claim import new_owner
from bankfeeds.pipeline.reading import Reading

RIGHT = "bankfeeds.retry_rejectedline"


def retry_rejected(*, pk: int, actor: Actor, now: datetime, reason: str = "") -> Pull:
    """Read the bank's newest stored answer for the record's window again, by today's rules, and return the pull of it.

    The bank is not asked. What can be taken now becomes a line by the rules of every booking, the day is judged again,
    and the reading is a pull of its own: counted, replayed and undone like any other. Raises OperationRefused.
    """
    if actor.account is not None and not actor.account.has_perm(RIGHT):
        raise PermissionMissing(f"You may not do this: it needs the right “{RIGHT}”.")
    with transaction.atomic():
        account_id = RejectedLine.objects.values_list("account_id", flat=True).get(pk=pk)
        account = (
            Account.objects.select_for_update(of=("self",)).select_related("connection").get(pk=account_id)
        )
        rejected = RejectedLine.objects.select_for_update(of=("self",)).get(pk=pk)
        if not rejected.open:
            raise OperationRefused("The bank's newest answer no longer holds this record: it is settled.")
        _check_free(account)
        _lock_what_booking_touches(account)
        day = rejected.as_of_date or rejected.window_start
        answer = rereading.newest_answer(account, day)
        if answer is None:
            raise OperationRefused(
                f"The bank's raw answer for {day_words(day)} is not kept here. "
                "Pull the feed: the day is asked for again."
            )
        pull = _begin(account, answer, actor, now)
        _book(pull, actor, now)
        # Last: it locks the audit chain.
        return perform(pull, "finish", actor=actor, now=now, at=now)


def _check_free(account: Account) -> None:
    if account.connection.state == "closed":
        raise OperationRefused(f"{account.connection.label} is closed: its ledger stays as it is.")
    if queries.open_pulls().filter(account=account).exists():
        raise OperationRefused(
            f"{account.masked} has an open pull. It reads the unproven days again by itself; wait for it, or answer it."
        )


def _lock_what_booking_touches(account: Account) -> None:
    """Taking the pull writes to the audit chain, which comes after every row: so the rows are locked before."""
    findings = Finding.objects.select_for_update(of=("self",)).filter(connection=account.connection_id)
    list(findings.filter(state="open").order_by("pk").values_list("pk"))
    waiting = LineNote.objects.select_for_update(of=("self",)).filter(account=account, line=None)
    list(waiting.order_by("pk").values_list("pk"))


def _begin(account: Account, answer: rereading.StoredAnswer, actor: Actor, now: datetime) -> Pull:
    pull = Pull.objects.create(
        account=account,
        kind=PullKind.REREAD,
        window_start=answer.pages[0].request["startDate"],
        window_end=answer.pages[0].request["endDate"],
        today=answer.today,
        covered=[],
        requested_by=f"{actor.kind}:{actor.key}",
        requested_at=now,
    )
    record(
        verb="bankfeeds.stored_answer_read_again",
        actor=actor,
        subject=pull,
        now=now,
        data={"pull": str(answer.pull.pk), "pages": len(answer.pages)},
    )
    pull = perform(
        pull,
        "claim",
        actor=actor,
        now=now,
        owner=new_owner(),
        expires_at=now + LEASE,
        at=now,
        today=answer.today,
    )
    rereading.copy(answer, pull)
    return pull


def _book(pull: Pull, actor: Actor, now: datetime) -> None:
    turn = stored.Claim(
        pull=pull, number=len(pull.claims), today=pull.today, answer="", windows=None, newest=True
    )
    for reading in stored.readings(turn):
        _brake(pull, flow.in_full(reading))
        booked = book_window(pull_id=pull.pk, owner=pull.lease_owner, reading=reading, actor=actor, now=now)
        if booked.older:
            raise OperationRefused(
                "A later answer of the bank is known for these days already; an older one is never applied over it."
            )


def _brake(pull: Pull, reading: Reading) -> None:
    window, lines = reading.window, reading.lines
    known = ledger.known_lines(pull.account, window.start, window.end, lines.lines)
    suspects = diff.compare(lines.lines, known).suspects
    if diff.flooded(len(suspects), lines.read):
        raise OperationRefused(
            f"{len(suspects)} lines with known content would come under new ids. Pull the feed: it is held then, and a "
            "person says what they are."
        )
