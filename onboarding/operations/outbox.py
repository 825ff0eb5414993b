"""Mails: queued with the act they tell of, sent once each.

Record, commit, send, record. A crash between sending and recording leaves the mail “being sent”: whether it left nobody
knows, so it is not sent again by itself; after ten minutes a person is asked.
"""

from __future__ import annotations

import smtplib
import socket
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.views.decorators.debug import sensitive_variables

from audit.recording import Actor, record
from audit.workflow import OperationRefused
from onboarding import links, milestones, sealing
from onboarding.models import Message, Project
from onboarding.operations.portal_links import ensure_link
from onboarding.operations.post import deliver
from onboarding.operations.turns import require

log = structlog.get_logger("lockkeeper.onboarding")

ATTEMPTS = 4
PAUSES = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
NOT_ACCEPTED = (
    ConnectionRefusedError,
    socket.gaierror,
    smtplib.SMTPConnectError,
    smtplib.SMTPHeloError,
    smtplib.SMTPAuthenticationError,
    smtplib.SMTPSenderRefused,
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPDataError,
    smtplib.SMTPNotSupportedError,
)
"""After these the server has certainly not taken the mail."""


class MessageNotFailed(OperationRefused):
    """Only a mail that failed, or whose sending was cut off, can be sent again or given up by a person."""


def queue_milestone(
    project: Project, milestone: str, *, actor: Actor, now: datetime, reason: str = ""
) -> list[Message]:
    """Queue one mail per contact who gets mail, inside the caller's transaction; a contact told before is left out."""
    told = Message.objects.filter(project=project, milestone=milestone).values("contact")
    contacts = project.customer.contacts.filter(gets_mail=True, removed_at=None).exclude(pk__in=told)
    queued: list[Message] = []
    mail = None
    for contact in contacts.order_by("pk"):
        mail = mail or milestones.render(milestone, project, now=now, reason=reason)
        ensure_link(project, contact, actor=actor, now=now)
        message = Message(project=project, contact=contact, milestone=milestone, queued_at=now)
        message.subject, message.text, message.html = mail.subject, mail.text, mail.html
        queued.append(message)
    Message.objects.bulk_create(queued, ignore_conflicts=True)
    return queued


def send_pending_messages(*, now: datetime) -> int:
    """Send every queued mail whose time has come; return how many were sent. Safe under any number of workers."""
    due = Message.objects.filter(state="queued").filter(Q(not_before=None) | Q(not_before__lte=now))
    return sum(_send_one(pk, now=now) for pk in due.order_by("queued_at", "pk").values_list("pk", flat=True))


def resend_message(*, pk: int, actor: Actor, now: datetime, reason: str) -> Message:
    """Queue a failed or cut-off mail again, on a person's word. Raises MessageNotFailed."""
    return _decide(pk, "queued", verb="onboarding.message_requeued", actor=actor, now=now, reason=reason)


def drop_message(*, pk: int, actor: Actor, now: datetime, reason: str) -> Message:
    """Give a failed or cut-off mail up, on a person's word. Raises MessageNotFailed."""
    return _decide(pk, "dropped", verb="onboarding.message_dropped", actor=actor, now=now, reason=reason)


@sensitive_variables("mail", "details")
def _send_one(pk: int, *, now: datetime) -> bool:
    if not _claim(pk, now=now):
        return False
    message = Message.objects.select_related("contact", "project").get(pk=pk)
    link = links.live_link(project_id=message.project_id, contact_id=message.contact_id)
    try:
        details = sealing.details_of(message.contact)
        if details is None or link is None or message.contact.removed_at:
            return _settle(message, "dropped", now=now, problem="The contact or the link is no longer there.")
        url = links.address(sealing.token_of(link))
        mail = milestones.Mail(
            message.subject,
            message.text.replace(milestones.LINK, url),
            message.html.replace(milestones.LINK, url),
        )
        deliver(mail, details.email)
    except NOT_ACCEPTED as refusal:
        return _not_accepted(message, type(refusal).__name__, now=now)
    except sealing.SealFailed as problem:
        return _settle(message, "failed", now=now, problem=problem.sentence[:200])
    except (OSError, smtplib.SMTPException) as unclear:
        # The server may have taken it: it stays “being sent” until a person decides.
        log.warning("mail cut off", message=pk, problem=type(unclear).__name__)
        Message.objects.filter(pk=pk, state="sending").update(problem=f"Cut off: {type(unclear).__name__}")
        return False
    return _settle(message, "sent", now=now)


def _claim(pk: int, *, now: datetime) -> bool:
    with transaction.atomic(durable=True):
        claimed = Message.objects.filter(pk=pk, state="queued").update(
            state="sending", sending_at=now, attempts=F("attempts") + 1, problem=""
        )
    return claimed == 1


def _settle(message: Message, state: str, *, now: datetime, problem: str = "") -> bool:
    with transaction.atomic():
        changed = Message.objects.filter(pk=message.pk, state="sending").update(
            state=state, problem=problem, sent_at=now if state == "sent" else None
        )
        if changed:
            record(
                verb=f"onboarding.message_{state}",
                actor=Actor.task("send_milestones"),
                subject=message,
                now=now,
                data={
                    "project": message.project_id,
                    "milestone": message.milestone,
                    "contact": message.contact_id,
                },
            )
    return state == "sent"


def _not_accepted(message: Message, problem: str, *, now: datetime) -> bool:
    if message.attempts >= ATTEMPTS:
        return _settle(message, "failed", now=now, problem=f"The mail server did not take it: {problem}")
    again = now + PAUSES[min(message.attempts, len(PAUSES)) - 1]
    Message.objects.filter(pk=message.pk, state="sending").update(
        state="queued", not_before=again, problem=problem
    )
    return False


def _decide(pk: int, state: str, *, verb: str, actor: Actor, now: datetime, reason: str) -> Message:
    require(actor, "onboarding.resend_message")
    with transaction.atomic():
        cut_off = Q(state="sending", sending_at__lte=now - CUT_OFF_AFTER)
        changed = Message.objects.filter(Q(pk=pk) & (Q(state="failed") | cut_off)).update(
            state=state, not_before=None, attempts=0, problem=""
        )
        if not changed:
            raise MessageNotFailed("This mail did not fail; there is nothing to decide.")
        message = Message.objects.get(pk=pk)
        record(
            verb=verb,
            actor=actor,
            subject=message,
            now=now,
            reason=reason,
            data={"milestone": message.milestone},
        )
    return message


CUT_OFF_AFTER = timedelta(minutes=10)
"""A mail “being sent” for longer was cut off."""
