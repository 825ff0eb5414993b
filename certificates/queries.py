"""Questions about keys and certificates."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet

from certificates import permits
from certificates.models import (
    LIVE,
    OPEN,
    Act,
    Approval,
    ApprovalState,
    KeyEnvelope,
    KeyPair,
    KeyState,
)
from certificates.watch import Renewal as Renewal
from certificates.watch import expiring as expiring
from certificates.watch import renewals_due as renewals_due


def usable(*, scope: str, use: str, now: datetime) -> KeyPair | None:
    """Return the scope's active key for ``use`` whose certificate is in date at ``now``, or None."""
    return (
        KeyPair.objects.filter(
            scope=scope,
            use=use,
            state=KeyState.ACTIVE,
            certificate__not_before__lte=now + timedelta(minutes=5),
            certificate__not_after__gt=now,
        )
        .select_related("certificate")
        .order_by("-activated_at")
        .first()
    )


def open_request(*, scope: str, use: str, environment: str) -> KeyPair | None:
    """Return the request under way for this owner, use and environment, or None."""
    return KeyPair.objects.filter(scope=scope, use=use, environment=environment, state__in=OPEN).first()


def keys_of(*, scope: str) -> QuerySet[KeyPair]:
    """Return every key of one owner with its certificate, newest first."""
    return KeyPair.objects.filter(scope=scope).select_related("certificate").order_by("-created_at", "pk")


def owners() -> list[str]:
    """Return the scope of everybody who has, or had, a key."""
    return list(KeyPair.objects.order_by("scope").values_list("scope", flat=True).distinct())


def common_names_elsewhere(*, environment: str) -> set[str]:
    """Return the common names in use in other environments: a request must not repeat one."""
    others = KeyPair.objects.filter(state__in=[*OPEN, *LIVE]).exclude(environment=environment)
    return set(others.order_by().values_list("common_name", flat=True).distinct())


def live_under(*, common_name: str, now: datetime) -> QuerySet[KeyPair]:
    """Return the keys whose unexpired certificates share a common name at the bank."""
    return KeyPair.objects.filter(
        common_name=common_name, state__in=LIVE, certificate__not_after__gt=now
    ).order_by("created_at", "pk")


def decidable(*, user: Any, now: datetime) -> list[Approval]:
    """Return the requests of others that this person may allow or decline now, the oldest first."""
    if not user.has_perm(permits.MAY_DECIDE):
        return []
    me = f"user:{user.pk}"
    acts = [act for act, right in permits.RIGHTS.items() if user.has_perm(right)]
    found = Approval.objects.filter(state=ApprovalState.REQUESTED, act__in=acts, expires_at__gt=now)
    found = found.exclude(requested_by=me).exclude(act=Act.ACTIVATE, key__installed_by=me)
    return list(found.select_related("key").order_by("requested_at", "pk"))


def envelopes_per_version() -> dict[tuple[str, str], int]:
    """Return how many keys each (provider, version) seals: one absent here may leave the keyring."""
    rows = KeyEnvelope.objects.order_by().values_list("provider", "kek_version").annotate(rows=Count("pk"))
    return {(provider, version): count for provider, version, count in rows}
