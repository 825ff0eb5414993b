"""What the raw pages say happened: which answers each worker booked, in the order in which it booked them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Min, Q

from bankfeeds.jpmorgan import wire
from bankfeeds.jpmorgan.client import Page, Request
from bankfeeds.models import Account, Pull, RawPage
from bankfeeds.pipeline import normalise, walk
from bankfeeds.pipeline.plan import BALANCE_DAYS, Window
from bankfeeds.pipeline.reading import Unread, final_balances, finished, unfinished_day
from bankfeeds.pipeline.walk import PagesUnusable, Walk

__all__ = ["Claim", "PagesUnusable", "claims", "readings"]

AT_ONCE = 16  # pages in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One worker's turn at a pull. ``windows``: how many it booked; None where nobody wrote that down.

    ``newest``: the pull's own counts are those of this turn. ``first``: the key of its first raw page, 0 if not asked.
    """

    pull: Pull
    number: int
    today: date
    answer: str
    windows: int | None
    newest: bool
    first: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A page of a walk that was found to be whole, without its body. ``held``: how many records are on it."""

    pk: int
    request: Request
    number: int
    received_at: datetime
    sha256: str
    total_records: int
    held: int


@dataclass(slots=True)
class _Group:
    """Windows and the balances over them, as they were asked for; the current day has none."""

    walks: list[list[_Kept]] = field(default_factory=list)
    balances: Page | None = None

    @property
    def windows(self) -> list[Window]:
        return [_window(pages[0]) for pages in self.walks]

    @property
    def current_day(self) -> bool:
        return bool(self.walks) and _is_current(self.walks[0][0])


def claims(account: Account) -> Iterator[Claim]:
    """Yield the turns that left pages, in the order in which they booked. Raises PagesUnusable.

    Two workers never book one account at a time: who begins later books nothing before the earlier has lost the pull.
    """
    changed = Q(new__gt=0) | Q(amended__gt=0) | Q(renumbered__gt=0) | Q(withdrawn__gt=0)
    bare = Pull.objects.filter(changed, account=account, pages=None).order_by("requested_at").first()
    if bare is not None:
        raise PagesUnusable(f"{_named(bare)} changed the ledger, but its raw pages are gone.")
    pages = RawPage.objects.filter(pull__account=account).exclude(kind="unreadable").order_by()
    turns = list(pages.values_list("pull", "attempt").annotate(first=Min("pk")).order_by("first"))
    pulls = Pull.objects.in_bulk({pull for pull, _, _ in turns})
    there: dict[UUID, set[int]] = defaultdict(set)
    for pull_id, number, _ in turns:
        there[pull_id].add(number)
    for pull_id, numbers in there.items():
        _check_none_is_missing(pulls[pull_id], numbers)
    for pull_id, number, first in turns:
        yield replace(_claim(pulls[pull_id], number), first=first)


def readings(claim: Claim) -> Iterator[Unread]:
    """Yield what the worker booked, in its order, the current day's windows among it. Raises PagesUnusable."""
    found = 0
    for reading in _all(claim):
        if claim.windows is not None and found == claim.windows:
            return  # it was stopped, or killed, before it booked this
        found += 1
        yield reading
    if claim.windows is not None and found < claim.windows:
        raise PagesUnusable(
            f"{_named(claim.pull)} booked {claim.windows} windows, but the raw pages of only {found} are there."
        )


def _all(claim: Claim) -> Iterator[Unread]:
    """Yield the readings of every whole group. A group's last reading waits for what follows it: ``last`` depends."""
    done: set[date] = set()
    unfinished: date | None = None
    waiting: list[Unread] = []
    run: list[Window] = []
    for group in _groups(_pages(claim)):
        fresh = not group.current_day and _begins_a_round(run, group.windows)
        yield from _released(waiting, done, last=group.current_day or fresh)
        balances = None
        if group.balances is not None:
            answer = normalise.balances(group.balances)
            now_unfinished = unfinished_day(answer, claim.today)
            unfinished = now_unfinished or unfinished
            balances = final_balances(answer, now_unfinished)
        windows = [_today(claim.today)] if group.current_day else group.windows
        found = [
            Unread(window=window, walk=_walk(pages), balances=balances)
            for window, pages in zip(windows, group.walks, strict=True)
        ]
        if group.current_day:
            yield from _released(found, done, last=False)
            waiting = []
            continue
        waiting = [one for one in (finished(reading, unfinished) for reading in found) if one]
        run = group.windows
    yield from _released(waiting, done, last=True)


def _released(waiting: list[Unread], done: set[date], *, last: bool) -> Iterator[Unread]:
    for reading in waiting:
        done.update(reading.window.days())
        yield replace(reading, asked=frozenset(done), last=last and reading is waiting[-1])
    waiting.clear()


def _begins_a_round(run: list[Window], windows: list[Window]) -> bool:
    """Say whether these windows were planned anew after ``run``: one plan would have asked for both at once."""
    if not run:
        return True
    return windows[0].start <= run[-1].end or windows[0].end - run[0].start < timedelta(days=BALANCE_DAYS)


def _walk(pages: list[_Kept]) -> Walk:
    keys = [page.pk for page in pages]
    return Walk(
        pages=lambda: walk.kept(keys),
        records=pages[0].total_records,
        received_at=min(page.received_at for page in pages),
        sha256=walk.digest(pages[0].request, [page.sha256 for page in pages]),
    )


def _groups(pages: Iterable[_Kept | Page]) -> Iterator[_Group]:
    """Yield the whole groups. Windows whose balances never came were not booked: their worker ended before."""
    group = _Group()
    for page in pages:
        if group.current_day and (isinstance(page, Page) or page.number == 1):
            yield _checked(group)
            group = _Group()
        if isinstance(page, Page):
            group.balances = page
            yield _checked(group)
            group = _Group()
        elif page.number == 1:
            group.walks.append([page])
        elif group.walks:
            group.walks[-1].append(page)
        else:
            raise PagesUnusable(f"The raw page before page {page.number} of {_asked(page)} is missing.")
    if group.current_day:
        yield _checked(group)


def _checked(group: _Group) -> _Group:
    """Return the group. Raises PagesUnusable unless each walk is as whole as it was when it was stored."""
    if not group.walks and group.balances is not None:
        raise PagesUnusable(
            f"The raw pages of the lines before the balances of {_asked(group.balances)} are missing."
        )
    for pages in group.walks:
        numbers = [page.number for page in pages]
        held = sum(page.held for page in pages)
        if numbers != list(range(1, len(pages) + 1)) or held != pages[0].total_records:
            raise PagesUnusable(f"Of the raw pages of {_asked(pages[0])} some are missing.")
    return group


def _pages(claim: Claim) -> Iterator[_Kept | Page]:
    """Yield what was asked and answered, the pages of balances whole."""
    # Not through a cursor: a worker that was stopped leaves the walk over its pages unfinished.
    pages = RawPage.objects.filter(pull=claim.pull, attempt=claim.number).exclude(kind="unreadable")
    keys = list(pages.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), AT_ONCE):
        rows = (
            RawPage.objects.filter(pk__in=keys[start : start + AT_ONCE]).select_related("pull").order_by("pk")
        )
        yield from map(_looked_at, rows)


def _looked_at(row: RawPage) -> _Kept | Page:
    """Return the page after making sure that it is the bank's and can be read. Raises PagesUnusable."""
    page = walk.page(row)
    if row.kind != "transactions":
        return page
    try:
        said = wire.transactions_page(page.body)
    except wire.WireError as error:
        raise PagesUnusable(f"Raw page {row.pk} ({row.pull}) cannot be read: {error}") from None
    return _Kept(
        pk=row.pk,
        request=row.request,
        number=row.number,
        received_at=row.received_at,
        sha256=row.sha256,
        total_records=said.pagination.total_records,
        held=len(said.data),
    )


def _claim(pull: Pull, number: int) -> Claim:
    newest = number == (len(pull.claims) or pull.attempts)
    said = pull.claims[number - 1] if 0 < number <= len(pull.claims) else {}
    return Claim(
        pull=pull,
        number=number,
        today=date.fromisoformat(said["today"]) if "today" in said else pull.today,
        answer=said.get("answer", pull.answer),
        windows=pull.windows if newest else said.get("windows"),
        newest=newest,
    )


def _check_none_is_missing(pull: Pull, there: set[int]) -> None:
    for number in range(1, len(pull.claims) + 1):
        if number not in there and _claim(pull, number).windows:
            raise PagesUnusable(
                f"{_named(pull)} booked windows in its turn {number}, but their raw pages are gone."
            )


def _window(page: _Kept) -> Window:
    start, end = str(page.request["startDate"]), str(page.request["endDate"])
    return Window(start=date.fromisoformat(start), end=date.fromisoformat(end))


def _today(day: date) -> Window:
    return Window(start=day, end=day, current_day=True)


def _is_current(page: _Kept) -> bool:
    return "startDate" not in page.request


def _asked(page: _Kept | Page) -> str:
    return f"{page.request.get('startDate', 'the current day')} to {page.request.get('endDate', 'now')}"


def _named(pull: Pull) -> str:
    return f"The {pull} of {pull.requested_at:%Y-%m-%d %H:%M} UTC"
