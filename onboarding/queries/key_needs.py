"""What keys and certificates need of a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.text import capfirst

from certificates import queries as certificates
from certificates import renewal, watch
from onboarding import clock
from onboarding.queries.board import HOLDERS
from onboarding.queries.need import MAIL_KINDS, NeedsMe, calendar_days

CERTIFICATE_SOON = timedelta(days=30)
CERTIFICATE_URGENT = timedelta(days=7)


def certificates_ending(*, now: datetime) -> Iterator[NeedsMe]:
    """Yield what the monitor, the renewals due within 30 days, and their mails need."""
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
            reason=f"{'Ended' if item.ended else 'Ends'} on {certificate.not_after.day} {certificate.not_after:%b %Y}; "
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
        kind, reason = MAIL_KINDS[mail.state]
        yield NeedsMe(
            kind=kind, subject=mail.subject, rank=4,
            url=reverse("admin:certificates_noticemail_change", args=[mail.pk]),
            reason=waiting if mail.state == "queued" else reason,
            consequence="Whoever looks after the certificate was not told.",
            holder=clock.US, holder_words=HOLDERS[clock.US],
            age=calendar_days((now - mail.queued_at).days), action="Decide about the mail",
        )  # fmt: skip


def approvals_wanted(user: Any, *, now: datetime) -> Iterator[NeedsMe]:
    """Yield the requests of others that this person may decide."""
    for approval in certificates.decidable(user=user, now=now):
        hours = int((approval.expires_at - now).total_seconds() // 3600)
        named = approval.key.common_name if approval.key else approval.target
        yield NeedsMe(
            kind="Approval wanted",
            subject=f"{capfirst(approval.get_act_display())}: {named}",
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
