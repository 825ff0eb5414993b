"""A new pair takes over in the test environment, by itself and only once the bank let it in.

In production the same proof is followed by another person's approval.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from audit.recording import Actor
from audit.workflow import PermissionMissing, perform
from certificates import queries
from certificates.holders import ProofFailed
from certificates.models import Certificate, KeyPair, KeyState
from certificates.operations.installation import install_certificate
from certificates.operations.lifecycle import lock_owner, stand_others_by
from certificates.operations.proof import prove_key

Clock = Callable[[], datetime]


def install_and_try(
    *,
    scope: str,
    material: bytes,
    actor: Actor,
    now: datetime,
    confirmed_drift: bool = False,
    clock: Clock | None = None,
) -> Certificate:
    """Install as ``install_certificate`` does and, in the test environment, try a successor at the bank at once.

    Let in, it takes over. Else it stays certified with the bank's words in ``key.proof_problem``, and the pair
    before goes on; the same certificate installed again is tried again. Raises as ``install_certificate``.
    """
    certificate = install_certificate(
        scope=scope, material=material, actor=actor, now=now, confirmed_drift=confirmed_drift
    )
    key = certificate.key
    if key.is_test and key.state == KeyState.CERTIFIED and certificate.in_date(now=now):
        try:
            certificate.key = _take_over_in_test(key, actor, now, clock)
        except (ProofFailed, PermissionMissing):
            certificate.key = KeyPair.objects.get(pk=key.pk)
    return certificate


def install_for_request(
    *,
    pk: uuid.UUID | str,
    material: bytes,
    actor: Actor,
    now: datetime,
    reason: str = "",
    confirmed_drift: bool = False,
) -> Certificate:
    """Install an upload for the owner of the request ``pk``. Raises as ``install_certificate``."""
    scope = KeyPair.objects.values_list("scope", flat=True).get(pk=pk)
    return install_and_try(
        scope=scope, material=material, actor=actor, now=now, confirmed_drift=confirmed_drift
    )


def prove_and_take_over(
    *, pk: uuid.UUID | str, actor: Actor, now: datetime, reason: str = "", clock: Clock | None = None
) -> KeyPair:
    """Try the key at the bank; a certified one of the test environment becomes active. Return it as it then is.

    Raises as ``prove_key``.
    """
    key = prove_key(pk=pk, actor=actor, now=now, reason=reason, clock=clock)
    return _go_live(key, actor, now) if key.is_test and key.state == KeyState.CERTIFIED else key


def _take_over_in_test(key: KeyPair, actor: Actor, now: datetime, clock: Clock | None) -> KeyPair:
    if queries.predecessor(key, now=now) is None:
        return _go_live(key, actor, now)  # the one it waited for has ended meanwhile: nothing to spoil
    return prove_and_take_over(pk=key.pk, actor=actor, now=now, clock=clock)


def _go_live(key: KeyPair, actor: Actor, now: datetime) -> KeyPair:
    with transaction.atomic():
        lock_owner(scope=key.scope)
        key = KeyPair.objects.get(pk=key.pk)
        if key.state != KeyState.CERTIFIED:
            return key  # somebody was faster
        # The old one first: two active keys of one owner are refused by the database.
        stand_others_by(key, actor=actor, now=now)
        return perform(key, "go_live_in_test", actor=actor, now=now, at=now)
