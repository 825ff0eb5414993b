"""A private key leaves: only where it is switched on, asked for by one, allowed by another, once, as PKCS#12."""

from __future__ import annotations

import uuid
from datetime import datetime

from cryptography import x509 as pyca
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES, serialize_key_and_certificates
from django.conf import settings
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from audit.recording import Actor
from audit.workflow import OperationRefused, PermissionMissing, perform
from certificates import custody, permits, x509
from certificates.models import LIVE, UNDECIDED, Act, Approval, Certificate, KeyEnvelope, KeyPair
from certificates.operations.lifecycle import lock_owner

SHORTEST_PASSPHRASE = 16
FEWEST_CHARACTERS = 8
"""How many different characters a passphrase holds at least."""
ROUNDS = 600_000
"""PBKDF2 rounds of the key's encryption (OWASP's figure for SHA-256).

The file's integrity code is derived with 2,048 rounds, which the library fixes: whoever takes the file guesses at
that speed, so the passphrase's length carries the strength.
"""


class ExportRefused(OperationRefused):
    """This key is not handed out."""


def check_export(key: KeyPair) -> None:
    """Refuse what cannot be exported, whoever asks. Raises ExportRefused."""
    if not settings.ALLOW_KEY_EXPORT:
        raise ExportRefused("Private keys do not leave this installation: export is switched off.")
    sealed = KeyEnvelope.objects.filter(key=key).exists()
    if key.state not in LIVE or not sealed or not Certificate.objects.filter(key=key).exists():
        raise ExportRefused(
            f"{key.common_name} is {key.get_state_display()}: only a key with its certificate, in use or on "
            "standby, is exported."
        )


@sensitive_variables()
def export_key(
    *, pk: uuid.UUID | str, passphrase: str, actor: Actor, now: datetime, reason: str = ""
) -> bytes:
    """Return the key of the allowed export ``pk`` with its chain as PKCS#12, once, to whoever asked for it.

    PBES2 with AES-256 under ``passphrase``. The approval is used up, and the use recorded, before the key opens:
    if something fails after that, somebody has to ask again. Raises ExportRefused, SecondPersonNeeded,
    ApprovalLapsed, PermissionMissing, CustodyFailed, or RuntimeError inside another transaction.
    """
    permits.check_person(actor, permits.MAY_ASK)
    approval = Approval.objects.select_related("key").get(pk=pk)
    if approval.key is None or approval.act != Act.EXPORT:
        raise ExportRefused("This request is not about an export.")
    if approval.requested_by != permits.named(actor):
        raise PermissionMissing("Only whoever asked for the export may fetch it.")
    _check_passphrase(passphrase)
    key = _spend(approval, approval.key, actor, now)
    certificate = Certificate.objects.get(key=key)
    chain = pyca.load_pem_x509_certificates(certificate.chain_pem.encode()) if certificate.chain_pem else []
    with custody.unseal(key=key, actor=actor, purpose=f"export {approval.pk}", now=now) as private:
        return _pkcs12(key, private, certificate, chain, passphrase)


def _spend(approval: Approval, key: KeyPair, actor: Actor, now: datetime) -> KeyPair:
    with transaction.atomic(durable=True):
        lock_owner(scope=key.scope)
        key.refresh_from_db()
        # Whether it lapsed comes first: a key compromised meanwhile is to be on record as why.
        why = permits.void_because(approval, now=now) if approval.state in UNDECIDED else ""
        if why:
            perform(approval, "lapse", actor=actor, now=now, reason=why)
        else:
            check_export(key)
            permits.spend(pk=approval.pk, act=Act.EXPORT, actor=actor, now=now)
    if why:
        raise permits.ApprovalLapsed(f"{why} The request lapsed; somebody has to ask again.")
    return key


@sensitive_variables()
def _check_passphrase(passphrase: str) -> None:
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise ExportRefused(f"The passphrase needs at least {SHORTEST_PASSPHRASE} characters.")
    if len(set(passphrase)) < FEWEST_CHARACTERS:
        raise ExportRefused(f"The passphrase needs at least {FEWEST_CHARACTERS} different characters.")


@sensitive_variables()
def _pkcs12(
    key: KeyPair,
    private: x509.PrivateKey,
    certificate: Certificate,
    chain: list[pyca.Certificate],
    passphrase: str,
) -> bytes:
    protection = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(ROUNDS)
        .key_cert_algorithm(PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(SHA256())
        .build(passphrase.encode())
    )
    leaf = pyca.load_pem_x509_certificate(certificate.pem.encode())
    return serialize_key_and_certificates(key.common_name.encode(), private, leaf, chain, protection)
