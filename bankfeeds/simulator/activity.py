"""What happens on an account on one day: the same seed, account and day always give the same lines."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from random import Random

CREDIT, DEBIT = "CREDIT", "DEBIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One sort of movement as the bank describes it; amounts lie between low and high, in minor units."""

    bai_code: str
    bai_description: str
    short: str
    wire_type: str
    suffix: str
    low: int
    high: int


WIRE_IN = Kind(
    bai_code="195",
    bai_description="IND INCOMING MONEY TRANSFER",
    short="FED WIRE CREDIT",
    wire_type="FED",
    suffix="FF",
    low=100_000,
    high=4_000_000,
)
WIRE_OUT = Kind(
    bai_code="495",
    bai_description="IND OUTGOING MONEY TRANSFER",
    short="FED WIRE DEBIT",
    wire_type="FED",
    suffix="FD",
    low=100_000,
    high=3_500_000,
)
CHIPS_OUT = replace(WIRE_OUT, short="CHIPS DEBIT", wire_type="CHIP", suffix="CD")
ACH_IN = Kind(
    bai_code="165",
    bai_description="PREAUTHORIZED ACH CREDIT",
    short="ACH CREDIT",
    wire_type="EMPTY",
    suffix="TC",
    low=1_500,
    high=900_000,
)
ACH_OUT = Kind(
    bai_code="455",
    bai_description="PREAUTHORIZED ACH DEBIT",
    short="ACH DEBIT",
    wire_type="EMPTY",
    suffix="TD",
    low=1_500,
    high=900_000,
)
CHECK = Kind(
    bai_code="475",
    bai_description="CHECK PAID",
    short="CHECK",
    wire_type="EMPTY",
    suffix="CK",
    low=5_000,
    high=500_000,
)
DEPOSIT = Kind(
    bai_code="301",
    bai_description="COMMERCIAL DEPOSIT",
    short="DEPOSIT",
    wire_type="EMPTY",
    suffix="DP",
    low=10_000,
    high=700_000,
)
FEE = Kind(
    bai_code="698",
    bai_description="MISCELLANEOUS FEES",
    short="ACCOUNT ANALYSIS FEE",
    wire_type="EMPTY",
    suffix="FE",
    low=500,
    high=9_500,
)
KINDS = {kind.bai_code: kind for kind in (WIRE_IN, WIRE_OUT, ACH_IN, ACH_OUT, CHECK, DEPOSIT, FEE)}
CREDITS = (WIRE_IN, WIRE_IN, ACH_IN, ACH_IN, ACH_IN, DEPOSIT)
DEBITS = (WIRE_OUT, CHIPS_OUT, ACH_OUT, ACH_OUT, ACH_OUT, CHECK, CHECK, FEE)
PARTIES = (
    "NORTH PIER TRADING LLC",
    "COPPER LANTERN SUPPLY",
    "BLUE HERON FREIGHT",
    "TIN WHISTLE FOODS",
    "QUIET MEADOW DAIRY",
    "PAPER KITE STUDIO",
    "SALT BRIDGE TEXTILES",
    "WOODEN SPOON BAKERY",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One movement in the books. `number` is its place in the day's batch; `narrative` None: none is told."""

    transaction_id: str
    number: int
    as_of_date: date
    direction: str
    amount: Decimal
    bai_code: str
    bai_description: str
    description: str
    wire_type: str
    bank_reference: str
    customer_reference: str
    check_number: int
    value_date: date
    reversal: bool
    narrative: tuple[tuple[str, str], ...] | None

    @property
    def signed(self) -> Decimal:
        """The movement's effect on the balance."""
        return self.amount if self.direction == CREDIT else -self.amount

    @property
    def seconds(self) -> int:
        """Seconds after the bank opens at which the line was booked; it follows the reference, so twins share it."""
        return int(self.bank_reference[6:12]) * 37 % 28_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What the lines of one account and day have in common."""

    seed: int
    account_id: str
    day: date
    digits: int

    def draw(self, purpose: str) -> Random:
        """Return the random source of this day for one purpose."""
        return Random(f"{self.seed}:{self.account_id}:{self.day}:{purpose}")  # noqa: S311 - test data, not a secret


def batch_number(account_id: str, day: date, issue: int = 0) -> int:
    """Return the nine digits inside a transaction id: another for each day and for each re-issue."""
    digest = hashlib.sha256(account_id.encode()).digest()
    prefix = 1000 + (int.from_bytes(digest[:4], "big") + issue) % 9000
    return prefix * 100_000 + day.toordinal() % 100_000


def posted_id(account_id: str, day: date, number: int, issue: int = 0) -> str:
    """Return the id under which a posted line is reported."""
    return f"TXN-P-{batch_number(account_id, day, issue)}-{number}"


def intraday_id(posted: str) -> str:
    """Return the id the same line carries while it is still intraday."""
    return posted.replace("TXN-P-", "TXN-C-", 1)


def money(units: int, digits: int) -> Decimal:
    """Return minor units as an exact amount with the currency's digits."""
    return Decimal(units).scaleb(-digits)


def make_line(batch: Batch, number: int, kind: Kind, direction: str, amount: Decimal, rng: Random) -> Line:
    """Return one complete line of `kind`; its bank reference is unique within the account."""
    party = PARTIES[int(rng.random() * len(PARTIES))]
    order = 10_000 + int(rng.random() * 90_000)
    sequence = f"{batch_number(batch.account_id, batch.day) % 1_000_000:06d}{number:06d}"
    is_wire = kind.wire_type != "EMPTY"
    return Line(
        transaction_id=posted_id(batch.account_id, batch.day, number),
        number=number,
        as_of_date=batch.day,
        direction=direction,
        amount=amount,
        bai_code=kind.bai_code,
        bai_description=kind.bai_description,
        description=kind.short,
        wire_type=kind.wire_type,
        bank_reference=f"{sequence}{kind.suffix}",
        customer_reference=f"INV-{order}" if is_wire or kind is DEPOSIT else "",
        check_number=order if kind is CHECK else 0,
        value_date=batch.day,
        reversal=False,
        narrative=_narrative(kind, party, order, sequence),
    )


def _narrative(kind: Kind, party: str, order: int, sequence: str) -> tuple[tuple[str, str], ...] | None:
    if kind is CHECK or (kind is DEPOSIT and order % 2):
        return None
    if kind is WIRE_IN:
        return (
            ("YOUR REF", f"INV-{order}"),
            ("B/O CUSTOMER", f"/{order}01 {party}"),
            ("REMARK", f"INVOICE {order}"),
            ("FED ID", sequence),
        )
    if kind.wire_type != "EMPTY":
        return (("YOUR REF", f"INV-{order}"), ("PAID TO", party), ("REMARK", f"PAYMENT OF INVOICE {order}"))
    if kind is FEE:
        return (("REMARK", "ACCOUNT ANALYSIS SETTLEMENT CHARGE"),)
    return (("REMARK", f"{party} ORIG ID {order}"),)


def draw_lines(batch: Batch, count: int, net: Decimal) -> list[Line]:
    """Return `count` lines whose credits less debits are exactly `net`; no lines need a net of 0."""
    if count == 0:
        return []
    rng = batch.draw("lines")
    running, lines = Decimal(0), []
    for number in range(1, count):
        towards_credit = (running < net) == (rng.random() < 0.75)
        table = CREDITS if towards_credit else DEBITS
        kind = table[int(rng.random() * len(table))]
        amount = money(kind.low + int(rng.random() * (kind.high - kind.low)), batch.digits)
        line = make_line(batch, number, kind, CREDIT if towards_credit else DEBIT, amount, rng)
        running += line.signed
        lines.append(line)
    if running == net and lines:
        # The last line must move money too: the one before gives it one minor unit to move.
        nudged = replace(lines[-1], amount=lines[-1].amount + money(1, batch.digits))
        running += nudged.signed - lines[-1].signed
        lines[-1] = nudged
    missing = net - running
    kind, direction = (WIRE_IN, CREDIT) if missing >= 0 else (WIRE_OUT, DEBIT)
    lines.append(make_line(batch, count, kind, direction, abs(missing), rng))
    return lines
