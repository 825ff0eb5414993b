"""Opening findings, and closing those whose cause is gone. Called inside the transaction that saw the cause."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from audit.recording import Actor
from audit.workflow import perform
from bankfeeds.models import Account, Connection, Finding, Pull
from bankfeeds.models.finding import FindingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a person must look. ``topic`` tells apart causes of one kind and day (a line's id, for instance)."""

    kind: FindingKind
    sentence: str
    as_of_date: date | None = None
    topic: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    def key(self, account: Account | None) -> str:
        return finding_key(self.kind, account, self.as_of_date, self.topic)


def finding_key(kind: FindingKind, account: Account | None, day: date | None = None, topic: str = "") -> str:
    """Return the name of a cause within its connection."""
    return f"{kind.value}/{account.pk if account else ''}/{day or ''}/{topic}"


def open_findings(
    causes: Iterable[Cause],
    *,
    connection: Connection,
    account: Account | None,
    pull: Pull | None,
    now: datetime,
) -> int:
    """Open a finding per cause, or refresh the open one of the same cause; return how many are new."""
    by_key = {cause.key(account): cause for cause in causes}
    known = {
        finding.key: finding
        for finding in Finding.objects.select_for_update().filter(
            connection=connection, state="open", key__in=by_key
        )
    }
    fresh = []
    for key, cause in sorted(by_key.items()):
        finding = known.get(key)
        if finding is None:
            fresh.append(_finding(cause, key, connection=connection, account=account, pull=pull, now=now))
        elif (finding.sentence, finding.data) != (cause.sentence, dict(cause.data)):
            Finding.objects.filter(pk=finding.pk).update(sentence=cause.sentence, data=dict(cause.data))
    Finding.objects.bulk_create(fresh)
    return len(fresh)


def close_findings(
    keys: Collection[str], *, connection: Connection, actor: Actor, now: datetime, reason: str
) -> int:
    """Resolve the open findings with these keys; return how many there were."""
    # All rows first: each resolution goes on to lock the audit chain, which comes after every row.
    rows = list(
        Finding.objects.select_for_update()
        .filter(connection=connection, state="open", key__in=list(keys))
        .order_by("pk")
    )
    for finding in rows:
        perform(finding, "resolve", actor=actor, now=now, reason=reason, at=now, why=reason)
    return len(rows)


def _finding(
    cause: Cause,
    key: str,
    *,
    connection: Connection,
    account: Account | None,
    pull: Pull | None,
    now: datetime,
) -> Finding:
    return Finding(
        connection=connection,
        account=account,
        pull=pull,
        kind=cause.kind,
        as_of_date=cause.as_of_date,
        key=key,
        sentence=cause.sentence,
        data=dict(cause.data),
        opened_at=now,
    )
