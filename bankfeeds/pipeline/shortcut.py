"""Pages that were read before need no second reading, while the ledger still holds what they came to.

Taken only when all of this is so: the same question, the same bytes page by page in the same order, the same rules of
reading; nothing of the last reading rejected, held, in doubt or contradicting itself; nothing of these days open or in
another currency; and the booked lines of the window are, id by id and content by content, those of that reading, and
what was counted of its days still stands. So whoever else wrote these days (another pull, an undoing, a hand in the
database) is noticed by the rows themselves. Balances are judged and days are proven as ever. Not seen: a text changed
by hand beside its fingerprint, which the full comparison does not see either.
"""

from __future__ import annotations

import hashlib
from datetime import date

from django.db import connection
from django.db.models import Q

from bankfeeds.models import Account, Day, Finding, Line, RejectedLine, WindowDigest
from bankfeeds.pipeline.normalise import READING_RULES
from bankfeeds.pipeline.reading import Unread

_MEMBER = "length(transaction_id) || ':' || transaction_id || digest || direction || amount || currency"
_BOOKED = f"{Line._meta.db_table} WHERE account_id = %s AND as_of_date = %s AND state = 'booked'"
_COUNTED = ("as_of_date", "lines", "credits", "debits", "rejected", "foreign")
_SQLITE = (
    f"SELECT count(*), group_concat({_MEMBER}, '') FROM "  # noqa: S608
    f"(SELECT transaction_id, digest, direction, amount, currency FROM {_BOOKED} ORDER BY id)"
)
_POSTGRESQL = (
    f"SELECT count(*), encode(sha256(convert_to(string_agg({_MEMBER}, '' ORDER BY id), 'UTF8')), 'hex') "  # noqa: S608
    f"FROM {_BOOKED}"
)


def known(account: Account, answer: Unread) -> WindowDigest | None:
    """Return what these very pages came to before, if the ledger still holds it and nothing of it is open."""
    if not answer.whole:
        return None
    window = answer.window
    found = WindowDigest.objects.filter(
        account=account,
        start=window.start,
        end=window.end,
        recipe=READING_RULES,
        pages_sha256=answer.walk.sha256,
    ).first()
    if found is None or _open(account, answer):
        return None
    return found if found.lines_sha256 == lines_sha256(account, answer) else None


def remember(account: Account, answer: Unread, *, read: int, repeated: int, clean: bool) -> None:
    """Keep the digests of a clean reading; of any other, forget those of the window."""
    window = answer.window
    rows = WindowDigest.objects.filter(account=account)
    mine = rows.filter(start=window.start, end=window.end)
    if not (clean and answer.whole):
        mine.delete()
        return
    kept = {
        "recipe": READING_RULES,
        "pages_sha256": answer.walk.sha256,
        "lines_sha256": lines_sha256(account, answer),
        "read": read,
        "repeated": repeated,
    }
    if mine.filter(**kept).exists():
        return
    # Windows move from day to day: those cut otherwise are not asked for again.
    rows.filter(start__lte=window.end, end__gte=window.start).delete()
    WindowDigest.objects.create(
        account=account, start=window.start, end=window.end, read_at=answer.read_at, **kept
    )


def lines_sha256(account: Account, answer: Unread) -> str:
    """Return the SHA-256 over every booked line of the window (id, content, amount) and what is counted of its days."""
    window = answer.window
    counted = Day.objects.filter(account=account, as_of_date__range=(window.start, window.end))
    parts = [f"{account.currency}"]
    parts += [" ".join(map(str, row)) for row in counted.order_by("as_of_date").values_list(*_COUNTED)]
    parts += [f"{day}:{_day(account, day)}" for day in window.days()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _day(account: Account, day: date) -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRESQL, [account.pk, day])
            count, digest = cursor.fetchone()
        else:
            cursor.execute(_SQLITE, [account.pk, day.isoformat()])
            count, members = cursor.fetchone()
            digest = hashlib.sha256((members or "").encode()).hexdigest() if members else ""
    return f"{count}:{digest or ''}"


def _open(account: Account, answer: Unread) -> bool:
    window = answer.window
    inside = Q(as_of_date__range=(window.start, window.end))
    undated = Q(as_of_date=None, window_start__lte=window.end, window_end__gte=window.start)
    if RejectedLine.objects.filter(inside | undated, account=account, open=True).exists():
        return True
    if Day.objects.filter(inside, account=account, foreign=True).exists():
        return True
    return Finding.objects.filter(inside, account=account, state="open").exists()
