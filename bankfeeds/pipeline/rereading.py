"""The bank's newest stored answer for a day, so that it can be read again without asking the bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from bankfeeds.models import Account, Pull, RawPage

_OWN = ("kind", "number", "request", "body", "sha256", "received_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """The pages of one walk and the balances over them; ``today`` is the business date they were read by."""

    pull: Pull
    today: date
    pages: tuple[RawPage, ...]


def newest_answer(account: Account, day: date) -> StoredAnswer | None:
    """Return the newest answer for ``day`` that was booked and whose pull is not undone; None when it is not kept.

    Never an older one: content of an older answer is not applied over a newer one's.
    """
    starts = RawPage.objects.filter(
        pull__account=account,
        pull__state__in=("booked", "failed"),
        kind="transactions",
        number=1,
        request__has_key="startDate",
    )
    for pk, request in starts.order_by("-pk").values_list("pk", "request").iterator():
        if request["startDate"] <= day.isoformat() <= request["endDate"]:
            found = _whole(RawPage.objects.select_related("pull").get(pk=pk))
            if found is not None:
                return found
    return None


def copy(answer: StoredAnswer, pull: Pull) -> None:
    """Give ``pull`` the pages as its own, with the time they came: replayed, it reads what was read again here."""
    RawPage.objects.bulk_create(
        RawPage(pull=pull, attempt=len(pull.claims), **{name: getattr(page, name) for name in _OWN})
        for page in answer.pages
    )


def page_of(pull: Pull, start: date, number: int) -> Sequence[RawPage]:
    """Return the stored pages with this number that the pull was given for the window from ``start``, newest first."""
    return list(
        RawPage.objects.filter(
            pull=pull, kind="transactions", number=number, request__startDate=start.isoformat()
        ).order_by("-pk")
    )


def _whole(first: RawPage) -> StoredAnswer | None:
    """Return the answer that begins with this page; None if it was not booked, or came without its balances."""
    pull, start = first.pull, first.request["startDate"]
    if pull.covered is not None and start not in {covered[0] for covered in pull.covered}:
        return None
    walk = [first]
    later = RawPage.objects.filter(pull=pull, attempt=first.attempt, pk__gt=first.pk).order_by("pk")
    for page in later.iterator():
        if page.kind == "balances":
            return StoredAnswer(pull=pull, today=_today(pull, first.attempt), pages=(*walk, page))
        if page.number == len(walk) + 1 and page.request["startDate"] == start:
            walk.append(page)
    return None


def _today(pull: Pull, attempt: int) -> date:
    said = pull.claims[attempt - 1] if 0 < attempt <= len(pull.claims) else {}
    return date.fromisoformat(said["today"]) if "today" in said else pull.today
