"""One footing ledger per account: the lines and the balances behind both APIs are the same facts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from bankfeeds.simulator.activity import (
    CREDIT,
    KINDS,
    Batch,
    Line,
    draw_lines,
    intraday_id,
    make_line,
    money,
    posted_id,
)
from bankfeeds.simulator.bank_days import is_business_day

DAYS_KEPT_IN_MEMORY = 6


class LedgerRefused(Exception):
    """A change was asked of the ledger that it cannot make; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as the bank keeps it. `opening` is in its currency, `lines_per_day` inclusive."""

    account_id: str
    name: str = "HARBOR KETTLE CO OPERATING"
    currency: str = "USD"
    opening: Decimal = Decimal("400000.00")
    lines_per_day: tuple[int, int] = (3, 9)
    quiet_days_answer_error: bool = False

    @property
    def digits(self) -> int:
        """Decimal places of the currency (the simulated bank knows only these)."""
        return {"JPY": 0, "KWD": 3}.get(self.currency, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Opening and ending ledger and available amounts of one business day."""

    as_of_date: date
    current_day: bool
    opening_ledger: Decimal
    ending_ledger: Decimal
    opening_available: Decimal
    ending_available: Decimal


class Ledger:
    """The books of one account from `first_day` on. Days before `today()`, the business date, are posted."""

    def __init__(
        self,
        account: Account,
        *,
        seed: int,
        first_day: date,
        today: Callable[[], date],
        intraday_percent: Callable[[], int],
    ) -> None:
        self.account = account
        self.first_day = first_day
        self._seed = seed
        self._today = today
        self._intraday_percent = intraday_percent
        self._plans: dict[date, tuple[int, Decimal, Decimal]] = {}
        self._planned_to = first_day - timedelta(days=1)
        self._last_closing = account.opening
        self._adjusted: dict[date, Decimal] = {}
        self._changed: dict[date, list[Line]] = {}
        self._drawn: OrderedDict[date, list[Line]] = OrderedDict()
        self._issues: dict[date, int] = {}

    # Reading

    def lines(self, day: date) -> list[Line]:
        """Return the lines shown for `day`: posted ones of a past day, the current day's so far."""
        if day > self._today() or not self._has(day):
            return []
        lines = self._all(day)
        if day < self._today():
            return lines
        return [
            replace(line, transaction_id=intraday_id(line.transaction_id))
            for line in lines[: self._so_far(day)]
        ]

    def count(self, day: date) -> int:
        """Return how many lines `lines(day)` has, without drawing them."""
        if day > self._today() or not self._has(day):
            return 0
        return self._so_far(day) if day == self._today() else self._size(day)

    def balance(self, day: date) -> Balance | None:
        """Return the balance of `day`, or None where the bank has none (no business day, no account yet)."""
        if day > self._today() or not self._has(day):
            return None
        opening = self._opening(day)
        current = day == self._today()
        ending = (
            opening + sum((line.signed for line in self.lines(day)), Decimal(0))
            if current
            else self._closing(day)
        )
        return Balance(
            as_of_date=day,
            current_day=current,
            opening_ledger=opening,
            ending_ledger=ending,
            opening_available=opening - self._float(day, "opening"),
            ending_available=ending - (Decimal(0) if current else self._float(day, "ending")),
        )

    def posted(self) -> Iterator[Line]:
        """Yield every posted line, oldest day first."""
        day = self.first_day
        while day < self._today():
            yield from self.lines(day)
            day += timedelta(days=1)

    # Changing; each keeps opening + credits - debits = ending on every day

    def add(self, day: date, *, amount: Decimal, direction: str, bai_code: str, first: bool = False) -> Line:
        """Book one more line on a past day or today; balances of that day and all later ones move with it."""
        self._require(day)
        if amount <= 0 or amount != round(amount, self.account.digits):
            raise LedgerRefused(f"{amount} is not a positive amount in {self.account.currency}.")
        kind = KINDS.get(bai_code)
        if kind is None:
            raise LedgerRefused(f"The simulated bank books no lines of type {bai_code}.")
        number = self._next_number(day)
        batch = self._batch(day)
        exact = amount.quantize(money(1, self.account.digits))
        line = make_line(batch, number, kind, direction, exact, batch.draw(f"late:{number}"))
        return self._book(day, replace(line, transaction_id=self._id(day, number)), first=first)

    def add_twin(self, day: date, like: Line) -> Line:
        """Book a second payment equal to `like` in everything but its id."""
        number = self._next_number(day)
        return self._book(day, replace(like, number=number, transaction_id=self._id(day, number)))

    def add_reversal(self, day: date, of: Line) -> Line:
        """Book the reversal of a line: same amount, other direction, `reversal` set."""
        number = self._next_number(day)
        direction = "DEBIT" if of.direction == CREDIT else CREDIT
        back = replace(
            of, number=number, transaction_id=self._id(day, number), direction=direction, reversal=True
        )
        return self._book(day, replace(back, bank_reference=f"{of.bank_reference}R", description="REVERSAL"))

    def amend(self, transaction_id: str, **changes: object) -> Line:
        """Change the content of a posted line under its id; a new amount moves the balances."""
        day, place = self._find(transaction_id)
        lines = self._own(day)
        old = lines[place]
        lines[place] = replace(old, **changes)  # type: ignore[arg-type]
        self._adjust(day, lines[place].signed - old.signed)
        return lines[place]

    def withdraw(self, transaction_id: str) -> Line:
        """Take a posted line out of the books; the balances move back."""
        day, place = self._find(transaction_id)
        gone = self._own(day).pop(place)
        self._adjust(day, -gone.signed)
        return gone

    def renumber(self, day: date) -> dict[str, str]:
        """Issue new ids for all lines of a past day. Return old id -> new id."""
        self._require(day)
        self._issues[day] = self._issues.get(day, 0) + 1
        lines = self._own(day)
        renamed = {line.transaction_id: self._id(day, line.number) for line in lines}
        lines[:] = [replace(line, transaction_id=renamed[line.transaction_id]) for line in lines]
        return renamed

    def keep_intraday_ids(self, day: date) -> None:
        """Post `day` under the ids its lines had while intraday."""
        if self._has(day):
            lines = self._own(day)
            lines[:] = [replace(line, transaction_id=intraday_id(line.transaction_id)) for line in lines]

    # Inside

    def _has(self, day: date) -> bool:
        return day >= self.first_day and is_business_day(day)

    def _require(self, day: date) -> None:
        if day > self._today() or not self._has(day):
            raise LedgerRefused(f"{day} is no business day of this account up to today.")

    def _plan(self, day: date) -> tuple[int, Decimal, Decimal]:
        """Lines, net movement and closing balance of a day before any change, planned in day order."""
        while self._planned_to < day:
            self._planned_to += timedelta(days=1)
            if self._has(self._planned_to):
                self._plans[self._planned_to] = self._draw_plan(self._planned_to)
        return self._plans[day]

    def _draw_plan(self, day: date) -> tuple[int, Decimal, Decimal]:
        rng = self._batch(day).draw("plan")
        count = rng.randint(*self.account.lines_per_day)
        drift = self._last_closing - self.account.opening
        units = rng.randint(100, 6_000_000)
        wide = money(25_000_000, self.account.digits)
        falls = drift > wide or (drift >= -wide and rng.random() < 0.5)
        net = money(-units if falls else units, self.account.digits) if count else Decimal(0)
        self._last_closing += net
        return count, net, self._last_closing

    def _batch(self, day: date) -> Batch:
        return Batch(seed=self._seed, account_id=self.account.account_id, day=day, digits=self.account.digits)

    def _size(self, day: date) -> int:
        return len(self._changed[day]) if day in self._changed else self._plan(day)[0]

    def _so_far(self, day: date) -> int:
        return -(-self._size(day) * self._intraday_percent() // 100)

    def _all(self, day: date) -> list[Line]:
        if day in self._changed:
            return self._changed[day]
        if day not in self._drawn:
            count, net, _ = self._plan(day)
            self._drawn[day] = draw_lines(self._batch(day), count, net)
            if len(self._drawn) > DAYS_KEPT_IN_MEMORY:
                self._drawn.popitem(last=False)
        return self._drawn[day]

    def _own(self, day: date) -> list[Line]:
        """The day's lines as a list that may be changed and is kept for good."""
        if day not in self._changed:
            self._changed[day] = list(self._all(day))
        return self._changed[day]

    def _book(self, day: date, line: Line, *, first: bool = False) -> Line:
        lines = self._own(day)
        lines.insert(0 if first else len(lines), line)
        self._adjust(day, line.signed)
        return line

    def _adjust(self, day: date, by: Decimal) -> None:
        self._adjusted[day] = self._adjusted.get(day, Decimal(0)) + by

    def _id(self, day: date, number: int) -> str:
        return posted_id(self.account.account_id, day, number, self._issues.get(day, 0))

    def _next_number(self, day: date) -> int:
        return max((line.number for line in self._own(day)), default=0) + 1

    def _find(self, transaction_id: str) -> tuple[date, int]:
        day = self._today() - timedelta(days=1)
        while day >= self.first_day:
            for place, line in enumerate(self.lines(day)):
                if line.transaction_id == transaction_id:
                    return day, place
            day -= timedelta(days=1)
        raise LedgerRefused(f"No posted line of this account has the id {transaction_id}.")

    def _closing(self, day: date) -> Decimal:
        moved = sum((by for changed, by in self._adjusted.items() if changed <= day), Decimal(0))
        return self._plan(day)[2] + moved

    def _opening(self, day: date) -> Decimal:
        before = day - timedelta(days=1)
        while before >= self.first_day and not self._has(before):
            before -= timedelta(days=1)
        return self._closing(before) if before >= self.first_day else self.account.opening

    def _float(self, day: date, purpose: str) -> Decimal:
        return money(self._batch(day).draw(purpose).randint(0, 90_000), self.account.digits)
