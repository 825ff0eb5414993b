"""Notes find their lines: by the bank's id, or by its reference where that leaves no choice. A guess is a person's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from bankfeeds.models import Account, Line, LineId, LineNote
from bankfeeds.models.ledger import LineFacts
from bankfeeds.records import Direction, PostedLine


def attach(account: Account, start: date, end: date) -> int:
    """Give waiting notes of the account their lines, inside the booking's transaction; return how many found one.

    By reference only on the days from ``start`` to ``end``, which are known whole.
    """
    waiting = list(
        LineNote.objects.select_for_update(of=("self",)).filter(account=account, line=None).order_by("pk")
    )
    if not waiting:
        return 0
    idents = [note.transaction_id for note in waiting]
    by_id = dict(
        LineId.objects.filter(account=account, transaction_id__in=idents).values_list(
            "transaction_id", "line"
        )
    )
    found = []
    for note in waiting:
        line = by_id.get(note.transaction_id)
        if line is None and start <= note.as_of_date <= end:
            line = _by_reference(note)
        if line is not None:
            note.line_id = line
            found.append(note)
    LineNote.objects.bulk_update(found, ["line"])
    return len(found)


def digest_of(row: LineFacts, account: Account) -> str:
    """Return the content fingerprint of a line as it stands in one of our tables."""
    direction: Direction = "CREDIT" if row.direction == "CREDIT" else "DEBIT"
    return PostedLine(
        transaction_id=row.transaction_id,
        account_id=account.given_number,
        as_of_date=row.as_of_date,
        direction=direction,
        amount=row.amount,
        currency=row.currency,
        bai_code=row.bai_code,
        bank_reference=row.bank_reference,
        customer_reference=row.customer_reference,
        description=row.description,
        check_number=row.check_number,
        value_date=row.value_date,
        reversal=row.reversal,
        narrative=tuple((key, value) for key, value in row.narrative),
    ).digest


def _by_reference(note: LineNote) -> int | None:
    reference = note.content.get("bank_reference")
    if not reference:
        return None
    same = Line.objects.filter(
        account=note.account_id, as_of_date=note.as_of_date, bank_reference=reference, state="booked"
    )
    found: Sequence[tuple[int, str]] = list(same.order_by("pk").values_list("pk", "digest"))
    if len(found) > 1:
        found = [one for one in found if one[1] == note.digest]
    return found[0][0] if len(found) == 1 else None
