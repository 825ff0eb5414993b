"""Care of what is sealed here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from audit.recording import Actor, record
from certificates.models import Sealed
from onboarding import sealing
from onboarding.models import ContactDetails, PortalLink


def rewrap_sealed(*, actor: Actor, now: datetime) -> int:
    """Put every contact's details and link token under the active key-encryption key; return how many changed.

    Safe to repeat and to interrupt: each row is a transaction of its own. Raises SealFailed at the first row that
    does not open; that row stays as it was.
    """
    kinds: tuple[type[Sealed], ...] = (ContactDetails, PortalLink)
    return sum(_rewrap(kind, pk, actor=actor, now=now) for kind in kinds for pk in list(_keys(kind)))


def _keys(kind: type[Sealed]) -> Iterable[Any]:
    return kind._default_manager.values_list("pk", flat=True)


def _rewrap(kind: type[Sealed], pk: Any, *, actor: Actor, now: datetime) -> bool:
    with transaction.atomic():
        row = kind._default_manager.select_for_update(no_key=True).filter(pk=pk).first()
        if row is None or not sealing.rewrap(row):
            return False
        row.save(update_fields=["provider", "kek_version", "wrapped_dek", "dek_nonce"])
        record(
            verb="onboarding.rewrapped", actor=actor, subject=row, now=now, data={"version": row.kek_version}
        )
    return True
