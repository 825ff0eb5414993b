"""Sealing for the other apps' rows. Private keys do not pass here: they are used through ``identity``."""

from __future__ import annotations

from datetime import datetime

from django.views.decorators.debug import sensitive_variables

from certificates import custody
from certificates.custody import CustodyFailed as SealFailed
from certificates.models import KeyEnvelope, Sealed

__all__ = ["NotForKeys", "SealFailed", "open_row", "seal_into"]


class NotForKeys(SealFailed):
    """A private key was to be sealed or opened by the door for other rows."""


@sensitive_variables()
def seal_into(row: Sealed, plaintext: bytes, *, now: datetime) -> None:
    """Put ``plaintext`` sealed into the columns of ``row``, which the caller saves.

    The row needs its primary key: the seal is bound to it. Raises SealFailed.
    """
    _refuse_keys(row)
    custody.seal_into(row, plaintext, now=now)


@sensitive_variables()
def open_row(row: Sealed) -> bytes:
    """Return what ``row`` holds; the caller records why. Raises NotForKeys or SealFailed."""
    _refuse_keys(row)
    return custody.open_row(row)


def _refuse_keys(row: Sealed) -> None:
    # By table too: a model of somebody else's over our table would be no KeyEnvelope.
    if isinstance(row, KeyEnvelope) or row._meta.db_table == KeyEnvelope._meta.db_table:
        raise NotForKeys("Private keys are sealed and opened by custody alone.")
