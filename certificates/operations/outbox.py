"""Sending what is queued about certificates, once each.

Record, commit, send, record. A crash between sending and recording leaves the mail “being sent”: whether it left
nobody knows, so it is not sent again by itself; after ten minutes a person is asked.
"""

from __future__ import annotations

import contextlib
import smtplib
from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F, Q
from django.views.decorators.debug import sensitive_variables

from audit.recording import Actor, record
from audit.workflow import OperationRefused, PermissionMissing
from certificates import watch
from certificates.models import MailState, NoticeMail, Role

log = structlog.get_logger("lockkeeper.certificates")

ATTEMPTS = 4
PAUSES = (timedelta(minutes=30), timedelta(hours=2), timedelta(hours=8))
SILENT = timedelta(minutes=30)
"""A mail server that did not answer is asked again after this long, without end."""
NOT_ACCEPTED = (
    smtplib.SMTPHeloError,
    smtplib.SMTPSenderRefused,
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPDataError,
    smtplib.SMTPNotSupportedError,
)
"""After these the server has certainly not taken the mail."""
_NOBODY = Actor.task("warn_expiring_certificates")


class MailNotFailed(OperationRefused):
    """Only a mail that failed, or whose sending was cut off, can be sent again or given up by a person."""


class _CutOff(Exception):
    """The connection broke while a mail was being sent."""


def send_pending_mails(*, now: datetime, topic: str = "") -> int:
    """Send every queued mail (whose topic begins with ``topic``) whose time has come; return how many were sent.

    Safe under any number of workers. Raises RuntimeError inside a transaction.
    """
    roles = [role for role in Role if role == Role.OWNER or _address_of(role)]
    due = NoticeMail.objects.filter(state=MailState.QUEUED, role__in=roles, topic__startswith=topic)
    due = due.filter(Q(not_before=None) | Q(not_before__lte=now)).order_by("queued_at", "pk")
    waiting = list(due.values_list("pk", flat=True))
    if not waiting:
        return 0
    sent = 0
    try:
        with _mail_server() as server:
            for pk in waiting:
                sent += _send_one(server, pk, now=now)
    except _CutOff:
        return sent  # the others keep their place in the queue
    except (OSError, smtplib.SMTPException) as problem:
        # Nothing was claimed yet, so nothing is in doubt.
        log.warning("mail server silent", problem=type(problem).__name__)
        still = NoticeMail.objects.filter(pk__in=waiting, state=MailState.QUEUED)
        still.update(not_before=now + SILENT, problem=f"The mail server is silent: {type(problem).__name__}")
    return sent


def resend_notice_mail(*, pk: int, actor: Actor, now: datetime, reason: str = "") -> NoticeMail:
    """Queue a failed or cut-off mail again, on a person's word. Raises MailNotFailed or PermissionMissing."""
    return _decide(
        pk, MailState.QUEUED, verb="certificates.mail_requeued", actor=actor, now=now, reason=reason
    )


def drop_notice_mail(*, pk: int, actor: Actor, now: datetime, reason: str = "") -> NoticeMail:
    """Give a failed or cut-off mail up, on a person's word. Raises MailNotFailed or PermissionMissing."""
    return _decide(
        pk, MailState.DROPPED, verb="certificates.mail_dropped", actor=actor, now=now, reason=reason
    )


@contextlib.contextmanager
def _mail_server() -> Iterator[BaseEmailBackend]:
    server = get_connection()
    server.open()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.close()


@sensitive_variables("address", "message")
def _send_one(server: BaseEmailBackend, pk: int, *, now: datetime) -> bool:
    if not _claim(pk, now=now):
        return False
    mail = NoticeMail.objects.select_related("recipient").get(pk=pk)
    address = mail.recipient.email if mail.recipient and mail.recipient.is_active else ""
    address = address if mail.role == Role.OWNER else _address_of(Role(mail.role))
    if not address:
        return _settle(mail, MailState.DROPPED, now=now, problem="The owner has no address any more.")
    message = EmailMessage(
        mail.subject, mail.text, settings.DEFAULT_FROM_EMAIL, [address],
        headers={"Auto-Submitted": "auto-generated"}, connection=server,
    )  # fmt: skip
    try:
        message.send()
    except NOT_ACCEPTED as refusal:
        return _not_accepted(mail, type(refusal).__name__, now=now)
    except (OSError, smtplib.SMTPException) as unclear:
        # The server may have taken it: it stays “being sent” until a person decides.
        log.warning("certificate mail cut off", mail=pk, problem=type(unclear).__name__)
        NoticeMail.objects.filter(pk=pk, state=MailState.SENDING).update(
            problem=f"Cut off: {type(unclear).__name__}"
        )
        raise _CutOff from None
    return _settle(mail, MailState.SENT, now=now)


def _claim(pk: int, *, now: datetime) -> bool:
    with transaction.atomic(durable=True):
        claimed = NoticeMail.objects.filter(pk=pk, state=MailState.QUEUED).update(
            state=MailState.SENDING, sending_at=now, attempts=F("attempts") + 1, problem=""
        )
    return claimed == 1


def _settle(mail: NoticeMail, state: MailState, *, now: datetime, problem: str = "") -> bool:
    sent = state == MailState.SENT
    with transaction.atomic():
        changed = NoticeMail.objects.filter(pk=mail.pk, state=MailState.SENDING).update(
            state=state, problem=problem, sent_at=now if sent else None
        )
        if changed:
            data = {"topic": mail.topic, "role": mail.role}
            record(verb=f"certificates.mail_{state.value}", actor=_NOBODY, subject=mail, now=now, data=data)
    return sent


def _not_accepted(mail: NoticeMail, problem: str, *, now: datetime) -> bool:
    if mail.attempts >= ATTEMPTS:
        said = f"The mail server did not take it: {problem}"
        return _settle(mail, MailState.FAILED, now=now, problem=said)
    again = now + PAUSES[min(mail.attempts, len(PAUSES)) - 1]
    NoticeMail.objects.filter(pk=mail.pk, state=MailState.SENDING).update(
        state=MailState.QUEUED, not_before=again, problem=problem
    )
    return False


def _decide(pk: int, state: MailState, *, verb: str, actor: Actor, now: datetime, reason: str) -> NoticeMail:
    if actor.account is not None and not actor.account.has_perm("certificates.resend_noticemail"):
        raise PermissionMissing("You may not decide about mails: it needs “certificates.resend_noticemail”.")
    with transaction.atomic():
        changed = NoticeMail.objects.filter(
            pk__in=watch.undecided_mails(now=now).order_by().values("pk").filter(pk=pk)
        ).update(state=state, not_before=None, attempts=0, problem="")
        if not changed:
            raise MailNotFailed("This mail did not fail; there is nothing to decide.")
        mail = NoticeMail.objects.get(pk=pk)
        data = {"topic": mail.topic, "role": mail.role}
        record(verb=verb, actor=actor, subject=mail, now=now, reason=reason, data=data)
    return mail


def _address_of(role: Role) -> str:
    """Return the configured address of a role that is no person's; empty without one."""
    if role == Role.ESCALATION:
        return str(settings.ESCALATION_EMAIL or settings.OPS_EMAIL)
    return str(settings.OPS_EMAIL)
