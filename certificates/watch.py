"""What the expiry monitor asks: what ends, what replaces it, what waits for a person, and whether it runs itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from certificates import notices, renewal
from certificates.models import (
    LIVE,
    OPEN,
    UNDECIDED,
    Act,
    Approval,
    Certificate,
    KeyPair,
    KeyState,
    MailState,
    MonitorRun,
    NoticeMail,
)
from certificates.renewal import Step

RETIRES_SOON = timedelta(days=7)
"""From one weekly digest to the next."""
MAIL_CUT_OFF = timedelta(minutes=10)
"""A mail “being sent” for longer was cut off."""
MAIL_WAITS = timedelta(hours=3)
"""The monitor runs hourly and tries a silent mail server at every run; a mail waiting for longer is stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """One certificate to renew: whole days left (negative once it has ended), the next step, what to do, where."""

    certificate: Certificate
    days_left: int
    ended: bool
    step: Step
    label: str
    advice: str
    url: str
    successor: KeyPair | None


def expiring(*, now: datetime, within: timedelta) -> QuerySet[Certificate]:
    """Return the live certificates that end before ``now + within`` (ended ones too), the soonest first.

    One whose successor is active, proven at the bank, and runs longer is left out.
    """
    found = unreplaced().filter(not_after__lte=now + within).select_related("key__owner")
    return found.defer("pem", "chain_pem", "key__csr_pem").order_by("not_after", "pk")


def unreplaced() -> QuerySet[Certificate]:
    """Return the live certificates that no active, proven and longer-lived successor replaces."""
    return (
        Certificate.objects.filter(key__state__in=LIVE)
        .exclude(Exists(proven_successors()))
        .select_related("key")
    )


def proven_successors() -> QuerySet[KeyPair]:
    """Return, for a subquery over certificates, the keys that replace one: active, proven, with a later end."""
    # Only these silence a certificate: one that merely exists, or that the bank never let in, proves nothing.
    return KeyPair.objects.filter(
        scope=OuterRef("key__scope"),
        use=OuterRef("key__use"),
        environment=OuterRef("key__environment"),
        state=KeyState.ACTIVE,
        proven_at__isnull=False,
        certificate__not_after__gt=OuterRef("not_after"),
    )


def renewals_due(now: datetime) -> list[Renewal]:
    """Return the certificates to renew from 60 days before their end on, the soonest first, each with its next step."""
    return renewals_of(expiring(now=now, within=renewal.BEGINS), now=now)


def renewals_of(certificates: Iterable[Certificate], *, now: datetime) -> list[Renewal]:
    """Return where the renewal of each certificate stands, in the order given; two queries for all of them."""
    wanted = list(certificates)
    others: dict[tuple[str, str, str], list[KeyPair]] = {}
    asked: set[uuid.UUID] = set()
    if wanted:
        keys = KeyPair.objects.filter(
            scope__in={item.key.scope for item in wanted}, state__in=[*OPEN, *LIVE]
        ).select_related("certificate")
        keys = keys.defer("csr_pem", "certificate__pem", "certificate__chain_pem")
        for key in keys.order_by("-created_at", "pk"):
            others.setdefault(_family(key), []).append(key)
        asked |= set(
            approvals_waiting(now=now)
            .filter(act=Act.ACTIVATE, key__isnull=False)
            .values_list("key_id", flat=True)
        )
    return [_renewal(item, others.get(_family(item.key), []), asked, now) for item in wanted]


def without_owner() -> QuerySet[KeyPair]:
    """Return the keys in use or requested that nobody hears about: no owner, or one without a working address."""
    heard = Q(owner__isnull=False, owner__is_active=True) & ~Q(owner__email="")
    return KeyPair.objects.filter(state__in=[*OPEN, *LIVE]).exclude(heard).order_by("common_name", "pk")


def never_proven() -> QuerySet[KeyPair]:
    """Return the keys with a certificate that never let us in at the bank."""
    return KeyPair.objects.filter(state__in=LIVE, proven_at=None).order_by("common_name", "pk")


def retiring(*, now: datetime, within: timedelta = RETIRES_SOON) -> QuerySet[KeyPair]:
    """Return the keys on standby that retire by themselves before ``now + within``, the soonest first."""
    return KeyPair.objects.filter(state=KeyState.STANDBY, standby_until__lte=now + within).order_by(
        "standby_until", "pk"
    )


def approvals_waiting(*, now: datetime) -> QuerySet[Approval]:
    """Return the acts that wait for a second person, or for being done, and have not lapsed; the oldest first."""
    found = Approval.objects.filter(state__in=UNDECIDED, expires_at__gt=now)
    return found.select_related("key").order_by("requested_at", "pk")


def undecided_mails(*, now: datetime) -> QuerySet[NoticeMail]:
    """Return the mails a person must decide about: failed, or cut off while being sent."""
    cut_off = Q(state=MailState.SENDING, sending_at__lte=now - MAIL_CUT_OFF)
    return NoticeMail.objects.filter(Q(state=MailState.FAILED) | cut_off)


def stuck_mails(*, now: datetime) -> QuerySet[NoticeMail]:
    """Return the mails that a person should know of: undecided ones, and those waiting for three hours."""
    waits = Q(pk__in=undecided_mails(now=now).order_by().values("pk"))
    return NoticeMail.objects.filter(waits | Q(state=MailState.QUEUED, queued_at__lte=now - MAIL_WAITS))


def mails_not_out() -> dict[str, int]:
    """Return how many mails are queued, being sent and failed."""
    states = (MailState.QUEUED, MailState.SENDING, MailState.FAILED)
    rows = NoticeMail.objects.filter(state__in=states).order_by().values_list("state").annotate(Count("pk"))
    return {state.value: 0 for state in states} | dict(rows)


def live_certificates() -> list[Certificate]:
    """Return the certificates of keys in use or about to be, the soonest to end first."""
    return list(
        Certificate.objects.filter(key__state__in=LIVE)
        .select_related("key")
        .defer("pem", "chain_pem", "key__csr_pem")
        .order_by("not_after", "pk")
    )


def last_run() -> datetime | None:
    """Return when the last completed run of the monitor began; None: there was none."""
    return MonitorRun.objects.order_by().values_list("at", flat=True).first()


def monitor_stopped_since(*, now: datetime) -> datetime | None:
    """Return since when the monitor has not run, if that is longer than 26 hours; else None.

    Before its first run the time counts from the first certificate installed.
    """
    since = last_run()
    if since is None:
        since = Certificate.objects.order_by("installed_at").values_list("installed_at", flat=True).first()
    return since if since is not None and now - since > notices.MONITOR_LIMIT else None


def _family(key: KeyPair) -> tuple[str, str, str]:
    return key.scope, key.use, key.environment


def _renewal(
    certificate: Certificate, family: list[KeyPair], asked: set[uuid.UUID], now: datetime
) -> Renewal:
    others = [key for key in family if key.pk != certificate.key_id]
    ended, environment = certificate.not_after <= now, certificate.key.environment
    found = renewal.furthest(_as_successor(key, certificate, asked) for key in others)
    step, successor = (found[0], others[found[1]]) if found else (renewal.first_step(ended=ended), None)
    return Renewal(
        certificate=certificate,
        days_left=(certificate.not_after - now).days,
        ended=ended,
        step=step,
        label=renewal.label(step, environment=environment),
        advice=renewal.advice(step, environment=environment, ended=ended),
        url=_place(certificate, successor),
        successor=successor,
    )


def _as_successor(key: KeyPair, certificate: Certificate, asked: set[uuid.UUID]) -> renewal.Successor:
    issued = getattr(key, "certificate", None)
    return renewal.Successor(
        state=str(key.state),
        outlives=issued is not None and issued.not_after > certificate.not_after,
        proven=key.proven_at is not None,
        asked=key.pk in asked,
    )


def _place(certificate: Certificate, successor: KeyPair | None) -> str:
    if successor is not None:
        return reverse("admin:certificates_keypair_change", args=[successor.pk])
    return reverse("admin:certificates_keypair_renewal", args=[certificate.key_id])
