"""What a mail about certificates says, and putting it into the outbox: once per topic and role.

No mail holds a secret, or personal data beyond the address it goes to.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from certificates import notices, renewal, watch
from certificates.models import Certificate, KeyPair, Notice, NoticeMail, Role
from certificates.watch import Renewal


def queue_notice(notice: Notice, step: Renewal, *, now: datetime) -> list[str]:
    """Queue the notice for operations, and for the key's owner where one can be mailed; return the roles."""
    topic, context = f"notice:{notice.pk}", _about(notice, step)
    _queue(topic, Role.OPS, "notice", context, now=now, notice=notice)
    owner = notice.certificate.key.owner
    if owner is None or not owner.is_active or not owner.email:
        return [Role.OPS.value]
    _queue(topic, Role.OWNER, "notice", context, now=now, notice=notice, recipient=owner)
    return [Role.OPS.value, Role.OWNER.value]


def queue_escalation(notice: Notice, step: Renewal, *, now: datetime) -> bool:
    """Queue the escalation of a notice nobody acknowledged; return whether it is new."""
    context = _about(notice, step)
    return _queue(f"escalation:{notice.pk}", Role.ESCALATION, "escalation", context, now=now, notice=notice)


def queue_digest(*, now: datetime) -> bool:
    """Queue the digest of this week unless it is there, or operations have no address; return whether it is new.

    It is sent when nothing is wrong too, so that silence is a signal.
    """
    week = notices.week_of(now)
    topic = f"digest:{week}"
    if not settings.OPS_EMAIL or NoticeMail.objects.filter(topic=topic).exists():
        return False
    ending = watch.renewals_of(watch.expiring(now=now, within=notices.HORIZON), now=now)
    context = {
        "week": week,
        "ending": ending,
        "renewal_begins": renewal.BEGINS.days,
        "without_owner": list(watch.without_owner()),
        "never_proven": list(watch.never_proven()),
        "retiring": list(watch.retiring(now=now)),
        "approvals": list(watch.approvals_waiting(now=now)),
        "mails": watch.stuck_mails(now=now).count(),
        "url": _address("admin:index"),
    }
    return _queue(topic, Role.OPS, "digest", context, now=now)


def queue_alarm(*, since: datetime, now: datetime) -> bool:
    """Queue the alarm that the monitor itself stopped, once a day; return whether it is new."""
    topic = f"stopped:{now:%Y-%m-%d}"
    if not settings.OPS_EMAIL or NoticeMail.objects.filter(topic=topic).exists():
        return False
    return _queue(topic, Role.OPS, "stopped", {"since": since, "url": _address("admin:index")}, now=now)


def describe(notice: Notice) -> str:
    """Return one line for a person: whose certificate ends, and when."""
    certificate = notice.certificate
    key = certificate.key
    what = "has ended" if notice.threshold == notices.EXPIRED else "ends"
    return f"{key.scope} {key.use} {key.environment}: {what} {certificate.not_after:%Y-%m-%d %H:%M} UTC"


def _about(notice: Notice, step: Renewal) -> dict[str, Any]:
    certificate: Certificate = notice.certificate
    key: KeyPair = certificate.key
    early = certificate.not_after - renewal.BEGINS
    return {
        "certificate": certificate,
        "key": key,
        "ended": notice.threshold == notices.EXPIRED,
        "begins": early if notice.threshold > renewal.BEGINS.days else None,
        "advice": step.advice,
        "url": f"{settings.PUBLIC_URL}{step.url}",
        "acknowledge": _address("admin:certificates_notice_change", notice.pk)
        if notice.threshold in notices.PATIENCE
        else "",
    }


def _queue(
    topic: str, role: Role, template: str, context: dict[str, Any], *, now: datetime, **more: Any
) -> bool:
    base = f"certificates/mail/{template}"
    subject = " ".join(render_to_string(f"{base}.subject", context).split())[:200]
    text = render_to_string(f"{base}.txt", context).strip() + "\n"
    _, created = NoticeMail.objects.get_or_create(
        topic=topic, role=role, defaults={"subject": subject, "text": text, "queued_at": now, **more}
    )
    return created


def _address(view: str, *arguments: object) -> str:
    return f"{settings.PUBLIC_URL}{reverse(view, args=arguments)}"
