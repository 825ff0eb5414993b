"""The coverage rows: balances as stated, what is known of each day, and its proof."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from bankfeeds.expectation import day_words
from bankfeeds.models import Account, BalanceObservation, Day, Line, ProvisionalLine, Pull
from bankfeeds.models.finding import FindingKind
from bankfeeds.money import exact
from bankfeeds.pipeline import movements, reconcile
from bankfeeds.pipeline.arbitrate import Stated
from bankfeeds.pipeline.findings import Cause, finding_key
from bankfeeds.pipeline.ledger import facts
from bankfeeds.pipeline.normalise import BalanceAnswer
from bankfeeds.pipeline.plan import Window
from bankfeeds.pipeline.reading import Reading, Unread
from bankfeeds.pipeline.reconcile import DayFacts, Judgement
from bankfeeds.records import PostedLine, Rejection

JUDGED = ("state", "opening", "closing", "difference")
COUNTED = ("credits", "debits", "lines", "rejected", "foreign")
SOURCE = ("reopened", "read_at", "pull", "stated")


@dataclass(slots=True, kw_only=True)
class Proof:
    """What proving came to: findings to open, keys of findings that may be settled, and how many days changed."""

    causes: list[Cause] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    changed: int = 0


def replace_provisional(account: Account, pull: Pull, day: date, lines: Sequence[PostedLine]) -> None:
    """Make ``lines`` the whole provisional set of ``day``; a day that is final already has none."""
    row, _created = Day.objects.get_or_create(account=account, as_of_date=day, defaults={"pull": pull})
    if row.state not in {"missing", "provisional"}:
        return
    old = ProvisionalLine.objects.filter(account=account, as_of_date=day)
    if [*old.order_by("position").values_list("transaction_id", "amount", "direction")] != [
        (line.transaction_id, line.amount, line.direction) for line in lines
    ]:
        old.delete()
        ProvisionalLine.objects.bulk_create(
            [_provisional(account, pull, day, position, line) for position, line in enumerate(lines)],
            batch_size=500,
        )
    Day.objects.filter(pk=row.pk).update(state="provisional", lines=len(lines), pull=pull)


def newer_than(account: Account, window: Window, read_at: datetime) -> bool:
    """Say whether a day of the window is already known from a later answer than ``read_at``."""
    days = Day.objects.filter(account=account, as_of_date__range=(window.start, window.end))
    return days.filter(read_at__gt=read_at).exists()


def observe(account: Account, pull: Pull, answer: BalanceAnswer | None, now: datetime) -> None:
    """Keep every balance that differs from the last one stated for its day; today's are not final and not kept."""
    found = [one for one in answer.days if one.as_of_date < pull.today] if answer else []
    if not found:
        return
    days = [one.as_of_date for one in found]
    latest = {
        row.as_of_date: row
        for row in BalanceObservation.objects.filter(
            account=account, as_of_date__range=(min(days), max(days))
        ).order_by("pk")
    }
    fresh = []
    for one in sorted(found, key=lambda balance: balance.as_of_date):
        old = latest.get(one.as_of_date)
        said = (one.opening_ledger, one.closing_ledger, one.currency)
        if old is None or (old.opening, old.closing, old.currency) != said:
            fresh.append(
                BalanceObservation(
                    account=account,
                    as_of_date=one.as_of_date,
                    opening=one.opening_ledger,
                    closing=one.closing_ledger,
                    currency=one.currency,
                    current_day=one.current_day,
                    recorded_at=one.recorded_at,
                    observed_at=now,
                    pull=pull,
                )
            )
    BalanceObservation.objects.bulk_create(fresh, batch_size=500)
    if not account.currency:
        account.currency = found[0].currency
        account.save(update_fields=["currency"])


def stated(account: Account, start: date, end: date) -> dict[date, Stated]:
    """Return the balances last stated for the days, where they are in the account's currency."""
    return {
        row.as_of_date: Stated(opening=row.opening, closing=row.closing)
        for row in _observations(account, start, end).values()
        if row.currency == account.currency
    }


def prove(
    account: Account,
    pull: Pull,
    reading: Reading | Unread,
    touched: Collection[date],
    rejections: Iterable[Rejection],
    *,
    counted: bool = False,
) -> Proof:
    """Bring the rows of the window and of what it touches up to date, and judge them with their neighbours.

    ``counted``: the rows already say what moved on the days, and nothing was rejected.
    """
    read = set(reading.window.days())
    rows = _rows(account, reading, touched)
    before = {day: _snapshot(row) for day, row in rows.items()}
    was_proven = {day for day, row in rows.items() if row.state == "proven"}
    if not counted:
        _count(account, rows, read | set(touched), read, rejections)
    for day, observation in _observations(account, min(rows), max(rows)).items():
        if day in rows:
            _state_balances(rows[day], observation, account)
    judged = reconcile.judge(_facts(row, account.currency) for row in rows.values())
    for judgement in judged:
        row = rows[judgement.as_of_date]
        if (
            not reading.last
            and row.state == "proven"
            and judgement.state == "final"
            and row.as_of_date not in touched
        ):
            continue  # proven by the day after it, which a later window of the round judges again
        for name in JUDGED:
            setattr(row, name, getattr(judgement, name))
        row.reopened = row.reopened or row.as_of_date in was_proven & set(touched)
    unknown = {day for day in read if reading.balances is None and _says_nothing(rows[day])}
    changed = [
        row
        for day, row in sorted(rows.items())
        # A touched day also when its sums are as before: its lines are of this answer now, and of no older one.
        if day not in unknown and (row.pk is None or _snapshot(row) != before[day] or day in touched)
    ]
    for row in changed:
        row.pull = pull
        if row.as_of_date in read or row.as_of_date in touched:
            row.read_at = reading.read_at
    _save(changed)
    ProvisionalLine.objects.filter(account=account, as_of_date__in=read - unknown).delete()
    return _outcome(account, judged, len(changed), read | reading.asked)


def _rows(account: Account, reading: Reading | Unread, touched: Collection[date]) -> dict[date, Day]:
    """Return the rows to judge: the days read and touched, back to the stated day before them.

    Forward only with the round's last window: a day that is still to be read would be judged on its old lines by its
    new balances. Then everything the round asked for or restated is judged, on to the next stated day.
    """
    read = set(reading.window.days())
    reach = read | set(touched)
    if reading.last:
        reach |= reading.asked
        reach |= {one.as_of_date for one in reading.balances.days} if reading.balances else set()
    ours = Day.objects.filter(account=account).exclude(state__in=["missing", "provisional"])
    earlier = ours.filter(as_of_date__lt=min(reach), stated=True).order_by("-as_of_date").first()
    start, end = earlier.as_of_date if earlier else min(reach), max(read) if not reading.last else max(reach)
    if reading.last:
        later = ours.filter(as_of_date__gt=end, stated=True).order_by("as_of_date").first()
        end = later.as_of_date if later else end
    rows = {row.as_of_date: row for row in ours.filter(as_of_date__range=(start, end))}
    unread = Day.objects.filter(account=account, as_of_date__in=read - rows.keys())
    waiting = {row.as_of_date: row for row in unread}
    for day in read - rows.keys():
        rows[day] = waiting.get(day) or Day(account=account, as_of_date=day, state="final")
    return dict(sorted(rows.items()))


def _count(
    account: Account,
    rows: dict[date, Day],
    counted: Collection[date],
    read: Collection[date],
    answer: Iterable[Rejection],
) -> None:
    sums = movements.by_day(account, counted)
    rejected: dict[date, int] = defaultdict(int)
    for rejection in answer:
        if rejection.as_of_date:
            rejected[rejection.as_of_date] += 1
    for day in set(counted) & rows.keys():
        row, one = rows[day], sums[day]
        row.credits, row.debits, row.lines = one.credits, one.debits, one.lines
        row.foreign = (
            bool(one.currencies - {account.currency}) if account.currency else len(one.currencies) > 1
        )
        if day in read:
            row.rejected = rejected[day]


def _state_balances(row: Day, observation: BalanceObservation, account: Account) -> None:
    row.stated = True
    row.opening, row.closing = observation.opening, observation.closing
    row.foreign = row.foreign or observation.currency != account.currency


def _says_nothing(row: Day) -> bool:
    """Say whether nothing was told of the day. While the balances are refused too, it is not known to be quiet."""
    return not (row.stated or row.lines or row.rejected)


def _facts(row: Day, currency: str) -> DayFacts:
    def told(amount: Decimal) -> Decimal:
        # With the digits of the currency, for the sentences: a database gives back as many as its column has.
        return exact(amount, currency) if currency and not row.foreign else amount

    return DayFacts(
        as_of_date=row.as_of_date,
        credits=told(row.credits),
        debits=told(row.debits),
        lines=row.lines,
        opening=told(row.opening) if row.stated and row.opening is not None else None,
        closing=told(row.closing) if row.stated and row.closing is not None else None,
        rejected=row.rejected,
        foreign=row.foreign,
    )


def _snapshot(row: Day) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in (*JUDGED, *COUNTED, "reopened", "stated"))


def _save(rows: Sequence[Day]) -> None:
    Day.objects.bulk_create([row for row in rows if row.pk is None], batch_size=500)
    Day.objects.bulk_update(
        [row for row in rows if not row._state.adding], [*JUDGED, *COUNTED, *SOURCE], batch_size=200
    )


def _outcome(account: Account, judged: Sequence[Judgement], changed: int, asked: Collection[date]) -> Proof:
    proof = Proof(changed=changed)
    for judgement in judged:
        day = judgement.as_of_date
        if judgement.state != "broken":
            proof.settled.add(finding_key(FindingKind.BROKEN_DAY, account, day))
        elif judgement.sentence and day in asked:
            # A day broken by a neighbour's answer is asked for itself before a person hears of it.
            proof.causes.append(_broken(account, judgement))
    return proof


def _broken(account: Account, judgement: Judgement) -> Cause:
    likely: list[str] = []
    if judgement.difference:
        lines = Line.objects.filter(account=account, as_of_date=judgement.as_of_date, state="booked")
        likely = reconcile.suspects(judgement.difference, list(lines))
    sentence = f"{day_words(judgement.as_of_date)}: {judgement.sentence}"
    if likely:
        sentence += f" Its amount, double or half is that of {', '.join(likely)}."
    return Cause(
        kind=FindingKind.BROKEN_DAY,
        as_of_date=judgement.as_of_date,
        sentence=sentence,
        data={
            "difference": str(judgement.difference) if judgement.difference is not None else "",
            "suspects": likely,
        },
    )


def _observations(account: Account, start: date, end: date) -> dict[date, BalanceObservation]:
    rows = BalanceObservation.objects.filter(account=account, as_of_date__range=(start, end)).order_by("pk")
    return {row.as_of_date: row for row in rows}


def _provisional(account: Account, pull: Pull, day: date, position: int, line: PostedLine) -> ProvisionalLine:
    return ProvisionalLine(
        account=account, pull=pull, position=position, **{**facts(line), "as_of_date": day}
    )
