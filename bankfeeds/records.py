"""What the bank told us, in our own words: posted lines, balances, and records that could not be taken."""

from dataclasses import dataclass, fields, make_dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal

from bankfeeds.money import digits, exact

Direction = Literal["CREDIT", "DEBIT"]
RECIPE = 1
# The longest text a field may have; a longer one is rejected, never cut. description and narrative have no
# limit.
LONGEST = {
    "transaction_id": 128,
    "account_id": 64,
    "bai_code": 16,
    "bank_reference": 256,
    "customer_reference": 256,
    "check_number": 64,
}
_PREAMBLE = b"lockkeeper posted line 1\n"
_SIZES = [size.to_bytes(4, "big") for size in range(256)]
# The same four bytes as text, for sizes that are ASCII themselves.
_PREFIXES = [size.to_bytes(4, "big").decode() for size in range(128)]
_PREAMBLE_TEXT = _PREAMBLE.decode()
_LONGEST_PLAIN = 18 + 3  # the largest amount there is, in a currency of two digits


def normal_account(account_id: str) -> str:
    """Return the form in which two spellings of one account number are equal: no blanks, no leading zeros."""
    return account_id.strip().lstrip("0")


def masked_account(account_id: str) -> str:
    """Return the account number as people may see it: its last four characters, the rest hidden."""
    return "…" + account_id.strip()[-4:] if len(account_id.strip()) > 4 else "…"


class _Remembered:
    """Room for a fingerprint beside the fields of a line: it is no part of what the bank said."""

    __slots__ = ("_digest",)
    _digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedLine(_Remembered):
    """One line of an account, as the bank posted it.

    `amount` is never negative and has exactly the digits of `currency`; `direction` carries the sign.
    `as_of_date` is the bank's booking day. Texts the bank left out are empty. `narrative` holds the trimmed
    keys and values of the bank's free text, sorted, so that the bank's order of keys means nothing.
    """

    transaction_id: str
    account_id: str
    as_of_date: date
    direction: Direction
    amount: Decimal
    currency: str
    bai_code: str
    bank_reference: str
    customer_reference: str
    description: str
    check_number: str
    value_date: date | None
    reversal: bool
    narrative: tuple[tuple[str, str], ...]

    @property
    def digest(self) -> str:
        """Return the content fingerprint: 64 hexadecimal digits over everything but `transaction_id`.

        Recipe 1 is frozen: stored fingerprints are compared with new ones. A change of it, or of the rule
        by which `pipeline.normalise` chooses `description`, is recipe 2.
        """
        try:
            return self._digest
        except AttributeError:
            object.__setattr__(self, "_digest", _fingerprint(self))
            return self._digest

    @property
    def signed_amount(self) -> Decimal:
        """Return the amount as it moves the balance: a credit above zero, a debit below."""
        return self.amount if self.direction == "CREDIT" else -self.amount

    def content(self) -> dict[str, str]:
        """Return what the fingerprint covers as JSON-safe texts, for revisions and for showing a change."""
        return {
            "account_id": self.account_id,
            "as_of_date": self.as_of_date.isoformat(),
            "direction": self.direction,
            "amount": format(exact(self.amount, self.currency), "f"),
            "currency": self.currency,
            "bai_code": self.bai_code,
            "bank_reference": self.bank_reference,
            "customer_reference": self.customer_reference,
            "description": self.description,
            "check_number": self.check_number,
            "value_date": self.value_date.isoformat() if self.value_date else "",
            "reversal": "yes" if self.reversal else "no",
            "narrative": "\n".join(f"{key}: {value}" for key, value in sorted(self.narrative)),
        }


def _fingerprint(line: PostedLine) -> str:
    try:
        told = _plain(line)
        if told.isascii():
            return sha256(told.encode()).hexdigest()
    except IndexError:
        pass  # a longer text
    texts = [
        normal_account(line.account_id),
        line.as_of_date.isoformat(),
        line.direction,
        format(exact(line.amount, line.currency), "f"),
        line.currency,
        line.bai_code,
        line.bank_reference,
        line.customer_reference,
        line.description,
        line.check_number,
        line.value_date.isoformat() if line.value_date else "",
        "1" if line.reversal else "0",
        str(len(line.narrative)),
    ]
    for pair in sorted(line.narrative):
        texts += pair
    parts = [_PREAMBLE]
    for text in texts:
        encoded = text.encode()
        size = len(encoded)
        parts += (_SIZES[size] if size < 256 else size.to_bytes(4, "big"), encoded)
    return sha256(b"".join(parts)).hexdigest()


def _plain(line: PostedLine) -> str:
    """Return what recipe 1 hashes, right if all of it is ASCII. Raises IndexError for a text of 128 characters."""
    size = _PREFIXES
    amount = _amount_text(line.amount, line.currency)
    bai, bank, customer = line.bai_code, line.bank_reference, line.customer_reference
    description, check = line.description, line.check_number
    told = (
        f"{_head(line.account_id, line.as_of_date, line.direction)}{size[len(amount)]}{amount}"
        f"{size[len(line.currency)]}{line.currency}{size[len(bai)]}{bai}{size[len(bank)]}{bank}"
        f"{size[len(customer)]}{customer}{size[len(description)]}{description}{size[len(check)]}{check}"
        f"{_tail(line.value_date, line.reversal, len(line.narrative))}"
    )
    for key, value in sorted(line.narrative):
        told += f"{size[len(key)]}{key}{size[len(value)]}{value}"
    return told


@lru_cache(maxsize=1024)
def _head(account_id: str, day: date, direction: str) -> str:
    return _PREAMBLE_TEXT + _sized(normal_account(account_id), day.isoformat(), direction)


@lru_cache(maxsize=1024)
def _tail(value_date: date | None, reversal: bool, pairs: int) -> str:
    return _sized(value_date.isoformat() if value_date else "", "1" if reversal else "0", str(pairs))


def _sized(*texts: str) -> str:
    return "".join([_PREFIXES[len(text)] + text for text in texts])


def _amount_text(amount: Decimal, currency: str) -> str:
    """Return the amount with the digits of its currency, without an exponent."""
    text = str(amount)
    # As nearly all are written already; str() has an exponent only for what does not look so.
    if len(text) <= _LONGEST_PLAIN and text[-3:-2] == "." and text[0] != "-" and digits(currency) == 2:
        return text
    return format(exact(amount, currency), "f")


# The same fields and the same room, open for writing: filled and turned into a PostedLine in a third of the time that
# a frozen one takes to be made field by field.
_Draft: Any = make_dataclass(
    "_Draft", [one.name for one in fields(PostedLine)], bases=(_Remembered,), slots=True, eq=False
)


def posted(
    transaction_id: str,
    account_id: str,
    as_of_date: date,
    direction: Direction,
    amount: Decimal,
    currency: str,
    bai_code: str,
    bank_reference: str,
    customer_reference: str,
    description: str,
    check_number: str,
    value_date: date | None,
    reversal: bool,
    narrative: tuple[tuple[str, str], ...],
) -> PostedLine:
    """Return the PostedLine of these fields, in their order."""
    draft = _Draft(
        transaction_id,
        account_id,
        as_of_date,
        direction,
        amount,
        currency,
        bai_code,
        bank_reference,
        customer_reference,
        description,
        check_number,
        value_date,
        reversal,
        narrative,
    )
    draft.__class__ = PostedLine
    line: PostedLine = draft
    return line


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A record that could not be taken, whole, with the reason as a sentence.

    `as_of_date` and `transaction_id` are what could be read of it (None and "" where nothing could).
    `page` is the number of the page (from 1), `index` the record's place on it (from 0).
    """

    reason: str
    raw: str
    as_of_date: date | None
    transaction_id: str
    page: int
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBalance:
    """An account's ledger balances of one bank day, exact to the digits of `currency`; both may be negative.

    `current_day` balances are of the moment, not final.
    """

    account_id: str
    as_of_date: date
    opening_ledger: Decimal
    closing_ledger: Decimal
    currency: str
    current_day: bool
    recorded_at: datetime | None
