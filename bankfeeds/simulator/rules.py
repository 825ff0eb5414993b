"""The bank's rules for a question: what may be asked, and which accounts and days are meant."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs

from bankfeeds.simulator.bank_days import previous_business_day
from bankfeeds.simulator.exchange import JSON, Request, invalid

LONGEST_BALANCE_RANGE = timedelta(days=31)
MOST_TRANSACTION_DATES = 5
RELATIVE = ("CURRENT_DAY", "PRIOR_DAY")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PAGE = re.compile(r"[1-9]\d{0,8}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A valid question. `accounts` empty means all entitled accounts."""

    accounts: tuple[str, ...]
    start: date
    end: date
    page: int = 1


def balances_question(request: Request, *, today: date) -> Question:
    """Read a balance request. Raises Refused (400) where it breaks a rule."""
    if request.media_type != JSON:
        raise invalid("The content type must be application/json.")
    if request.query:
        raise invalid("A balance request takes no query.")
    asked = _json_object(request.body)
    _only(asked, {"relativeDateType", "startDate", "endDate", "accountList"})
    start, end = _days(asked, today=today)
    if start is None or end is None:
        start, end = _open_ended(start, end, today=today)
    _in_order(start, end, today=today)
    if end - start > LONGEST_BALANCE_RANGE:
        raise invalid("The date range is longer than 31 days.")
    return Question(accounts=_account_list(asked), start=start, end=end)


def transactions_question(request: Request, *, today: date) -> Question:
    """Read a transaction request. Raises Refused (400) where it breaks a rule."""
    try:
        given = parse_qs(
            request.query, keep_blank_values=True, strict_parsing=bool(request.query), max_num_fields=100
        )
    except ValueError:
        raise invalid("The query cannot be read.") from None
    _only(given, {"accountIds", "relativeDateType", "startDate", "endDate", "pageNumber"})
    asked = {name: values[0] for name, values in given.items()}
    if any(len(values) > 1 for name, values in given.items() if name != "accountIds"):
        raise invalid("A parameter other than accountIds is repeated.")
    accounts = [account for value in given.get("accountIds", []) for account in value.split(",")]
    if not accounts or not all(accounts):
        raise invalid("accountIds is required.")
    start, end = _days(asked, today=today)
    if start is None or end is None:
        if start is not end:
            raise invalid("startDate and endDate are required together.")
        start = end = today
    _in_order(start, end, today=today)
    if (end - start).days + 1 > MOST_TRANSACTION_DATES:
        raise invalid("The date range is longer than 5 days.")
    page = asked.get("pageNumber", "1")
    if not _PAGE.fullmatch(page):
        raise invalid("pageNumber is a whole number from 1.")
    return Question(accounts=tuple(dict.fromkeys(accounts)), start=start, end=end, page=int(page))


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
    except ValueError:
        raise invalid("The body is not JSON.") from None
    if not isinstance(asked, dict):
        raise invalid("The body is not a JSON object.")
    return asked


def _only(asked: dict[str, Any], known: set[str]) -> None:
    # The names are not repeated to the caller: an answer never echoes what was sent.
    if set(asked) - known:
        raise invalid("There is an unknown field or parameter.")


def _days(asked: dict[str, Any], *, today: date) -> tuple[date | None, date | None]:
    relative = asked.get("relativeDateType")
    if relative is None:
        return _date(asked, "startDate"), _date(asked, "endDate")
    if "startDate" in asked or "endDate" in asked:
        raise invalid("relativeDateType must not be combined with startDate or endDate.")
    if relative not in RELATIVE:
        raise invalid(f"relativeDateType is one of {', '.join(RELATIVE)}.")
    day = today if relative == "CURRENT_DAY" else previous_business_day(today)
    return day, day


def _open_ended(start: date | None, end: date | None, *, today: date) -> tuple[date, date]:
    """One date alone opens the longest range from it, up to today; none at all means the current day."""
    if start is not None:
        return start, max(start, min(start + LONGEST_BALANCE_RANGE, today))
    if end is not None:
        return end - LONGEST_BALANCE_RANGE, end
    return today, today


def _date(asked: dict[str, Any], name: str) -> date | None:
    if name not in asked:
        return None
    text = asked[name]
    try:
        if isinstance(text, str) and _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise invalid(f"{name} is a date of the form yyyy-MM-dd.")


def _in_order(start: date, end: date, *, today: date) -> None:
    if start > end:
        raise invalid("startDate is after endDate.")
    if end > today:
        raise invalid("The date range lies in the future.")


def _account_list(asked: dict[str, Any]) -> tuple[str, ...]:
    if "accountList" not in asked:
        return ()
    entries = asked["accountList"]
    if not isinstance(entries, list) or not entries:
        raise invalid("accountList is a list with at least one account.")
    for entry in entries:
        if not isinstance(entry, dict) or set(entry) - {"accountId", "bankId"}:
            raise invalid("An entry of accountList has accountId and, if known, bankId.")
        if not isinstance(entry.get("accountId"), str) or not isinstance(entry.get("bankId", ""), str):
            raise invalid("accountId and bankId are strings.")
    return tuple(dict.fromkeys(entry["accountId"] for entry in entries))
