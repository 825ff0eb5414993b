"""What people write about lines."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from audit.recording import Actor, record
from audit.workflow import OperationRefused, PermissionMissing
from bankfeeds.models import Account, Line, LineNote, ProvisionalLine
from bankfeeds.pipeline import ledger, notes

RIGHT = "bankfeeds.add_linenote"
LONGEST = 2000


def add_note(*, pk: int, text: str, actor: Actor, now: datetime, reason: str = "") -> LineNote:
    """Write a note on a booked line; it stays with the line, whatever becomes of that. Raises OperationRefused."""
    _check(actor, text)
    with transaction.atomic():
        line = Line.objects.select_related("account").get(pk=pk)
        return _kept(line.account, line, line, line.digest, text, actor, now)


def add_note_today(*, pk: int, text: str, actor: Actor, now: datetime, reason: str = "") -> LineNote:
    """Write a note on a line of the current day; it waits, by the bank's id, for the line to be booked.

    Raises OperationRefused.
    """
    _check(actor, text)
    with transaction.atomic():
        # The account first: a booking of it either finds the note or has made the line.
        account_id = ProvisionalLine.objects.values_list("account_id", flat=True).filter(pk=pk).first()
        account = Account.objects.select_for_update().filter(pk=account_id or 0).first()
        line = ProvisionalLine.objects.filter(pk=pk).first()
        if account is None or line is None:
            raise OperationRefused("The bank's list of today was just read anew: look for the line again.")
        return _kept(account, line, None, notes.digest_of(line, account), text, actor, now)


def link_note(*, pk: int, line: int, actor: Actor, now: datetime, reason: str = "") -> LineNote:
    """Say which line a waiting note belongs to. Raises OperationRefused."""
    _check(actor, "–")
    with transaction.atomic():
        note = LineNote.objects.select_for_update(of=("self",)).get(pk=pk)
        if note.line_id is not None:
            raise OperationRefused("The note has its line already.")
        chosen = Line.objects.filter(pk=line, account=note.account_id).first()
        if chosen is None:
            raise OperationRefused("The line is not one of this account.")
        note.line = chosen
        note.save(update_fields=["line"])
        record(
            verb="bankfeeds.note_linked", actor=actor, subject=note, now=now, reason=reason,
            data={"line": chosen.pk},
        )  # fmt: skip
    return note


def _check(actor: Actor, text: str) -> None:
    if actor.account is not None and not actor.account.has_perm(RIGHT):
        raise PermissionMissing(f"You may not do this: it needs the right “{RIGHT}”.")
    if not text.strip():
        raise OperationRefused("Write the note.", missing=["a text"])
    if len(text) > LONGEST:
        raise OperationRefused(f"A note has at most {LONGEST} characters.")


def _kept(
    account: Account,
    row: Line | ProvisionalLine,
    line: Line | None,
    digest: str,
    text: str,
    actor: Actor,
    now: datetime,
) -> LineNote:
    note = LineNote.objects.create(
        account=account,
        line=line,
        transaction_id=row.transaction_id,
        as_of_date=row.as_of_date,
        digest=digest,
        content=ledger.content(row),
        text=text.strip(),
        author=f"{actor.kind}:{actor.key}",
        at=now,
    )
    # The text may hold personal data: the audit record refers to the note by its key.
    record(verb="bankfeeds.note_added", actor=actor, subject=note, now=now, data={"booked": line is not None})
    return note
