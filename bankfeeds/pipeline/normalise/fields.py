"""How single fields are read, and what was asked: shared by lines and balances."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache

import msgspec

from bankfeeds.jpmorgan import wire
from bankfeeds.jpmorgan.client import Page
from bankfeeds.records import LONGEST, Rejection, normal_account

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class RefusedRecordError(Exception):
    """The record cannot be taken; the message is the reason, a sentence without personal data."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page answers: one account, and the days from `start` to `end` (None: whatever day it is)."""

    account: str
    normal: str
    start: date | None
    end: date | None
    known: dict[str, date] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, page: Page, account: str) -> "Asked":
        """Return what `page` answers for `account`."""
        start, end = page.request.get("startDate"), page.request.get("endDate")
        return cls(
            account,
            normal_account(account),
            date.fromisoformat(start) if isinstance(start, str) else None,
            date.fromisoformat(end) if isinstance(end, str) else None,
        )

    def check_account(self, account_id: str | None) -> None:
        """Refuse a record without account or of another one."""
        if account_id == self.account and self.normal:
            return
        if normal_account(required(account_id, "accountId")) != self.normal:
            raise RefusedRecordError("The record belongs to another account than the one asked for.")

    def day(self, as_of_date: str | None) -> date:
        """Return the record's bank day; refuse one outside the days asked for."""
        if as_of_date in self.known:
            return self.known[as_of_date]
        given = required(as_of_date, "asOfDate")
        found = day(given, "asOfDate")
        if (self.start and found < self.start) or (self.end and found > self.end):
            raise RefusedRecordError("The record's asOfDate is outside the days asked for.")
        self.known[given] = found
        return found


def text(value: str | int | None) -> str:
    """Return the text without blanks around it, "" for none."""
    if value is None:
        return ""
    return value.strip() if type(value) is str else str(value).strip()


def required(value: str | None, name: str) -> str:
    """Return the text; refuse a record without it."""
    trimmed = text(value)
    if not trimmed:
        raise RefusedRecordError(f"The record has no {name}.")
    return trimmed


def fitting(name: str, value: str) -> str:
    """Return the text; refuse one longer than the record's field `name` keeps."""
    if len(value) > LONGEST[name]:
        raise RefusedRecordError(f"The record's {name} is longer than {LONGEST[name]} characters.")
    return value


def currency_code(currency: wire.Currency | None) -> str:
    """Return the currency's code, "" for none."""
    return text(currency.code) if currency else ""


@lru_cache(maxsize=1024)
def day(value: str, name: str) -> date:
    """Return the day written as yyyy-mm-dd; refuse every other form."""
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise RefusedRecordError(f"The record's {name} is not a date.")


def moment(value: str | None) -> datetime | None:
    """Return the moment, UTC when it names no zone; None when there is none or it cannot be read."""
    try:
        found = datetime.fromisoformat((value or "").strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def rejection(reason: str, raw: msgspec.Raw, *, page: int, index: int) -> Rejection:
    """Return the whole record with the reason, and the id and day that can be read of it."""
    transaction_id, as_of_date = wire.glimpse(raw)
    try:
        known: date | None = day(as_of_date, "asOfDate")
    except RefusedRecordError:
        known = None
    return Rejection(
        reason=reason,
        raw=bytes(raw).decode(errors="replace"),
        as_of_date=known,
        transaction_id=transaction_id.replace("\0", "").strip()[: LONGEST["transaction_id"]],
        page=page,
        index=index,
    )
