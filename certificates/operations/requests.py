"""From a new key to the request in the bank's hands."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.views.decorators.debug import sensitive_variables

from audit.recording import Actor
from audit.workflow import OperationRefused, perform
from certificates import custody, profiles, queries, x509
from certificates.models import Environment, KeyPair, KeyUse


class RequestRefused(OperationRefused):
    """No signing request can be made like this."""


@sensitive_variables()
def generate_csr(
    *,
    scope: str,
    use: str,
    environment: str,
    subject: x509.Subject | None = None,
    actor: Actor,
    now: datetime,
) -> KeyPair:
    """Make a new key, seal it and return its row with the signing request in ``csr_pem``.

    Returns the request already under way for this scope, use and environment if there is one. ``subject``
    defaults to ``settings.CSR_SUBJECT`` with a common name of this scope's own. Raises RequestRefused,
    CustodyFailed, or PermissionMissing; then nothing is stored.
    """
    _check_words(scope, use, environment)
    under_way = queries.open_request(scope=scope, use=use, environment=environment)
    if under_way is not None:
        return under_way
    wanted = subject or default_subject(scope=scope, use=use, environment=environment)
    profile = profiles.profile(environment)
    defects = profile.subject_defects(wanted)
    if defects:
        raise RequestRefused("The bank would refuse this request: " + " ".join(defects), defects)
    private = x509.make_key(profile.algorithm)
    csr = x509.make_csr(private, wanted, client_auth=use == KeyUse.TRANSPORT)
    key = KeyPair(
        pk=uuid.uuid4(),
        scope=scope,
        use=use,
        environment=environment,
        algorithm=profile.algorithm,
        spki_sha256=x509.spki_sha256(private.public_key()),
        common_name=wanted.common_name,
        csr_pem=x509.csr_pem(csr),
        owner=actor.account if actor.kind == "user" else None,
        created_at=now,
    )
    return _store(key, private, actor, now)


def mark_submitted(
    *,
    pk: uuid.UUID | str,
    actor: Actor,
    now: datetime,
    reason: str = "",
    to: str = "J.P. Morgan developer portal",
    reference: str = "",
) -> KeyPair:
    """Record when, to whom and under which reference the request was handed in. Raises TransitionRefused."""
    key, data = KeyPair.objects.get(pk=pk), {"submitted_to": to, "reference": reference}
    return perform(
        key, "submit", actor=actor, now=now, reason=reason, data=data, at=now, to=to, reference=reference
    )


def reject_key(*, pk: uuid.UUID | str, actor: Actor, now: datetime, reason: str = "") -> KeyPair:
    """Record that the bank refused the request. Raises TransitionRefused."""
    return perform(KeyPair.objects.get(pk=pk), "reject", actor=actor, now=now, reason=reason)


def default_subject(*, scope: str, use: str, environment: str) -> x509.Subject:
    """Return the six fields a request carries when nobody says otherwise."""
    common_name = profiles.common_name(scope, use, environment)
    return x509.Subject.from_fields(settings.CSR_SUBJECT, common_name=common_name)


@sensitive_variables()
def _store(key: KeyPair, private: x509.PrivateKey, actor: Actor, now: datetime) -> KeyPair:
    try:
        with transaction.atomic():
            key.save(force_insert=True)
            custody.seal(key=key, private=private, now=now)
            data = {"use": key.use, "environment": key.environment, "public_key": key.spki_sha256}
            return perform(key, "issue_csr", actor=actor, now=now, data=data)
    except IntegrityError:
        # Somebody asked for the same at the same moment; theirs is the request, ours was rolled back.
        first = queries.open_request(scope=key.scope, use=key.use, environment=key.environment)
        if first is None:
            raise RequestRefused(
                "This public key was seen before; a new one is made for every request."
            ) from None
        return first


def _check_words(scope: str, use: str, environment: str) -> None:
    if not scope or len(scope) > 200:
        raise RequestRefused("A key needs an owner of 1 to 200 characters.")
    if use not in KeyUse.values:
        raise RequestRefused(f"“{use}” is not a use of a key: {', '.join(KeyUse.values)}.")
    if environment not in Environment.values:
        raise RequestRefused(f"“{environment}” is not an environment: {', '.join(Environment.values)}.")
