"""The validation pack: what of a feed is right, complete and there once, in words to show to the customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from bankfeeds.money import MoneyError, exact


class Verdict(StrEnum):
    """What a test came to. ``ASK`` is no fault: only a person can say. ``OPEN``: there is nothing to compare yet."""

    CLEAR = "clear"
    ASK = "ask"
    OPEN = "open"
    FAULT = "fault"

    @property
    def chip(self) -> str:
        return {"clear": "good", "ask": "brass", "open": "quiet", "fault": "bad"}[self]

    @property
    def words(self) -> str:
        return {
            "clear": "Passed",
            "ask": "For a person to look at",
            "open": "Not compared yet",
            "fault": "Failed",
        }[self]


@dataclass(frozen=True, slots=True)
class UnprovenDay:
    """A day in the way. ``difference``: opening plus movements minus closing, where the bank stated both."""

    pk: int
    day: date
    state: str
    difference: Decimal | None
    rejected: int
    currency: str

    @property
    def words(self) -> str:
        """Return what stands in the way of its proof, as far as it is known."""
        said = [f"off by {money(self.difference, self.currency)}"] if self.difference else []
        if self.rejected:
            said.append(f"{count(self.rejected, 'record')} could not be taken")
        return ", ".join(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """What is known of one account. Amounts are in its currency; ``recounted``: the lines add up to the days."""

    pk: int
    masked: str
    currency: str
    lines: int
    credits: Decimal
    debits: Decimal
    first_line: date | None
    last_line: date | None
    first_day: date | None
    last_day: date | None
    opening: Decimal | None
    closing: Decimal | None
    days: int
    proven: int
    missing: int
    unproven: Sequence[UnprovenDay]
    recounted: bool
    foreign: int
    surplus: int
    withdrawn: int
    amended: int
    renumbered: int
    quarantine: int
    through: date | None
    proven_through: date | None
    last_read: datetime | None

    @property
    def net(self) -> Decimal:
        return self.credits - self.debits

    @property
    def difference(self) -> Decimal | None:
        """Return opening of the first day plus movements minus closing of the last; None where one is not stated."""
        if self.opening is None or self.closing is None:
            return None
        return self.opening + self.net - self.closing

    @property
    def foots(self) -> bool:
        return self.difference == 0

    @property
    def complete(self) -> bool:
        """Say whether every day from the first to the last is there and proven."""
        return self.days > 0 and self.proven == self.days and not self.missing

    @property
    def exact(self) -> bool:
        """Say whether every line is in the account's currency and has no more digits than that has."""
        return not self.foreign and not self.surplus

    @property
    def more_unproven(self) -> int:
        return self.days - self.proven - len(self.unproven)

    @property
    def shown(self) -> dict[str, str]:
        """Return the amounts and the number of lines as people read them."""
        names = ("opening", "credits", "debits", "net", "closing", "difference")
        return {name: self.text(getattr(self, name)) for name in names} | {"lines": f"{self.lines:,}"}

    def text(self, amount: Decimal | None) -> str:
        return "–" if amount is None else money(amount, self.currency)


@dataclass(frozen=True, slots=True)
class Known:
    """A line of the ledger to look up."""

    pk: int
    ident: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Lines that a test found together. ``more``: how many beyond those named; ``note``: what is odd about them."""

    account: str
    day: date
    amount: Decimal
    currency: str
    text: str
    count: int
    lines: Sequence[Known] = ()
    note: str = ""

    @property
    def more(self) -> int:
        return max(0, self.count - len(self.lines))

    @property
    def shown_amount(self) -> str:
        return money(self.amount, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One test by name: its verdict, what was compared with what, and what it found. ``more``: groups not listed."""

    key: str
    name: str
    verdict: Verdict
    compared: str
    outcome: str
    groups: Sequence[Group] = ()
    more: int = 0

    @property
    def found(self) -> int:
        return len(self.groups) + self.more


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """All of one connection at ``at``."""

    label: str
    customer: str
    environment: str
    at: datetime
    accounts: Sequence[AccountFacts]
    checks: Sequence[Check]
    look_alikes: Check
    open_findings: int
    lacks: Sequence[str] = field(default_factory=tuple)
    questions: int = 0

    @property
    def ready(self) -> bool:
        return not self.lacks

    @property
    def lines(self) -> int:
        return sum(one.lines for one in self.accounts)

    @property
    def sentence(self) -> str:
        """Return the verdict, to be read first."""
        if self.lacks:
            return f"Not ready to show to the customer: {'; '.join(self.lacks)}."
        firsts = [one.first_day for one in self.accounts if one.first_day]
        lasts = [one.last_day for one in self.accounts if one.last_day]
        return (
            f"Ready to show to the customer: {count(len(self.accounts), 'account')}, {count(self.lines, 'line')}, "
            f"every day from {day_words(min(firsts))} to {day_words(max(lasts))} proven, nothing twice."
        )

    @property
    def remarks(self) -> list[str]:
        """Return what is no obstacle, but must be said."""
        said = []
        if self.questions:
            said.append(
                f"{count(self.questions, 'question')} for a person to look at, listed below; nothing was merged."
            )
        if any(one.key == "overlap" and one.verdict is Verdict.OPEN for one in self.checks):
            said.append("Not every account has been compared with the customer's own export yet.")
        return said

    def counts(self) -> dict[str, object]:
        """Return the figures to be recorded when the pack is made: counts, days and verdicts, no texts, no amounts."""
        return {
            "ready": self.ready,
            "accounts": [
                {
                    "account": one.pk, "lines": one.lines, "days": one.days, "proven": one.proven,
                    "missing": one.missing, "quarantine": one.quarantine,
                    "first_day": one.first_day and one.first_day.isoformat(),
                    "last_day": one.last_day and one.last_day.isoformat(),
                }
                for one in self.accounts
            ],
            "checks": {one.key: [str(one.verdict), one.found] for one in (*self.checks, self.look_alikes)},
            "open_findings": self.open_findings,
        }  # fmt: skip


def lacking(accounts: Sequence[AccountFacts], checks: Sequence[Check], open_findings: int) -> list[str]:
    """Return what stands between a feed and the customer, each as part of one sentence."""
    lacks = [] if accounts else ["the connection has no account"]
    for one in accounts:
        lacks += [f"account {one.masked}: {what}" for what in _lacks(one)]
    lacks += [f"the test “{one.name}” failed" for one in checks if one.verdict is Verdict.FAULT]
    if open_findings:
        lacks.append(f"{count(open_findings, 'finding')} open")
    return lacks


def _lacks(one: AccountFacts) -> list[str]:
    if not one.days:
        return ["nothing has been read yet"]
    facts = (
        (one.days - one.proven, f"{count(one.days - one.proven, 'day')} not proven"),
        (one.missing, f"{count(one.missing, 'day')} missing"),
        (one.quarantine, f"{count(one.quarantine, 'record')} in quarantine"),
        (one.difference, f"opening plus movements is not the closing balance, by {one.text(one.difference)}"),
        (not one.recounted, "its lines do not add up to its days"),
        (one.foreign, f"{count(one.foreign, 'line')} in another currency"),
        (one.surplus, f"{count(one.surplus, 'amount')} with more digits than {one.currency} has"),
    )  # fmt: skip
    return [words for wrong, words in facts if wrong]


def questions(checks: Sequence[Check]) -> int:
    """Return how many groups a person is asked about."""
    return sum(one.found or 1 for one in checks if one.verdict is Verdict.ASK)


def money(amount: Decimal, currency: str) -> str:
    """Return an amount with the digits of its currency, in thousands, and its code; below zero with a minus sign."""
    return f"{in_digits(amount, currency):,f} {currency}".strip().replace("-", "−")


def in_digits(amount: Decimal, currency: str) -> Decimal:
    """Return an amount with the digits of its currency; as it is where it has more, or the currency is not known."""
    try:
        return exact(amount, currency)
    except MoneyError:
        return amount.normalize() + 0


def count(number: int, noun: str) -> str:
    """Return “1 line”, “1,204 lines”."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def day_words(day: date) -> str:
    """Return “3 Jun 2026”."""
    return f"{day.day} {day:%b %Y}"
