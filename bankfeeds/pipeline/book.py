"""Writing one answered window into the ledger: one transaction, all of it or nothing.

Order of locks: the account, the pull, then whatever the window touches, findings next, the audit chain last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import transaction

from audit.recording import Actor, record
from bankfeeds.models import Account, Pull
from bankfeeds.models.pull import COUNTERS
from bankfeeds.pipeline import arbitrate, coverage, diff, doubts, flow, ledger, notes, shortcut
from bankfeeds.pipeline.arbitrate import Verdicts
from bankfeeds.pipeline.findings import Cause, close_findings, open_findings
from bankfeeds.pipeline.normalise import Lines
from bankfeeds.pipeline.plan import Window
from bankfeeds.pipeline.reading import Reading, Unread

LEASE = timedelta(minutes=5)


class LeaseLost(Exception):
    """Another worker has taken the pull over, or it ended; what was read for it must not be booked."""


class CountsDoNotAddUp(Exception):
    """Not every line read was accounted for; nothing was booked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What one window came to; the sum of all but ``read`` and ``withdrawn`` is ``read``.

    ``older``: the days were known from a later answer, and nothing of this one was applied.
    """

    read: int = 0
    same: int = 0
    new: int = 0
    amended: int = 0
    renumbered: int = 0
    withdrawn: int = 0
    repeated: int = 0
    rejected: int = 0
    held: int = 0
    older: bool = False

    def check(self) -> None:
        """Raise CountsDoNotAddUp unless every line read has one fate."""
        fates = (
            self.same + self.new + self.amended + self.renumbered + self.repeated + self.rejected + self.held
        )
        if fates != self.read:
            raise CountsDoNotAddUp(f"{self.read} lines were read, but {fates} are accounted for.")

    @property
    def changed(self) -> int:
        """Return how many lines were written."""
        return self.new + self.amended + self.renumbered + self.withdrawn


def book_window(
    *, pull_id: UUID | str, owner: str, reading: Reading | Unread, actor: Actor, now: datetime
) -> Booked:
    """Book ``reading`` for the pull that ``owner`` holds, prove the days it touches, and return the counts.

    Raises LeaseLost when the pull is no longer the owner's, CountsDoNotAddUp when a line would go unaccounted for;
    nothing is written then.
    """
    with transaction.atomic():
        pull, account = _locked(pull_id, owner)
        if reading.window.current_day:
            booked, days = Booked(), 0
            causes, settled = list[Cause](), set[str]()
            told = flow.in_full(reading).lines
            coverage.replace_provisional(account, pull, reading.window.start, told.lines)
        elif coverage.newer_than(account, reading.window, reading.read_at):
            # An older answer is never applied over a newer one: its lines count, and change nothing.
            booked = older(reading)
            causes, settled, days = [], set(), 0
        else:
            booked, causes, settled, days = apply(account, pull, reading, now)
        booked.check()
        taken = not reading.window.current_day and not booked.older
        _count(pull, booked, now, covers=reading.window if taken else None)
        opened = open_findings(causes, connection=account.connection, account=account, pull=pull, now=now)
        closed = close_findings(
            settled - {cause.key(account) for cause in causes},
            connection=account.connection,
            actor=actor,
            now=now,
            reason="A later answer of the bank settled it.",
        )
        if booked.changed or days or opened:
            _record(pull, reading.window, booked, days, opened, closed, actor, now)
    return booked


def renew_lease(*, pull_id: UUID | str, owner: str, now: datetime) -> None:
    """Keep the pull for another while. Raises LeaseLost."""
    mine = Pull.objects.filter(pk=pull_id, state="fetching", lease_owner=owner)
    if not mine.update(lease_expires_at=now + LEASE):
        raise LeaseLost("Another worker has taken this pull over.")


def _locked(pull_id: UUID | str, owner: str) -> tuple[Pull, Account]:
    account_id = Pull.objects.values_list("account_id", flat=True).get(pk=pull_id)
    # The account first: two pulls of one account exclude each other, whatever else they lock.
    account = Account.objects.select_for_update(of=("self",)).select_related("connection").get(pk=account_id)
    pull = Pull.objects.select_for_update().get(pk=pull_id)
    if pull.state != "fetching" or pull.lease_owner != owner:
        raise LeaseLost("Another worker has taken this pull over.")
    return pull, account


def older(reading: Reading | Unread) -> Booked:
    """Return the counts of an answer that is not applied: every line read is held."""
    read = flow.records(reading)
    return Booked(read=read, held=read, older=True)


def apply(
    account: Account, pull: Pull, reading: Reading | Unread, now: datetime, *, afresh: bool = False
) -> tuple[Booked, list[Cause], set[str], int]:
    """Write the reading's lines and days, inside the caller's transaction and under its locks.

    Return the counts, the findings to open, the keys of findings that may be settled, and how many days changed.
    ``afresh``: read the pages, even if the same bytes were read before.
    """
    coverage.observe(account, pull, reading.balances, now)
    known = None if afresh or isinstance(reading, Reading) else shortcut.known(account, reading)
    if known is not None:
        booked = Booked(read=known.read, same=known.read - known.repeated, repeated=known.repeated)
        proof = coverage.prove(account, pull, reading, set(), [], counted=True)
        return booked, proof.causes, proof.settled, proof.changed
    lines, booked, verdicts, touched = _taken(account, pull, reading, now)
    notes.attach(account, reading.window.start, reading.window.end)
    causes, settled = doubts.doubts_and_rejections(account, pull, reading.window, lines, verdicts)
    proof = coverage.prove(account, pull, reading, touched, lines.rejections)
    if isinstance(reading, Unread):
        clean = not (lines.rejections or lines.contradictions or verdicts.held or verdicts.doubts)
        shortcut.remember(account, reading, read=booked.read, repeated=booked.repeated, clean=clean)
    return booked, causes + proof.causes, settled | proof.settled, proof.changed


def _taken(
    account: Account, pull: Pull, reading: Reading | Unread, now: datetime
) -> tuple[Lines, Booked, Verdicts, set[date]]:
    """Compare the answer with the ledger and write what differs; page by page where nothing of it can be in doubt."""
    if isinstance(reading, Unread) and (streamed := flow.stream(account, pull, reading)) is not None:
        lines, new, same = streamed.lines, streamed.new, streamed.same
        booked = Booked(read=lines.read, new=new, same=same, rejected=len(lines.rejections))
        # Of the lines, only those are left that the bank contradicts itself about.
        verdicts = Verdicts(new=lines.lines) if new else Verdicts()
        return lines, booked, verdicts, streamed.touched
    reading = flow.in_full(reading)
    window, lines = reading.window, reading.lines
    unchanged = ledger.unchanged(account, window.start, window.end, lines.lines)
    verdicts = Verdicts() if unchanged else _verdicts(account, pull, reading)
    booked = Booked(
        read=lines.read,
        same=len(lines.lines) if unchanged else len(verdicts.same),
        new=len(verdicts.new) + len(verdicts.returned),
        amended=len(verdicts.amended),
        renumbered=len(verdicts.renumbered),
        withdrawn=len(verdicts.withdrawn),
        repeated=lines.repeated,
        rejected=len(lines.rejections),
        held=len(verdicts.held),
    )
    return lines, booked, verdicts, ledger.write(account, pull, verdicts, now)


def _verdicts(account: Account, pull: Pull, reading: Reading) -> Verdicts:
    window, lines = reading.window, reading.lines
    known = ledger.known_lines(account, window.start, window.end, lines.lines)
    still_there = [rejected.transaction_id for rejected in lines.rejections if rejected.transaction_id]
    found = diff.compare(lines.lines, known, still_there=still_there)
    stated = coverage.stated(account, window.start, window.end)
    verdicts = arbitrate.decide(found, known, stated, answer=pull.answer)  # type: ignore[arg-type]
    return ledger.with_returned(verdicts)


def _count(pull: Pull, booked: Booked, now: datetime, *, covers: Window | None) -> None:
    for name in COUNTERS:
        setattr(pull, name, getattr(pull, name) + getattr(booked, name))
    pull.windows += 1
    if covers is not None and pull.covered is not None:
        pull.covered = [*pull.covered, [covers.start.isoformat(), covers.end.isoformat()]]
    pull.lease_expires_at = now + LEASE
    pull.save(update_fields=[*COUNTERS, "windows", "covered", "lease_expires_at"])


def _record(
    pull: Pull,
    window: Window,
    booked: Booked,
    days: int,
    opened: int,
    closed: int,
    actor: Actor,
    now: datetime,
) -> None:
    record(
        verb="bankfeeds.window_booked",
        actor=actor,
        subject=pull,
        now=now,
        data={
            "start": window.start.isoformat(),
            "end": window.end.isoformat(),
            **{name: getattr(booked, name) for name in COUNTERS},
            "days_changed": days,
            "findings_opened": opened,
            "findings_closed": closed,
        },
    )
