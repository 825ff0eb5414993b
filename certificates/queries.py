"""Questions about keys and certificates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from certificates import permits
from certificates.models import (
    LIVE,
    OPEN,
    Act,
    Approval,
    ApprovalState,
    Certificate,
    KeyEnvelope,
    KeyPair,
    KeyState,
    sealed_models,
)
from certificates.watch import Renewal as Renewal
from certificates.watch import expiring as expiring
from certificates.watch import renewals_due as renewals_due
from certificates.watch import unreplaced


def usable(*, scope: str, use: str, now: datetime) -> KeyPair | None:
    """Return the scope's active key for ``use`` whose certificate is in date at ``now``, or None."""
    found = in_use(now=now).filter(scope=scope, use=use)
    return found.select_related("certificate").order_by("-activated_at").first()


def in_use(*, now: datetime) -> QuerySet[KeyPair]:
    """Return the active keys, of all owners and uses, whose certificates are in date at ``now``."""
    return KeyPair.objects.filter(
        state=KeyState.ACTIVE,
        certificate__not_before__lte=now + timedelta(minutes=5),
        certificate__not_after__gt=now,
    )


def predecessor(key: KeyPair, *, now: datetime) -> KeyPair | None:
    """Return the active key, in date at ``now``, that ``key`` would replace: same owner, use and environment."""
    return (
        KeyPair.objects.filter(
            scope=key.scope,
            use=key.use,
            environment=key.environment,
            state=KeyState.ACTIVE,
            certificate__not_after__gt=now,
        )
        .exclude(pk=key.pk)
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
    """Return how many rows each (provider, version) seals, over every sealed model.

    A version that is absent here may leave the keyring.
    """
    found: Counter[tuple[str, str]] = Counter()
    for model in sealed_models():
        rows = model._default_manager.order_by().values_list("provider", "kek_version")
        for provider, version, count in rows.annotate(rows=Count("pk")):
            found[provider, version] += count
    return dict(found)


def recovery_wraps() -> dict[str, int]:
    """Return how many rows have their second wrap for each recovery key (its fingerprint; empty: none at all)."""
    found: Counter[str] = Counter()
    for model in sealed_models():
        rows = model._default_manager.order_by().values_list("recovery_key").annotate(rows=Count("pk"))
        found.update(dict(rows))
    return dict(found)


@dataclass(frozen=True, slots=True)
class Seal:
    """How a private key is sealed: provider, version, and whether a recovery key could open it too."""

    provider: str
    version: str
    recoverable: bool


def seal_of(key: KeyPair) -> Seal | None:
    """Return how the key is sealed without reading what is sealed; None once it is destroyed."""
    row = KeyEnvelope.objects.filter(key=key).values_list("provider", "kek_version", "recovery_key").first()
    return Seal(row[0], row[1], bool(row[2])) if row else None


def neighbours(certificate: Certificate) -> tuple[Certificate | None, Certificate | None]:
    """Return the certificate before and the one after this among those of the same owner, use and environment."""
    key = certificate.key
    same = Certificate.objects.filter(
        key__scope=key.scope, key__use=key.use, key__environment=key.environment
    ).select_related("key")
    order = ("installed_at", "pk")
    earlier = Q(installed_at__lt=certificate.installed_at) | Q(
        installed_at=certificate.installed_at, pk__lt=certificate.pk
    )
    before = same.filter(earlier).order_by(*order).last()
    return before, same.exclude(earlier).exclude(pk=certificate.pk).order_by(*order).first()


def replaced(certificate: Certificate) -> bool:
    """Say whether nothing is lost when this certificate ends: its key is not in use, or a proven successor is."""
    return not unreplaced().filter(pk=certificate.pk).exists()


def ending(*, now: datetime, until: datetime) -> QuerySet[Certificate]:
    """Return the certificates still in use that end before ``until`` (ended ones too), the soonest first.

    Each carries ``replaced``: whether an active and proven successor runs longer. What was issued is not read.
    """
    return (
        Certificate.objects.filter(key__state__in=LIVE, not_after__lt=until)
        .annotate(replaced=~Exists(unreplaced().filter(pk=OuterRef("pk"))))
        .select_related("key")
        .only("not_before", "not_after", "key__common_name", "key__scope", "key__use", "key__environment",
              "key__state")
        .order_by("not_after", "pk")
    )  # fmt: skip


def in_use_ending(*, now: datetime, days: int) -> Q:
    """Return the condition "still in use and ends within ``days``"; with 0 days, "still in use and has ended"."""
    live = Q(key__state__in=LIVE)
    if not days:
        return live & Q(not_after__lte=now)
    return live & Q(not_after__gt=now, not_after__lte=now + timedelta(days=days))


def how_many_end(*, now: datetime, days: Sequence[int]) -> list[int]:
    """Return for each number of days how many certificates ``in_use_ending`` finds, in one query."""
    counts = {f"within_{n}": Count("pk", filter=in_use_ending(now=now, days=n)) for n in days}
    horizon = Q(not_after__lte=now + timedelta(days=max(days)))
    found = Certificate.objects.filter(horizon, key__state__in=LIVE).aggregate(**counts)
    return [found[name] for name in counts]
