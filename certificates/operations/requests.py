"""From a new key to the request in the bank's hands."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.views.decorators.debug import sensitive_variables

from audit.recording import Actor, record
from audit.workflow import OperationRefused, PermissionMissing, perform
from certificates import custody, profiles, queries, x509
from certificates.models import Environment, KeyPair, KeyUse


class RequestRefused(OperationRefused):
    """No signing request can be made like this."""


class OwnerRefused(OperationRefused):
    """This person cannot look after a key."""


@sensitive_variables()
def generate_csr(
    *,
    scope: str,
    use: str,
    environment: str,
    subject: x509.Subject | None = None,
    algorithm: str = "",
    actor: Actor,
    now: datetime,
) -> KeyPair:
    """Make a new key, seal it and return its row with the signing request in ``csr_pem``.

    Returns the request already under way for this scope, use and environment if there is one. ``subject``
    defaults to ``settings.CSR_SUBJECT`` with a common name of this scope's own, ``algorithm`` to the bank
    profile's first choice. Raises RequestRefused, CustodyFailed, or PermissionMissing; then nothing is stored.
    """
    _check_words(scope, use, environment)
    under_way = queries.open_request(scope=scope, use=use, environment=environment)
    if under_way is not None:
        return under_way
    wanted = subject or default_subject(scope=scope, use=use, environment=environment)
    profile = profiles.profile(environment)
    algorithm = algorithm or profile.algorithm
    _check_rules(profile, wanted, algorithm)
    private = x509.make_key(algorithm)
    csr = x509.make_csr(private, wanted, client_auth=profile.client_auth(use))
    key = KeyPair(
        pk=uuid.uuid4(),
        scope=scope,
        use=use,
        environment=environment,
        algorithm=algorithm,
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


def assign_owner(
    *, pk: uuid.UUID | str, owner: Any, actor: Actor, now: datetime, reason: str = ""
) -> KeyPair:
    """Let the console user ``owner`` look after the key and hear of its end; return the key.

    Raises OwnerRefused for anybody who does not work here, or PermissionMissing.
    """
    if actor.account is not None and not actor.account.has_perm("certificates.assign_keypair"):
        raise PermissionMissing(
            "You may not say who looks after a key: it needs “certificates.assign_keypair”."
        )
    with transaction.atomic():
        key = KeyPair.objects.select_for_update().get(pk=pk)
        found = get_user_model().objects.filter(pk=owner.pk, is_active=True, is_staff=True).first()
        if found is None:
            raise OwnerRefused("Only an active member of staff looks after a key.")
        if key.owner_id == found.pk:
            return key
        before, key.owner = key.owner_id, found
        key.save(update_fields=["owner"])
        data = {"from": str(before or ""), "to": str(found.pk)}
        record(verb="certificates.key_assigned", actor=actor, subject=key, now=now, reason=reason, data=data)
    return key


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


def _check_rules(profile: profiles.Profile, subject: x509.Subject, algorithm: str) -> None:
    elsewhere = queries.common_names_elsewhere(environment=profile.environment)
    defects = profile.subject_defects(subject, taken_elsewhere=elsewhere)
    if defect := profile.key_defect(algorithm):
        defects.append(defect)
    if defects:
        raise RequestRefused("The bank would refuse this request: " + " ".join(defects), defects)


def _check_words(scope: str, use: str, environment: str) -> None:
    if not scope or len(scope) > 200:
        raise RequestRefused("A key needs an owner of 1 to 200 characters.")
    if use not in KeyUse.values:
        raise RequestRefused(f"“{use}” is not a use of a key: {', '.join(KeyUse.values)}.")
    if environment not in Environment.values:
        raise RequestRefused(f"“{environment}” is not an environment: {', '.join(Environment.values)}.")
