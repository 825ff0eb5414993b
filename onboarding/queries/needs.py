"""What needs a person now, the most consequential first, each row with its reason and the act that answers it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.urls import reverse

from bankfeeds import queries as feeds
from bankfeeds.models import Connection
from certificates import queries as certificates
from certificates import renewal, watch
from onboarding import clock
from onboarding.models import Message, Project, Step
from onboarding.queries import timing
from onboarding.queries.board import HOLDERS, NEXT_ACT, overdue

CERTIFICATE_SOON = timedelta(days=30)
CERTIFICATE_URGENT = timedelta(days=7)
MAIL_WAITS = timedelta(minutes=15)
MAIL_CUT_OFF = timedelta(minutes=10)
FROM_PULLS = ("held_pull", "bank_refused", "gave_up", "balances_refused")
"""Findings that only repeat why a feed is failing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsMe:
    """One row. ``rank``: 0 is most consequential; ``waited`` sorts within a rank; ``action`` labels the button."""

    kind: str
    subject: str
    url: str
    reason: str
    consequence: str
    holder: str
    holder_words: str
    age: str
    action: str
    rank: int = field(repr=False)
    waited: int = field(default=0, repr=False)


def what_needs_me_now(user: Any, *, now: datetime) -> list[NeedsMe]:
    """Return the rows this person may see, the most consequential first."""
    rows: list[NeedsMe] = []
    if user.has_perm("onboarding.view_project"):
        rows += [*_steps(now=now), *_holds(now=now), *_unheard()]
    if user.has_perm("bankfeeds.view_connection"):
        rows += _failing_feeds()
    if user.has_perm("bankfeeds.view_finding"):
        rows += _findings(now=now)
    if user.has_perm("certificates.view_certificate"):
        rows += _certificates(now=now)
    if user.has_perm("certificates.view_approval"):
        rows += _approvals(user, now=now)
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


def _failing_feeds() -> Iterator[NeedsMe]:
    reasons = feeds.failing_connections()
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


def _findings(*, now: datetime) -> Iterator[NeedsMe]:
    failing = feeds.failing_connections()
    for finding in feeds.open_findings():
        if finding.connection_id in failing and finding.kind in FROM_PULLS:
            continue
        days = (now - finding.opened_at).days
        yield NeedsMe(
            kind="Open finding",
            subject=f"{finding.connection}: {finding.get_kind_display()}",
            url=reverse("admin:bankfeeds_finding_change", args=[finding.pk]),
            reason=finding.sentence,
            consequence="The books cannot be called proven.",
            holder=clock.US,
            holder_words=HOLDERS[clock.US],
            age=calendar_days(days),
            action="Resolve the finding",
            rank=3,
            waited=days,
        )


def _certificates(*, now: datetime) -> Iterator[NeedsMe]:
    yield from _stopped_monitor(now=now)
    for item in certificates.renewals_due(now):
        certificate, left = item.certificate, item.certificate.not_after - now
        if left > CERTIFICATE_SOON:
            break  # they come soonest first
        holder = clock.BANK if item.step == renewal.Step.INSTALL else clock.US
        yield NeedsMe(
            kind="Certificate ended" if item.ended else "Certificate ending",
            subject=f"{certificate.key.common_name} ({certificate.key.get_use_display()})",
            url=item.url,
            reason=f"{'Ended' if item.ended else 'Ends'} on {certificate.not_after:%Y-%m-%d}; "
            "no successor is active and proven.",
            consequence="Without it the bank does not let us in.",
            holder=holder,
            holder_words=HOLDERS[holder],
            age="ended" if item.ended else f"{left.days} day{'' if left.days == 1 else 's'} left",
            action=item.label,
            rank=0 if left <= CERTIFICATE_URGENT else 5,
            waited=-left.days,
        )
    yield from _certificate_mails(now=now)


def _stopped_monitor(*, now: datetime) -> Iterator[NeedsMe]:
    since = watch.monitor_stopped_since(now=now)
    if since is not None:
        days = (now - since).days
        yield NeedsMe(
            kind="Certificate monitor stopped", subject="Certificates", rank=0, waited=days,
            url=reverse("admin:certificates_certificate_changelist"),
            reason=f"It has not run since {since:%Y-%m-%d %H:%M} UTC.",
            consequence="Nobody is told when a certificate ends, and then the feeds stop.",
            holder=clock.US, holder_words=HOLDERS[clock.US], age=calendar_days(days),
            action="Get the workers and the schedule “certificates watch” running",
        )  # fmt: skip


def _certificate_mails(*, now: datetime) -> Iterator[NeedsMe]:
    waiting = "It has been waiting for more than three hours: look at the mail server and OPS_EMAIL."
    for mail in watch.stuck_mails(now=now):
        kind, reason = _MAIL_KINDS[mail.state]
        yield NeedsMe(
            kind=kind, subject=mail.subject, rank=4,
            url=reverse("admin:certificates_noticemail_change", args=[mail.pk]),
            reason=waiting if mail.state == "queued" else reason,
            consequence="Whoever looks after the certificate was not told.",
            holder=clock.US, holder_words=HOLDERS[clock.US],
            age=calendar_days((now - mail.queued_at).days), action="Decide about the mail",
        )  # fmt: skip


def _approvals(user: Any, *, now: datetime) -> Iterator[NeedsMe]:
    for approval in certificates.decidable(user=user, now=now):
        hours = int((approval.expires_at - now).total_seconds() // 3600)
        yield NeedsMe(
            kind="Approval wanted",
            subject=f"{approval.get_act_display()}: {approval.key.common_name if approval.key else approval.target}",
            url=reverse("admin:certificates_approval_change", args=[approval.pk]),
            reason=f"Somebody asked: {approval.reason}",
            consequence="It takes a second person, and the request lapses.",
            holder=clock.US,
            holder_words=HOLDERS[clock.US],
            age=f"{hours} hour{'' if hours == 1 else 's'} left",
            action="Allow or decline",
            rank=1,
            waited=-hours,
        )


def _mails(*, now: datetime) -> Iterator[NeedsMe]:
    cut_off = Q(state="sending", sending_at__lte=now - MAIL_CUT_OFF)
    stuck = Q(state="queued", not_before=None, queued_at__lte=now - MAIL_WAITS)
    for message in Message.objects.filter(Q(state="failed") | cut_off | stuck).select_related("project"):
        kind, reason = _MAIL_KINDS[message.state]
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


_MAIL_KINDS = {
    "failed": ("Mail failed", "The mail server did not take it."),
    "sending": ("Mail cut off", "Whether it left is not known, so it is not sent again by itself."),
    "queued": (
        "Mail waiting",
        "It has been waiting for more than a quarter of an hour: no worker sends mail.",
    ),
}


def business_days(count: int) -> str:
    """Return a number of business days in words."""
    return f"{count} business day{'' if count == 1 else 's'}"


def calendar_days(count: int) -> str:
    """Return an age in days in words."""
    return "since today" if count < 1 else f"{count} day{'' if count == 1 else 's'}"
