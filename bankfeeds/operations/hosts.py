"""The bank's hosts: telling operations of an outage, once, and having a host called again on a person's word."""

from __future__ import annotations

import contextlib
import smtplib
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.urls import reverse
from django.utils.formats import date_format

from audit.recording import Actor
from audit.workflow import OperationRefused, PermissionMissing
from bankfeeds.hosts import breaker, waiting
from bankfeeds.models import BankHost, Outage
from bankfeeds.models.host import BreakerState

log = structlog.get_logger("lockkeeper.bankfeeds")

TOLD_AFTER = timedelta(minutes=5)
"""An outage shorter than this is shown, and kept, but nobody is mailed about it."""


def call_host_again(*, pk: int, actor: Actor, now: datetime, reason: str = "") -> BankHost:
    """Have a host that is not called tried at once; all call it again when it answers. Raises OperationRefused."""
    if actor.account is not None and not actor.account.has_perm("bankfeeds.reset_bankhost"):
        raise PermissionMissing("You may not do this: it needs the right “bankfeeds.reset_bankhost”.")
    with transaction.atomic():
        host = BankHost.objects.select_for_update().get(pk=pk)
        if host.state == BreakerState.CLOSED:
            raise OperationRefused(f"{host.name} is called as usual.")
        return breaker.call_again(host=host, actor=actor, now=now, reason=reason)


def tell_of_outages(*, now: datetime) -> int:
    """Mail operations that an outage lasts, and that one they heard of is over: once each; return how many were sent.

    A mail is claimed before it is sent: a crash in between costs one mail and doubles none, and the console shows
    the outage either way. Where the mail server cannot be reached, the next run tries again. Raises RuntimeError inside
    a transaction.
    """
    if not settings.OPS_EMAIL:
        return 0
    begun = Outage.objects.filter(told_at=None, ended_at=None, began_at__lte=now - TOLD_AFTER)
    over = Outage.objects.filter(told_at__isnull=False, told_over_at=None, ended_at__isnull=False)
    sent = 0
    for field, rows, write in (("told_at", begun, _begun), ("told_over_at", over, _over)):
        for outage in rows.select_related("host").order_by("began_at", "pk"):
            sent += _send_once(outage, field, write(outage), now)
    return sent


def _send_once(outage: Outage, field: str, message: EmailMessage, now: datetime) -> bool:
    row = Outage.objects.filter(pk=outage.pk)
    with transaction.atomic(durable=True):
        if not row.filter(**{field: None}).update(**{field: now}):
            return False  # another worker, at this very moment
    message.connection = get_connection()
    try:
        message.connection.open()
    except (OSError, smtplib.SMTPException) as silent:
        log.warning("mail server silent", problem=type(silent).__name__)
        row.update(**{field: None})
        return False
    try:
        with contextlib.closing(message.connection):
            message.send()
    except (OSError, smtplib.SMTPException) as unclear:
        # It may have left: sent again, it could come twice.
        log.error("mail about an outage in doubt", outage=outage.pk, problem=type(unclear).__name__)
        return False
    return True


def _begun(outage: Outage) -> EmailMessage:
    host, feeds = outage.host, waiting.feeds_waiting_for(outage.host.name)
    next_try = f" It is tried again at {_moment(host.retry_at)}." if host.retry_at else ""
    text = (
        f"The bank's host {host.name} has not been reached since {_moment(outage.began_at)}.\n"
        f"{outage.sentence}\n\n"
        f"{feeds} feed{'' if feeds == 1 else 's'} wait{'s' if feeds == 1 else ''} for it. Nothing is lost and nothing "
        f"needs to be restarted: one pull at a time tries the host, and the others follow once it answers."
        f"{next_try}\n\n"
        "What to do: look at the bank's status page and at our own network; if both are well, ask the bank.\n"
        f"{_address(host)}\n"
    )
    return _mail(f"The bank's host {host.name} is not reached", text)


def _over(outage: Outage) -> EmailMessage:
    text = (
        f"The bank's host {outage.host.name} answers again since {_moment(outage.ended_at)}; it had not been reached "
        f"since {_moment(outage.began_at)}.\n\n"
        "The pulls that waited follow one after the other. There is nothing to do.\n"
        f"{_address(outage.host)}\n"
    )
    return _mail(f"The bank's host {outage.host.name} answers again", text)


def _mail(subject: str, text: str) -> EmailMessage:
    headers = {"Auto-Submitted": "auto-generated"}
    return EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, [settings.OPS_EMAIL], headers=headers)


def _address(host: BankHost) -> str:
    return str(settings.PUBLIC_URL).rstrip("/") + reverse("admin:bankfeeds_bankhost_change", args=[host.pk])


def _moment(at: datetime | None) -> str:
    return date_format(at, "DATETIME_FORMAT") if at else "–"
