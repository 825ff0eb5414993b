"""A certificate that a key of the test environment signs for itself."""

from __future__ import annotations

import uuid
from datetime import datetime

from cryptography import x509 as pyca
from django.views.decorators.debug import sensitive_variables

from audit.recording import Actor
from audit.workflow import OperationRefused, PermissionMissing
from certificates import custody, profiles, x509
from certificates.models import WAITING, Certificate, KeyPair
from certificates.operations.installation import install_certificate

PURPOSE = "self-sign"
"""What the audit record calls this use of the key."""


class SelfSigningRefused(OperationRefused):
    """No self-signed certificate is made for this request."""


@sensitive_variables()
def self_sign_for_test(
    *, pk: uuid.UUID | str, actor: Actor, now: datetime, reason: str = "", days: int = 365
) -> Certificate:
    """Sign the open test request ``pk`` with its own sealed key for ``days``, install the result, and return it.

    The use is recorded before the key is opened, and what comes out passes the same gate as the bank's answer.
    Raises SelfSigningRefused, PermissionMissing, CustodyFailed or ImportRefused; and RuntimeError inside a
    transaction.
    """
    if actor.account is not None and not actor.account.has_perm("certificates.install_certificate"):
        raise PermissionMissing(
            "You may not install certificates: it needs “certificates.install_certificate”."
        )
    key = KeyPair.objects.get(pk=pk)
    profile = profiles.profile(key.environment)
    _check(key, profile, days)
    subject = x509.Subject.from_name(pyca.load_pem_x509_csr(key.csr_pem.encode()).subject)
    client_auth = profile.client_auth(key.use)
    with custody.unseal(key=key, actor=actor, purpose=PURPOSE, now=now) as private:
        leaf = x509.self_sign(private, subject, days=days, now=now, client_auth=client_auth)
    return install_certificate(scope=key.scope, material=x509.pem(leaf).encode(), actor=actor, now=now)


def _check(key: KeyPair, profile: profiles.Profile, days: int) -> None:
    if not key.is_test or not profile.self_signed_allowed:
        raise SelfSigningRefused(
            "A self-signed certificate is for the test environment only: submit this request to the bank."
        )
    if key.state not in WAITING:
        raise SelfSigningRefused(f"The request of {key.common_name} is {key.get_state_display()}.")
    if not 1 <= days <= profile.longest_validity.days:
        raise SelfSigningRefused(
            f"A certificate runs for 1 to {profile.longest_validity.days} days ({profile.longest_validity_said})."
        )
