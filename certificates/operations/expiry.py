"""Telling people, once, that a certificate ends."""

from __future__ import annotations

import logging
import smtplib
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction

from audit.recording import Actor, record
from certificates import notices, queries
from certificates.models import Notice

logger = logging.getLogger(__name__)

_NOBODY = Actor.task("warn_expiring_certificates")


def record_expiry_notices(*, now: datetime, actor: Actor = _NOBODY) -> list[Notice]:
    """Write a notice for every threshold crossed and not yet noticed, and return the new ones.

    Once they are committed, everything not yet mailed goes to ``settings.OPS_EMAIL`` in one message, if that
    is set; a mail server that fails leaves them for the next run.
    """
    with transaction.atomic():
        due = queries.expiring(now=now, within=timedelta(days=max(notices.THRESHOLDS)))
        new = []
        for certificate in due:
            threshold = notices.threshold_due(not_after=certificate.not_after, now=now)
            if threshold is None:
                continue
            notice, created = Notice.objects.get_or_create(
                certificate=certificate, threshold=threshold, defaults={"recorded_at": now}
            )
            if created:
                new.append(notice)
        for notice in new:
            record(
                verb="certificates.expiry_noticed",
                actor=actor,
                subject=notice.certificate,
                now=now,
                data={"threshold": notice.threshold},
            )
        transaction.on_commit(lambda: _send_unsent(now))
    return new


def describe(notice: Notice) -> str:
    """Return one line for a person: whose certificate ends, and when."""
    certificate = notice.certificate
    key = certificate.key
    what = "has ended" if notice.threshold == notices.EXPIRED else "ends"
    return f"{key.scope} {key.use} {key.environment}: {what} {certificate.not_after:%Y-%m-%d %H:%M} UTC"


def _send_unsent(now: datetime) -> None:
    if not settings.OPS_EMAIL:
        return
    unsent = list(Notice.objects.filter(sent_at=None).select_related("certificate__key").order_by("pk"))
    if not unsent:
        return
    lines = [describe(notice) for notice in unsent]
    subject = f"{len(lines)} certificate notice{'s' if len(lines) > 1 else ''}"
    body = "\n".join([*lines, "", f"{settings.PUBLIC_URL}/admin/certificates/certificate/", ""])
    try:
        send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [settings.OPS_EMAIL])
    except (OSError, smtplib.SMTPException):
        logger.exception("expiry notices could not be mailed")
        return
    Notice.objects.filter(pk__in=[notice.pk for notice in unsent]).update(sent_at=now)
