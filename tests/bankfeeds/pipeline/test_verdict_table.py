"""The verdict table: each row by itself and with every other on one day, under balances that say four things.

* proven: the balances are those of the bank's new answer.
* opposed: what the answer removes still counts, and what it calls by a new id counts beside the old.
* unmoved: the balances are those of the day as it was.
* unstated: the bank has never given any.

What a day comes to is one reading of the whole of it: TAKEN (the answer as it came), BESIDE (nothing removed, new ids
are further payments), SHORT (nothing removed, the rest taken), KEPT (nothing changed, the rest held), UNPROVEN (nothing
removed or re-identified, the rest taken).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import combinations_with_replacement
from typing import Any

import pytest

from bankfeeds.models import Account, Day, Finding, Line, LineId, LineRevision, Pull
from bankfeeds.pipeline import claim
from bankfeeds.pipeline.book import book_window
from bankfeeds.pipeline.normalise import BalanceAnswer, Lines
from bankfeeds.pipeline.plan import Window
from bankfeeds.pipeline.reading import Reading
from bankfeeds.records import DayBalance, PostedLine, Rejection
from tests.bankfeeds.pipeline.test_writing import ACTOR, BARE, DAY, NOW, PLAIN, a_pull, an_account

ROWS = ("same", "amended", "renumbered", "twin", "new", "withdrawn", "rejected")
BALANCES = ("proven", "opposed", "unmoved", "unstated")
CASES = [(row,) for row in ROWS] + list(combinations_with_replacement(ROWS, 2))
TAKEN, BESIDE, SHORT, KEPT, UNPROVEN = "taken", "beside", "short", "kept", "unproven"
OPENING = Decimal("1000.00")


@dataclass(frozen=True)
class Act:
    """One row of the table on its own line. Amounts are powers of two: no two sums of them are equal by chance."""

    row: str
    slot: int

    @property
    def ident(self) -> str:
        return f"{self.row}-{self.slot}"

    @property
    def before(self) -> Decimal:
        return Decimal(2 ** (2 * ROWS.index(self.row) + self.slot))

    @property
    def after(self) -> Decimal:
        return self.before + Decimal(2 ** (14 + self.slot)) if self.row == "amended" else self.before

    @property
    def first(self) -> list[PostedLine]:
        """Return the line as the day's first answer lists it."""
        return [] if self.row in ("new", "rejected") else [a_line(self.ident, self.before)]

    @property
    def second(self) -> list[PostedLine]:
        """Return what the second answer lists of it."""
        again = a_line(self.ident, self.after)
        renamed = replace(again, transaction_id=f"{self.ident}-again")
        return {"renumbered": [renamed], "twin": [again, renamed], "withdrawn": [], "rejected": []}.get(
            self.row, [again]
        )

    @property
    def rejections(self) -> list[Rejection]:
        if self.row != "rejected":
            return []
        return [
            Rejection(
                reason="No.",
                raw=self.ident,
                as_of_date=DAY,
                transaction_id=self.ident,
                page=1,
                index=self.slot,
            )
        ]

    def moved(self, balances: str) -> Decimal:
        """Return what the line adds to the day's closing as the bank states it."""
        was = sum((line.amount for line in self.first), Decimal(0))
        if balances == "unmoved":
            return was
        if balances == "opposed" and self.row == "withdrawn":
            return self.before
        if balances == "opposed" and self.row == "renumbered":
            return self.before * 2
        return self.before if self.row == "rejected" else sum((one.amount for one in self.second), Decimal(0))


def a_line(ident: str, amount: Decimal) -> PostedLine:
    return replace(PLAIN, **BARE, transaction_id=ident, amount=amount.quantize(Decimal("0.01")))


def reading_of(rows: Sequence[str], balances: str) -> str:
    """Say which reading the balances prove: the first of the readings in which the day foots."""
    found = set(rows)
    if not found & {"renumbered", "withdrawn"}:
        return TAKEN  # nothing is removed or re-identified: no balance is asked
    if balances == "unstated":
        return UNPROVEN
    if balances == "unmoved":
        # Another id moves nothing: beside lines that move nothing either, the old balance proves it.
        return TAKEN if found <= {"renumbered", "same", "rejected"} else KEPT
    if "rejected" in found:
        return UNPROVEN  # what could not be read counts at the bank, and no set of ours foots
    if balances == "proven":
        return TAKEN
    if "renumbered" in found:
        return BESIDE
    return KEPT if found <= {"withdrawn", "same"} else SHORT


def fate(row: str, reading: str) -> dict[str, int]:
    """Return what a row of the table counts as in a reading of its day."""
    unclear = reading in (KEPT, UNPROVEN)
    return {
        "same": {"same": 1},
        "amended": {"held" if reading == KEPT else "amended": 1},
        "renumbered": {"held" if unclear else "new" if reading == BESIDE else "renumbered": 1},
        "twin": {"same": 1, "held" if reading == KEPT else "new": 1},
        "new": {"held" if reading == KEPT else "new": 1},
        "withdrawn": {"withdrawn": 1} if reading == TAKEN else {},
        "rejected": {"rejected": 1},
    }[row]


def expected_lines(act: Act, reading: str) -> dict[str, tuple[str, Decimal, int]]:
    """Return state, amount and revision of the lines of ours that come of the act, by the id in use."""
    fates, again = fate(act.row, reading), f"{act.ident}-again"
    old, further = {act.ident: ("booked", act.before, 1)}, {again: ("booked", act.before, 1)}
    if act.row in ("new", "rejected"):
        return old if "new" in fates else {}
    if "amended" in fates:
        return {act.ident: ("booked", act.after, 2)}
    if "renumbered" in fates:
        return {again: ("booked", act.before, 2)}
    if "withdrawn" in fates:
        return {act.ident: ("withdrawn", act.before, 2)}
    return old | further if "new" in fates else old


def expected_findings(acts: Sequence[Act], reading: str, broken: bool) -> list[str]:
    rows = [act.row for act in acts]
    kinds = ["withdrawn_line"] * (rows.count("withdrawn") if reading == TAKEN else 0)
    kinds += ["rejected_lines"] * ("rejected" in rows) + ["broken_day"] * broken
    kinds += {UNPROVEN: ["unproven_change"], TAKEN: []}.get(reading, ["incomplete_answer"])
    return sorted(kinds)


@pytest.mark.django_db
@pytest.mark.parametrize("balances", BALANCES)
@pytest.mark.parametrize("rows", CASES, ids="+".join)
def test_the_balances_arbitrate_every_pair_of_verdicts_on_one_day(
    rows: tuple[str, ...], balances: str
) -> None:
    acts = [Act(row, slot) for slot, row in enumerate(rows)]
    account = an_account("-".join(rows))
    closing = OPENING + sum((act.moved("unmoved") for act in acts), Decimal(0))
    answered(
        account, [line for act in acts for line in act.first], None if balances == "unstated" else closing
    )
    closing = OPENING + sum((act.moved(balances) for act in acts), Decimal(0))
    pull = answered(
        account,
        [line for act in acts for line in act.second],
        None if balances == "unstated" else closing,
        [one for act in acts for one in act.rejections],
    )
    reading = reading_of(rows, balances)
    lines = {ident: facts for act in acts for ident, facts in expected_lines(act, reading).items()}
    moved = sum((amount for state, amount, _ in lines.values() if state == "booked"), Decimal(0))
    difference = None if balances == "unstated" else OPENING + moved - closing
    broken = bool(difference) or "rejected" in rows
    fates: Counter[str] = Counter()
    for row in rows:
        fates.update(fate(row, reading))
    assert outcome(account, pull) == {
        "counts": dict(fates),
        "lines": lines,
        "aliases": {
            act.ident: f"{act.ident}-again"
            for act in acts
            if act.row == "renumbered" and "renumbered" in fate(act.row, reading)
        },
        "revisions": {
            act.ident: (1, "booked", f"{act.before:.2f}")
            for act in acts
            if {"amended", "renumbered", "withdrawn"} & fate(act.row, reading).keys()
        },
        "findings": expected_findings(acts, reading, broken),
        "day": ("broken" if broken else "final" if balances == "unstated" else "proven", difference),
    }


def answered(
    account: Account,
    lines: Sequence[PostedLine],
    closing: Decimal | None,
    rejections: Sequence[Rejection] = (),
) -> Pull:
    """Book an answer for the day as a worker would, and return the pull."""
    pull, now = a_pull(account), NOW + timedelta(minutes=Pull.objects.count())
    claim.claim(pull_id=pull.pk, owner="w", today=pull.today, actor=ACTOR, now=now)
    book_window(
        pull_id=pull.pk, owner="w", reading=answer(lines, closing, rejections, now), actor=ACTOR, now=now
    )
    return claim.finish(pull, owner="w", actor=ACTOR, now=now)


def answer(
    lines: Sequence[PostedLine], closing: Decimal | None, rejections: Sequence[Rejection], now: Any
) -> Reading:
    stated = [
        DayBalance(
            account_id=PLAIN.account_id,
            as_of_date=DAY,
            opening_ledger=OPENING,
            closing_ledger=closing,
            currency="USD",
            current_day=False,
            recorded_at=None,
        )
        for closing in [closing]
        if closing is not None
    ]
    return Reading(
        window=Window(start=DAY, end=DAY),
        lines=Lines(
            lines=list(lines),
            rejections=list(rejections),
            repeated=0,
            read=len(lines) + len(rejections),
            contradictions=(),
        ),
        balances=BalanceAnswer(days=stated, no_activity=not stated, error=None, rejections=[]),
        read_at=now,
    )


def outcome(account: Account, pull: Pull) -> dict[str, Any]:
    """Return everything the pull has left behind, in the form it is expected in."""
    named = ("same", "new", "amended", "renumbered", "withdrawn", "repeated", "rejected", "held")
    lines = Line.objects.filter(account=account)
    day = Day.objects.get(account=account, as_of_date=DAY)
    in_use = LineId.objects.filter(account=account, current=True).values_list(
        "line__transaction_id", "transaction_id"
    )
    assert all(line == ident for line, ident in in_use)
    assert len(in_use) == lines.count()
    return {
        "counts": {name: getattr(pull, name) for name in named if getattr(pull, name)},
        "lines": {
            line.transaction_id: (line.state, line.amount, line.revision) for line in lines.order_by("pk")
        },
        "aliases": dict(
            LineId.objects.filter(account=account, current=False).values_list(
                "transaction_id", "line__transaction_id"
            )
        ),
        "revisions": {
            one.transaction_id: (one.revision, one.state, one.content["amount"])
            for one in LineRevision.objects.filter(line__account=account)
        },
        "findings": sorted(
            Finding.objects.filter(account=account, state="open").values_list("kind", flat=True)
        ),
        "day": (day.state, day.difference),
    }
