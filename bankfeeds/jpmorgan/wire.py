"""The bank's JSON, as it is on the wire.

Envelopes are read strictly and whole: of a page that does not parse, nothing is taken. Records stay raw
until they are read one by one, so that a bad one is rejected alone. Unknown fields are ignored, missing
optional ones are None, and numbers become Decimal without passing through a float. Field names and samples:
the bank's Account Balances v1 and Transaction Details v3.
"""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]
_ZERO = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
T = TypeVar("T")


class WireError(Exception):
    """What the bank sent is not what its protocol says; the message is the reason and quotes none of it."""


class ShapeError(WireError):
    """A field is missing or of another type than the protocol has; `differs` says which, and quotes no value."""

    def __init__(self, differs: str) -> None:
        super().__init__(f"The bank's answer has an unexpected shape: {differs}.")
        self.differs = differs


class Wire(msgspec.Struct, rename="camel"):
    """A JSON object of the bank."""


class Currency(Wire):
    code: str | None = None


class Account(Wire):
    account_id: str | None = None
    currency: Currency | None = None


class BaiType(Wire):
    type_code: str | int | None = None
    description: str | None = None


class Reference(Wire):
    standard_value: str | None = None


class Transaction(Wire):
    """One record of Transaction Details. Its reader checks that the required fields are there."""

    transaction_id: str | None = None
    account: Account | None = None
    as_of_date: str | None = None
    value_date: str | None = None
    debit_credit_code: str | None = None
    amount: Decimal | None = None
    currency: Currency | None = None
    bai_type: BaiType | None = None
    bank_reference_searchable: Reference | None = None
    customer_reference_searchable: Reference | None = None
    check_number: int | str | None = None
    short_description: str | None = None
    reversal: bool | None = None
    narrative_text: dict[str, Any] | None = None


class Pagination(Wire):
    total_pages: Count
    total_records: Count
    page_number: Count = 0


class TransactionsPage(msgspec.Struct):
    """One page: what it says of the whole, and its records, each still raw."""

    pagination: Pagination
    data: Sequence[msgspec.Raw]


class DayBalances(Wire):
    as_of_date: str | None = None
    record_timestamp: str | None = None
    current_day: bool | None = None
    opening_ledger_amount: Decimal | None = None
    ending_ledger_amount: Decimal | None = None


class Fault(Wire):
    error_code: str | int | None = None
    error_msg: str | None = None


class AccountBalances(Wire):
    """One account of the answer: its balances, or its failure, inline or under `errors`."""

    account_id: str
    currency: Currency | None = None
    balance_list: list[msgspec.Raw] | None = None
    error_code: str | int | None = None
    error_msg: str | None = None
    errors: list[Fault] | Fault | None = None

    @property
    def faults(self) -> list[tuple[str, str]]:
        """Return the (code, message) pairs of this account's failures."""
        inline = [Fault(error_code=self.error_code, error_msg=self.error_msg)]
        found = inline + ([self.errors] if isinstance(self.errors, Fault) else self.errors or [])
        return [(str(f.error_code or ""), f.error_msg or "") for f in found if f.error_code or f.error_msg]


class BalancesAnswer(Wire):
    account_list: list[msgspec.Raw]


class TokenAnswer(Wire, rename=None):
    access_token: str
    token_type: str | None = None
    expires_in: int | str | None = None


class _TransactionsEnvelope(msgspec.Struct):
    pagination: Pagination | None = None
    data: msgspec.Raw = msgspec.Raw(b"")


class _WholePage(msgspec.Struct):
    pagination: Pagination
    data: list[Transaction]


_transactions = msgspec.json.Decoder(_TransactionsEnvelope)
_whole = msgspec.json.Decoder(_WholePage)
_records = msgspec.json.Decoder(list[msgspec.Raw] | None)
_transaction = msgspec.json.Decoder(Transaction)
_balances = msgspec.json.Decoder(BalancesAnswer)
_account = msgspec.json.Decoder(AccountBalances)
_day = msgspec.json.Decoder(DayBalances)
_token = msgspec.json.Decoder(TokenAnswer)
_anything: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def transactions_page(body: bytes) -> TransactionsPage:
    """Read one page of Transaction Details v3; only a list of nothing may lack its pagination. Raises WireError."""
    _check_text(body)
    envelope = _read(_transactions, body)
    data = bytes(envelope.data)
    _refuse_doubled_keys(_without(body, data) if data else body)
    records = _read(_records, data) if data else None
    if envelope.pagination is None and records != []:
        raise WireError("The bank's answer has no pagination, so it cannot be known to be complete.")
    return TransactionsPage(envelope.pagination or Pagination(total_pages=0, total_records=0), records or [])


def whole_page(body: bytes) -> list[Transaction] | None:
    """Read all records of a page at once, in a third of the time; None: one of them needs to be read by itself.

    What it returns is what ``transactions_page`` and ``transaction`` return, and it returns nothing they refuse.
    """
    if b"\\u" in body:
        return None  # an escaped key, or a zero character
    try:
        body.decode()
        records = _whole.decode(body).data
        tree = _anything.decode(body)
        again = _encoder.encode(tree)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    # As in _refuse_doubled_keys: no key has fallen away anywhere on the page.
    if body.count(b'"') != again.count(b'"') or any(type(one.get("amount")) is str for one in tree["data"]):
        return None
    return records


def transaction(raw: bytes | msgspec.Raw) -> Transaction:
    """Read one record of a page. Raises WireError, also for a zero character: no ledger keeps it."""
    record = _read(_transaction, raw)
    body = bytes(raw)
    tree = _refuse_doubled_keys(body)
    if b"\\u0000" in body and _ZERO.search(body):
        raise WireError("A text holds a zero character, which no ledger can keep.")
    if isinstance(tree.get("amount"), str):
        raise WireError("The amount is a text, not a number.")
    return record


def balances_answer(body: bytes) -> BalancesAnswer:
    """Read the answer of Account Balances v1; its accounts stay raw. Raises WireError."""
    _check_text(body)
    answer = _read(_balances, body)
    _refuse_doubled_keys(body)
    return answer


def account_balances(raw: bytes | msgspec.Raw) -> AccountBalances:
    """Read one account of the answer; its days stay raw. Raises WireError."""
    return _read(_account, raw)


def day_balances(raw: bytes | msgspec.Raw) -> DayBalances:
    """Read one day of an account's balances. Raises WireError."""
    day = _read(_day, raw)
    tree = _refuse_doubled_keys(bytes(raw))
    if any(isinstance(value, str) for key, value in tree.items() if key.endswith("Amount")):
        raise WireError("An amount is a text, not a number.")
    return day


def token_answer(body: bytes) -> TokenAnswer:
    """Read the token endpoint's answer. Raises WireError, which never quotes the token."""
    _check_text(body)
    return _read(_token, body)


def narrative_value(value: object) -> str:
    """Return a narrative value as text: a JSON string as it is, anything else as JSON."""
    return value if isinstance(value, str) else _encoder.encode(value).decode()


def glimpse(raw: bytes | msgspec.Raw) -> tuple[str, str]:
    """Return transactionId and asOfDate of a record that is unreadable otherwise, "" for none."""
    try:
        record = _anything.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "", ""
    found = (
        (record.get("transactionId"), record.get("asOfDate")) if isinstance(record, dict) else (None, None)
    )
    return (found[0] if isinstance(found[0], str) else "", found[1] if isinstance(found[1], str) else "")


def _read(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise ShapeError(str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise WireError("The bank's answer is not valid JSON.") from None
    except RecursionError:
        raise WireError("The bank's answer is nested too deeply.") from None


def _check_text(body: bytes) -> None:
    # The decoder does not look inside the parts it skips.
    try:
        body.decode()
    except UnicodeDecodeError:
        raise WireError("The bank's answer is not UTF-8 text.") from None


def _refuse_doubled_keys(body: bytes) -> dict[str, Any]:
    """Return `body` as a plain tree. Raises WireError for a key given twice: a decoder keeps the last."""
    tree = _read(_anything, body)
    # Written anew, the tree has as many quotes as the original, unless a key fell away or one was escaped.
    if b"\\u" in body or body.count(b'"') != _encoder.encode(tree).count(b'"'):
        try:
            json.loads(body, object_pairs_hook=_distinct)
        except RecursionError:
            raise WireError("The bank's answer is nested too deeply.") from None
        except ValueError:
            raise WireError("The bank's answer is not valid JSON.") from None
    return tree if isinstance(tree, dict) else {}


def _without(body: bytes, part: bytes) -> bytes:
    """Return `body` with its first occurrence of `part` cut out, without the slow search for all of it."""
    start = body.find(part[:100])
    while body[start : start + len(part)] != part:
        start = body.find(part[:100], start + 1)
    return body[:start] + b"null" + body[start + len(part) :]


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise WireError("The bank's answer names one field twice.")
