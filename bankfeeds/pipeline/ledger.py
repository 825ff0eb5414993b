"""Reading our lines for comparison, and writing verdicts: only lines that changed are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from typing import TypeVar

from django.db.models import F

from bankfeeds.models import Account, Line, LineId, LineRevision, Pull
from bankfeeds.models.ledger import LineFacts, Undo
from bankfeeds.money import exact
from bankfeeds.pipeline import writing
from bankfeeds.pipeline.arbitrate import Verdicts
from bankfeeds.pipeline.diff import Known, Pair
from bankfeeds.records import PostedLine

T = TypeVar("T")
CHUNK = 500
FACTS = (
    "as_of_date",
    "direction",
    "amount",
    "currency",
    "bai_code",
    "bank_reference",
    "customer_reference",
    "description",
    "check_number",
    "value_date",
    "reversal",
    "narrative",
    "transaction_id",
)
_COLUMNS = ("pk", "transaction_id", "as_of_date", "digest", "direction", "amount", "currency", "state")


def known_lines(account: Account, start: date, end: date, answer: Sequence[PostedLine]) -> list[Known]:
    """Return our lines of the days, and those elsewhere whose id in use the answer lists, with every id they had."""
    rows = list(
        Line.objects.filter(account=account, as_of_date__range=(start, end))
        .order_by("pk")
        .values_list(*_COLUMNS)
    )
    here = {row[1] for row in rows}
    aliases: dict[int, list[str]] = {}
    for line_id, ident in LineId.objects.filter(
        account=account, line__as_of_date__range=(start, end), current=False
    ).values_list("line_id", "transaction_id"):
        aliases.setdefault(line_id, []).append(ident)
        here.add(ident)
    # By the id in use only: one that a line gave up may come back for another line, and takes nothing with it.
    unseen = [line.transaction_id for line in answer if line.transaction_id not in here]
    elsewhere = {line_id for _, line_id, current in writing.ids_among(account, unseen) if current}
    for chunk_pks in _chunks(sorted(elsewhere)):
        rows += list(Line.objects.filter(pk__in=chunk_pks).order_by("pk").values_list(*_COLUMNS))
        for line_id, ident in LineId.objects.filter(line__in=chunk_pks, current=False).values_list(
            "line_id", "transaction_id"
        ):
            aliases.setdefault(line_id, []).append(ident)
    return [
        Known(
            pk=pk,
            transaction_id=ident,
            ids=(ident, *sorted(aliases.get(pk, ()))),
            as_of_date=day,
            digest=digest,
            signed=amount if direction == "CREDIT" else -amount,
            currency=currency,
            booked=state == "booked",
        )
        for pk, ident, day, digest, direction, amount, currency, state in rows
    ]


def unchanged(account: Account, start: date, end: date, answer: Sequence[PostedLine]) -> bool:
    """Say whether our booked lines of the days are the answer: the same ids in use with the same contents, no other.

    Each line is then the same, and none is missing, new or suspect, whatever else is known.
    """
    booked = Line.objects.filter(account=account, as_of_date__range=(start, end), state="booked").order_by()
    if booked.count() != len(answer):
        return False
    # As sets, both ways: an answer with one id twice and another left out has the right number of lines too.
    theirs = {line.transaction_id: line.digest for line in answer}
    return theirs == dict(booked.values_list("transaction_id", "digest"))


def write(account: Account, pull: Pull, verdicts: Verdicts, now: datetime) -> set[date]:
    """Write the verdicts, lines in the order of their ids; return the days whose lines changed."""
    touched: set[date] = set()
    switched = [pair for pair in verdicts.same if pair[0].transaction_id != pair[1].transaction_id]
    rewritten = [*verdicts.amended, *verdicts.returned]
    old = {
        line.pk: line
        for chunk in _chunks(
            sorted({ours.pk for _, ours in (*rewritten, *verdicts.renumbered, *switched)})
            + sorted(ours.pk for ours in verdicts.withdrawn)
        )
        for line in Line.objects.select_for_update().filter(pk__in=chunk).order_by("pk")
    }
    _withdraw([old[ours.pk] for ours in verdicts.withdrawn], pull, now)
    for bank, ours in sorted(rewritten, key=_by_id):
        touched |= {ours.as_of_date, bank.as_of_date}
        _amend(old[ours.pk], bank, pull, now)
    for bank, ours in sorted([*verdicts.renumbered, *switched], key=_by_id):
        touched.add(bank.as_of_date)
        _renumber(old[ours.pk], bank.transaction_id, pull, now)
    writing.insert(account, pull, verdicts.new)
    touched.update(ours.as_of_date for ours in verdicts.withdrawn)
    touched.update(line.as_of_date for line in verdicts.new)
    return touched


def with_returned(verdicts: Verdicts) -> Verdicts:
    """Tell the lines that come back after an undo from those the bank changed; return the same verdicts."""
    marked = {ours.pk for _, ours in verdicts.amended if not ours.booked}
    if marked:
        taken_back = LineRevision.objects.filter(
            line__in=marked, undo=Undo.TAKEN_BACK, revision=F("line__revision") - 1
        )
        back = set(taken_back.values_list("line", flat=True))
        verdicts.returned = [pair for pair in verdicts.amended if pair[1].pk in back]
        verdicts.amended = [pair for pair in verdicts.amended if pair[1].pk not in back]
    return verdicts


def facts(line: PostedLine) -> dict[str, object]:
    """Return a posted line's facts as columns."""
    return {name: getattr(line, name) for name in FACTS} | {
        "narrative": [list(pair) for pair in line.narrative]
    }


def _withdraw(lines: Iterable[Line], pull: Pull, now: datetime) -> None:
    changed, revisions = [], []
    for line in lines:
        revisions.append(revision(line, pull, now))
        line.state, line.revision, line.last_changed_pull = "withdrawn", line.revision + 1, pull
        changed.append(line)
    LineRevision.objects.bulk_create(revisions)
    Line.objects.bulk_update(changed, ["state", "revision", "last_changed_pull"], batch_size=CHUNK)


def _amend(line: Line, bank: PostedLine, pull: Pull, now: datetime) -> None:
    revision(line, pull, now).save()
    ident = line.transaction_id
    for name, value in facts(bank).items():
        setattr(line, name, value)
    line.transaction_id = ident
    line.digest, line.revision, line.state, line.last_changed_pull = (
        bank.digest,
        line.revision + 1,
        "booked",
        pull,
    )
    line.save()
    if ident != bank.transaction_id:
        use_id(line, bank.transaction_id, pull)


def _renumber(line: Line, ident: str, pull: Pull, now: datetime) -> None:
    revision(line, pull, now).save()
    line.revision += 1
    use_id(line, ident, pull)


def use_id(line: Line, ident: str, pull: Pull) -> None:
    """Make ``ident`` the id in use of the line."""
    # One id in use per line: the old one steps back before the new one comes.
    LineId.objects.filter(line=line, current=True).update(current=False)
    LineId.objects.update_or_create(
        account_id=line.account_id,
        transaction_id=ident,
        defaults={"line": line, "current": True},
        create_defaults={"line": line, "current": True, "first_pull": pull},
    )
    line.transaction_id, line.last_changed_pull = ident, pull
    line.save(update_fields=["transaction_id", "revision", "last_changed_pull"])


def revision(line: Line, pull: Pull, now: datetime, *, undo: Undo = Undo.NONE) -> LineRevision:
    """Return the line as it is, for keeping beside what ``pull``, or the undoing of it, is about to make of it."""
    return LineRevision(
        line=line,
        revision=line.revision,
        content=content(line),
        digest=line.digest,
        state=line.state,
        transaction_id=line.transaction_id,
        replaced_by_pull=pull,
        replaced_at=now,
        undo=undo,
    )


def content(line: LineFacts) -> dict[str, object]:
    """Return a line's facts as JSON values, amounts and dates as text."""
    found = {name: getattr(line, name) for name in FACTS}
    # With the digits of its currency, whatever the database gives back.
    found["amount"] = format(exact(line.amount, line.currency), "f")
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in found.items()}


def _by_id(pair: Pair) -> str:
    return pair[0].transaction_id


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
