"""The monitor: telling people, once, that a certificate ends, and pressing when nobody answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from audit.recording import Actor, record
from audit.workflow import OperationRefused, PermissionMissing
from certificates import notices, watch
from certificates.models import Certificate, MonitorRun, Notice, NoticeMail
from certificates.operations import notice_mail, outbox

_NOBODY = Actor.task("warn_expiring_certificates")


class NoticeSettled(OperationRefused):
    """There is nothing to acknowledge: somebody did, or a nearer notice took this one's place."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a run of the monitor did: new notices that are told, notices escalated, and mails sent."""

    new: list[Notice]
    escalated: list[Notice]
    sent: int


def watch_expiry(*, now: datetime, actor: Actor = _NOBODY) -> Watched:
    """Write a notice for every threshold crossed and not yet noticed, queue and send the mails, leave a heartbeat.

    A threshold the schedule slept over is written as superseded by the nearer one. However often and late this runs,
    each notice is mailed once to each role, escalated once, and each week has one digest; a mail server that fails
    leaves its mails for the next run. Raises RuntimeError inside a transaction.
    """
    with transaction.atomic(durable=True):
        due = list(watch.expiring(now=now, within=notices.HORIZON).prefetch_related("notices"))
        new = [notice for notice in (_notice(item, now) for item in due) if notice is not None]
        pressing = _pressing([*new, *(notice for item in due for notice in item.notices.all())], now)
        steps = {
            step.certificate.pk: step
            for step in watch.renewals_of({n.certificate for n in [*new, *pressing]}, now=now)
        }
        roles = {n.pk: notice_mail.queue_notice(n, steps[n.certificate_id], now=now) for n in new}
        escalated = [n for n in pressing if notice_mail.queue_escalation(n, steps[n.certificate_id], now=now)]
        notice_mail.queue_digest(now=now)
        _record(new, roles, escalated, actor, now)
    sent = outbox.send_pending_mails(now=now)
    # Last: a run that broke off on its way is no sign of life.
    beat = {"at": now, "watched": len(due), "noticed": len(new), "sent": sent}
    if not MonitorRun.objects.filter(name="expiry").update(**beat):
        MonitorRun.objects.get_or_create(name="expiry", defaults=beat)
    return Watched(new, escalated, sent)


def acknowledge_notice(*, pk: int, actor: Actor, now: datetime, reason: str = "") -> Notice:
    """Say, as a person, that somebody takes care: this notice and earlier ones of its certificate are not escalated.

    A nearer notice of the same certificate asks again. Raises PermissionMissing or NoticeSettled.
    """
    account = actor.account
    if account is None or not account.has_perm("certificates.acknowledge_notice"):
        raise PermissionMissing(
            "A notice is acknowledged by a person with the right “certificates.acknowledge_notice”."
        )
    with transaction.atomic():
        notice = Notice.objects.select_for_update(of=("self",)).select_related("certificate__key").get(pk=pk)
        if notice.superseded_by_id is not None:
            raise NoticeSettled("A nearer notice took the place of this one: acknowledge that one.")
        if notice.acknowledged_at is not None:
            raise NoticeSettled("Somebody acknowledged this notice already.")
        Notice.objects.filter(
            certificate=notice.certificate_id, threshold__gte=notice.threshold, acknowledged_at=None
        ).update(acknowledged_at=now, acknowledged_by=f"{actor.kind}:{actor.key}")
        notice.refresh_from_db(fields=["acknowledged_at", "acknowledged_by"])
        record(
            verb="certificates.expiry_acknowledged", actor=actor, subject=notice.certificate, now=now,
            reason=reason, data={"threshold": notice.threshold},
        )  # fmt: skip
    return notice


def alarm_if_monitor_stopped(*, now: datetime) -> bool:
    """Mail operations, once a day, that the monitor has not run for 26 hours; return whether it has stopped.

    For another scheduled job to call: the monitor cannot report its own end. Raises RuntimeError in a transaction.
    """
    since = watch.monitor_stopped_since(now=now)
    if since is None:
        return False
    with transaction.atomic(durable=True):
        notice_mail.queue_alarm(since=since, now=now)
    outbox.send_pending_mails(now=now, topic="stopped:")
    return True


def _notice(certificate: Certificate, now: datetime) -> Notice | None:
    """Return the new notice that is due, after writing it and those the schedule slept over; None when none is."""
    told = {notice.threshold for notice in certificate.notices.all()}
    due = notices.threshold_due(not_after=certificate.not_after, now=now)
    if due is None or due in told:
        return None
    notice, created = Notice.objects.get_or_create(
        certificate=certificate, threshold=due, defaults={"recorded_at": now}
    )
    if not created:
        return None  # another run, at this very moment
    missed = notices.slept_over(
        not_after=certificate.not_after, since=certificate.installed_at, due=due, told=told
    )
    Notice.objects.bulk_create(
        Notice(certificate=certificate, threshold=threshold, recorded_at=now, superseded_by=notice)
        for threshold in missed
    )
    return notice


def _pressing(known: Iterable[Notice], now: datetime) -> list[Notice]:
    """Return, per certificate, the nearest notice that nobody acknowledged in time and that is not escalated yet."""
    nearest: dict[int, Notice] = {}
    for notice in known:
        at = notices.escalates_at(threshold=notice.threshold, recorded_at=notice.recorded_at)
        settled = notice.superseded_by_id is not None or notice.acknowledged_at is not None
        if settled or at is None or at > now:
            continue
        had = nearest.get(notice.certificate_id)
        if had is None or notice.threshold < had.threshold:
            nearest[notice.certificate_id] = notice
    topics = {f"escalation:{notice.pk}": notice for notice in nearest.values()}
    done = NoticeMail.objects.filter(topic__in=topics).values_list("topic", flat=True) if topics else ()
    return [topics[topic] for topic in topics.keys() - set(done)]


def _record(
    new: list[Notice], roles: dict[int, list[str]], escalated: list[Notice], actor: Actor, now: datetime
) -> None:
    rows = Notice.objects.filter(superseded_by__in=new).values_list("superseded_by_id", "threshold")
    superseded = list(rows.order_by("-threshold")) if new else []
    for notice in new:
        data = {
            "threshold": notice.threshold,
            "to": roles[notice.pk],
            "superseded": [threshold for pk, threshold in superseded if pk == notice.pk],
        }
        record(
            verb="certificates.expiry_noticed", actor=actor, subject=notice.certificate, now=now, data=data
        )
    for notice in escalated:
        data = {"threshold": notice.threshold}
        record(
            verb="certificates.expiry_escalated", actor=actor, subject=notice.certificate, now=now, data=data
        )
