"""What needs a person now, the most consequential first, each row with its reason and the act that answers it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.formats import date_format

from bankfeeds import queries as feeds
from bankfeeds.hosts import outages
from bankfeeds.models import Connection
from onboarding import clock
from onboarding.models import Message, Project, Step
from onboarding.queries import timing
from onboarding.queries.board import HOLDERS, NEXT_ACT, overdue
from onboarding.queries.key_needs import approvals_wanted, certificates_ending
from onboarding.queries.need import MAIL_KINDS, NeedsMe, business_days, calendar_days

MAIL_WAITS = timedelta(minutes=15)
MAIL_CUT_OFF = timedelta(minutes=10)
FROM_PULLS = ("held_pull", "bank_refused", "gave_up", "balances_refused")
"""Findings that only repeat why a feed is failing."""


def what_needs_me_now(user: Any, *, now: datetime) -> list[NeedsMe]:
    """Return the rows this person may see, the most consequential first."""
    rows: list[NeedsMe] = []
    if user.has_perm("onboarding.view_project"):
        rows += [*_steps(now=now), *_holds(now=now), *_unheard()]
    if user.has_perm("bankfeeds.view_connection"):
        rows += _failing_feeds()
    if user.has_perm("bankfeeds.view_bankhost"):
        rows += _hosts_not_reached()
    if user.has_perm("bankfeeds.view_finding"):
        rows += _findings(now=now)
    if user.has_perm("certificates.view_certificate"):
        rows += certificates_ending(now=now)
    if user.has_perm("certificates.view_approval"):
        rows += approvals_wanted(user, now=now)
    if user.has_perm("onboarding.view_message"):
        rows += _mails(now=now)
    return sorted(rows, key=lambda row: (row.rank, -row.waited, row.subject))


def undecided_mails(*, now: datetime) -> int:
    """Return how many mails failed or were cut off."""
    return Message.objects.filter(
        Q(state="failed") | Q(state="sending", sending_at__lte=now - MAIL_CUT_OFF)
    ).count()


def is_undecided(message: Message, *, now: datetime) -> bool:
    """Say whether a person must decide about this mail: it failed, or its sending was cut off."""
    cut_off = (
        message.state == "sending"
        and message.sending_at is not None
        and message.sending_at <= now - MAIL_CUT_OFF
    )
    return message.state == "failed" or cut_off


def _steps(*, now: datetime) -> Iterator[NeedsMe]:
    found = Step.objects.exclude(holder="").filter(project__state__in=_RUNNING)
    for step in found.select_related("project__customer").prefetch_related("hand_overs"):
        days = timing.age(step, now=now)
        late = overdue(step, days)
        if step.holder != clock.US and not late:
            continue
        kind, rank, consequence = _STEP_KINDS[(step.holder, late)]
        yield NeedsMe(
            kind=kind,
            subject=f"{step.project.customer}: {step}",
            url=reverse("admin:onboarding_project_change", args=[step.project_id]),
            reason=_why(step, days),
            consequence=consequence,
            holder=step.holder,
            holder_words=HOLDERS[step.holder],
            age=business_days(days),
            action=NEXT_ACT[(step.number, step.holder)],
            rank=rank,
            waited=days,
        )


_RUNNING = (
    "requested",
    "kickoff",
    "technical_setup",
    "security_admins",
    "bank_approval",
    "validation",
    "ineligible",
)
_STEP_KINDS = {
    (clock.US, True): ("Our turn, overdue", 1, "The customer waits on us longer than we allow ourselves."),
    (clock.US, False): ("Our turn", 4, "The project stands still until we act."),
    (clock.BANK, True): (
        "Bank beyond its usual time",
        5,
        "Only the customer's own relationship moves the bank.",
    ),
    (clock.CUSTOMER, True): ("Customer silent", 6, "The project stands still until the customer acts."),
}


def _why(step: Step, days: int) -> str:
    if step.holder == clock.US:
        return f"With us for {business_days(days)}; we allow ourselves {step.template.our_days}."
    if step.holder == clock.BANK:
        first, last = step.template.usual
        return f"With J.P. Morgan for {business_days(days)}; usual are {first} to {last}."
    return f"With the customer for {business_days(days)}."


def _holds(*, now: datetime) -> Iterator[NeedsMe]:
    held = Project.objects.filter(state="on_hold").select_related("customer")
    for project in held.filter(review_on__lte=now.date()):
        yield NeedsMe(
            kind="Hold to review",
            subject=str(project),
            url=reverse("admin:onboarding_project_change", args=[project.pk]),
            reason=f"On hold, to be looked at since {project.review_on}: {project.stop_reason}",
            consequence="Held projects are forgotten.",
            holder=clock.US,
            holder_words=HOLDERS[clock.US],
            age=f"since {project.review_on}",
            action="Resume or extend the hold",
            rank=7,
        )


def _unheard() -> Iterator[NeedsMe]:
    projects = Project.objects.filter(state__in=_RUNNING).select_related("customer")
    hears = Q(customer__contacts__gets_mail=True, customer__contacts__removed_at=None)
    for project in projects.exclude(pk__in=Project.objects.filter(hears).values("pk")):
        yield NeedsMe(
            kind="Nobody gets mail",
            subject=str(project),
            url=reverse("admin:onboarding_customer_change", args=[project.customer_id]),
            reason="No contact of this customer gets milestone mails.",
            consequence="The customer does not learn whose turn it is.",
            holder=clock.US,
            holder_words=HOLDERS[clock.US],
            age="",
            action="Add a contact",
            rank=8,
        )


def _hosts_not_reached() -> Iterator[NeedsMe]:
    """One row for a host, however many feeds wait for it."""
    for one in outages.standstills():
        since = date_format(one.since, "DATETIME_FORMAT")
        again = f" Next try: {date_format(one.retry_at, 'DATETIME_FORMAT')}." if one.retry_at else ""
        wait = "1 feed waits" if one.feeds == 1 else f"{one.feeds} feeds wait"
        yield NeedsMe(
            kind="Bank not reached",
            subject=one.name,
            url=reverse("admin:bankfeeds_bankhost_change", args=[one.host_id]),
            reason=f"{wait} for it since {since}. {one.reason}{again}",
            consequence="New lines do not arrive; what waits is read by itself once the host answers.",
            holder=clock.BANK,
            holder_words=HOLDERS[clock.BANK],
            age=f"since {since}",
            action="Look at the host",
            rank=1,
        )


def _failing_feeds() -> Iterator[NeedsMe]:
    waiting = outages.connections_at_shut_hosts()
    reasons = {pk: why for pk, why in feeds.failing_connections().items() if pk not in waiting}
    for connection in Connection.objects.filter(pk__in=reasons):
        yield NeedsMe(
            kind="Feed failing",
            subject=str(connection),
            url=reverse("admin:bankfeeds_connection_change", args=[connection.pk]),
            reason=reasons[connection.pk] or "The last pull did not succeed.",
            consequence="New lines do not arrive.",
            holder=clock.US,
            holder_words=HOLDERS[clock.US],
            age="",
            action="Look at the feed",
            rank=2,
        )


_CONSEQUENCES = {"contract_drift": "What the bank changed may matter, and nobody has looked yet."}


def _findings(*, now: datetime) -> Iterator[NeedsMe]:
    failing = feeds.failing_connections().keys() - outages.connections_at_shut_hosts()
    for finding in feeds.open_findings():
        if finding.connection_id in failing and finding.kind in FROM_PULLS:
            continue
        days = (now - finding.opened_at).days
        yield NeedsMe(
            kind="Open finding",
            subject=f"{finding.connection}: {finding.get_kind_display()}",
            url=reverse("admin:bankfeeds_finding_change", args=[finding.pk]),
            reason=finding.sentence,
            consequence=_CONSEQUENCES.get(finding.kind, "The books cannot be called proven."),
            holder=clock.US,
            holder_words=HOLDERS[clock.US],
            age=calendar_days(days),
            action="Resolve the finding",
            rank=3,
            waited=days,
        )


def _mails(*, now: datetime) -> Iterator[NeedsMe]:
    cut_off = Q(state="sending", sending_at__lte=now - MAIL_CUT_OFF)
    stuck = Q(state="queued", not_before=None, queued_at__lte=now - MAIL_WAITS)
    for message in Message.objects.filter(Q(state="failed") | cut_off | stuck).select_related("project"):
        kind, reason = MAIL_KINDS[message.state]
        yield NeedsMe(
            kind=kind,
            subject=f"{message.project}: {message.subject}",
            url=reverse("admin:onboarding_message_change", args=[message.pk]),
            reason=reason,
            consequence="The customer was not told.",
            holder=clock.US,
            holder_words=HOLDERS[clock.US],
            age=calendar_days((now - message.queued_at).days),
            action="Decide about the mail",
            rank=4,
        )
