"""Late feeds: one finding per account while it lasts, kept up to date, and closed by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from audit.recording import Actor
from bankfeeds import lateness
from bankfeeds.lateness import Late
from bankfeeds.models import Account, Finding
from bankfeeds.models.finding import FindingKind
from bankfeeds.pipeline.findings import Cause, close_findings, finding_key, open_findings


def judge_late_feeds(*, actor: Actor, now: datetime) -> int:
    """Open, refresh and close the findings of late feeds at ``now``; return how many accounts are late.

    Few queries tell who is late; only what changes is written, each account by itself. While the bank's host cannot be
    reached at all, no finding is opened: the outage is the one alarm, and what is open already tells the new reason.
    """
    late = lateness.late_feeds(now=now)
    known = {
        finding.account_id: finding
        for finding in Finding.objects.filter(state="open", kind=FindingKind.LATE_FEED).select_related(
            "account__connection"
        )
        if finding.account_id is not None
    }
    for pk, finding in sorted(known.items()):
        if pk not in late:
            _close(finding, actor, now)
    told = _to_tell(late, known)
    for account in _accounts(told):
        _tell(account, late[account.pk], now)
    return len(late)


def _to_tell(late: Mapping[int, Late], known: Mapping[int, Finding]) -> list[int]:
    """Return the accounts whose finding is to be opened or refreshed; not where a person answers for the day."""
    fresh = [pk for pk, one in late.items() if pk not in known and not (one.outage or one.being_read)]
    accepted = Finding.objects.filter(state="accepted", kind=FindingKind.LATE_FEED, account__in=fresh)
    answered = (
        {(pk, data.get("day")) for pk, data in accepted.values_list("account", "data")} if fresh else set()
    )
    changed = [pk for pk, finding in known.items() if pk in late and finding.data != _data(late[pk])]
    return changed + [pk for pk in fresh if (pk, late[pk].day.isoformat()) not in answered]


def _data(one: Late) -> dict[str, str]:
    return {"day": one.day.isoformat(), "due_at": one.due_at.isoformat(), "reason": one.reason}


def _accounts(keys: list[int]) -> list[Account]:
    rows = Account.objects.filter(pk__in=keys).select_related("connection").order_by("pk")
    return list(rows.defer("connection__trust_roots"))


def _tell(account: Account, one: Late, now: datetime) -> None:
    cause = Cause(
        kind=FindingKind.LATE_FEED,
        sentence=one.sentence(account.masked, account.connection.time_zone),
        data=_data(one),
    )
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        open_findings([cause], connection=account.connection, account=account, pull=None, now=now)


def _close(finding: Finding, actor: Actor, now: datetime) -> None:
    account = finding.account
    connection = finding.connection
    paused = not connection.pullable
    reason = f"The connection is {connection.state}." if paused else "The day is proven."
    with transaction.atomic():
        if account is not None:
            Account.objects.select_for_update().get(pk=account.pk)
        key = finding_key(FindingKind.LATE_FEED, account)
        close_findings([key], connection=connection, actor=actor, now=now, reason=reason)
