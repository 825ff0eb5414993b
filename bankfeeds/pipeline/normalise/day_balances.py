"""The balances answer to one account's days."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import msgspec

from bankfeeds.jpmorgan import wire
from bankfeeds.jpmorgan.client import Page
from bankfeeds.jpmorgan.redaction import redacted
from bankfeeds.money import MoneyError, exact
from bankfeeds.pipeline.normalise.fields import Asked, RefusedRecordError, currency_code, moment, rejection
from bankfeeds.records import DayBalance, Rejection

NO_ACTIVITY = "GCA-024"


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceAnswer:
    """One account's balances by day, ascending.

    `no_activity`: the bank says there is nothing for these days, which is no fault. `error`: a sentence,
    when the bank failed for this account.
    """

    days: list[DayBalance]
    no_activity: bool
    error: str | None
    rejections: list[Rejection]


@dataclass(frozen=True, slots=True)
class _Seen:
    balance: DayBalance
    raw: msgspec.Raw
    place: int


def balances(page: Page, account: str | None = None) -> BalanceAnswer:
    """Return the balances of `account` (the one asked for, by default), and what could not be taken.

    Two equal balances of one day count once; two different ones are both rejected.
    Raises WireError when the page as a whole cannot be read, ValueError for a page of another kind.
    """
    accounts = page.request.get("accountList")
    if page.kind != "balances" or not isinstance(accounts, list) or not accounts:
        raise ValueError("The page does not answer a question for an account's balances.")
    asked = Asked.of(page, account or accounts[0]["accountId"])
    rejections: list[Rejection] = []
    answers: list[wire.AccountBalances] = []
    for place, raw in enumerate(wire.balances_answer(page.body).account_list):
        try:
            answer = wire.account_balances(raw)
            asked.check_account(answer.account_id)
        except (wire.WireError, RefusedRecordError) as error:
            rejections.append(rejection(str(error), raw, page=page.number, index=place))
        else:
            answers.append(answer)
    seen: dict[tuple[date, bool], list[_Seen]] = defaultdict(list)
    for found in (found for answer in answers for found in _days(answer, asked, page.number)):
        if isinstance(found, Rejection):
            rejections.append(found)
        else:
            seen[found.balance.as_of_date, found.balance.current_day].append(found)
    clashing = {key for key, group in seen.items() if len({_amounts(one) for one in group}) > 1}
    reason = "The bank gave two different balances of one day in one answer."
    rejections += [
        rejection(reason, one.raw, page=page.number, index=one.place) for key in clashing for one in seen[key]
    ]
    return BalanceAnswer(
        days=[group[-1].balance for key, group in sorted(seen.items()) if key not in clashing],
        no_activity=any(code == NO_ACTIVITY for answer in answers for code, _ in answer.faults),
        error=_error(answers),
        rejections=rejections,
    )


def _days(answer: wire.AccountBalances, asked: Asked, page: int) -> Iterator[_Seen | Rejection]:
    for place, raw in enumerate(answer.balance_list or []):
        try:
            yield _Seen(_day(wire.day_balances(raw), currency_code(answer.currency), asked), raw, place)
        except (wire.WireError, RefusedRecordError, MoneyError) as error:
            yield rejection(str(error), raw, page=page, index=place)


def _day(record: wire.DayBalances, currency: str, asked: Asked) -> DayBalance:
    if not currency:
        raise RefusedRecordError("The record has no currency.")
    if record.opening_ledger_amount is None or record.ending_ledger_amount is None:
        raise RefusedRecordError("The record has no openingLedgerAmount or no endingLedgerAmount.")
    return DayBalance(
        account_id=asked.account,
        as_of_date=asked.day(record.as_of_date),
        opening_ledger=exact(record.opening_ledger_amount, currency),
        closing_ledger=exact(record.ending_ledger_amount, currency),
        currency=currency,
        current_day=bool(record.current_day),
        recorded_at=moment(record.record_timestamp),
    )


def _amounts(seen: _Seen) -> tuple[object, ...]:
    return seen.balance.opening_ledger, seen.balance.closing_ledger, seen.balance.currency


def _error(answers: list[wire.AccountBalances]) -> str | None:
    faults = [fault for answer in answers for fault in answer.faults]
    real = [f"{code} {message}".strip() for code, message in faults if code != NO_ACTIVITY]
    if real:
        return redacted(f"The bank gave no balances of this account: {'; '.join(real)}")
    if not answers:
        return "The bank's answer does not mention this account."
    if not faults and all(answer.balance_list is None for answer in answers):
        return "The bank gave neither balances of this account nor a reason."
    return None
