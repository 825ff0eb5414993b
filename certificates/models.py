"""Key pairs, what seals them, their certificates, and the notices sent about their end."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThan
from django_fsm import FSMField, transition

from audit.workflow import Workflow


class KeyUse(models.TextChoices):
    """One key, one purpose."""

    OAUTH = "oauth", "OAuth assertion"
    TRANSPORT = "transport", "mutual TLS"


class Environment(models.TextChoices):
    """Keys of one environment are never used in the other."""

    TEST = "test", "test"
    PRODUCTION = "production", "production"


class KeyState(models.TextChoices):
    GENERATED = "generated", "generated"
    CSR_ISSUED = "csr_issued", "request issued"
    SUBMITTED = "submitted", "request submitted"
    CERTIFIED = "certified", "certified"
    ACTIVE = "active", "active"
    STANDBY = "standby", "standby"
    RETIRED = "retired", "retired"
    DESTROYED = "destroyed", "destroyed"
    REJECTED = "rejected", "rejected"
    COMPROMISED = "compromised", "compromised"


OPEN = (KeyState.GENERATED, KeyState.CSR_ISSUED, KeyState.SUBMITTED)
"""A request is under way."""
LIVE = (KeyState.CERTIFIED, KeyState.ACTIVE, KeyState.STANDBY)
"""The bank may know the certificate; it may be used."""


def _in_test(key: Any) -> bool:
    return bool(key.environment == Environment.TEST)


class KeyPair(Workflow):
    """A private key's public facts and its state. The private half is sealed apart; no attribute opens it.

    ``scope`` is an opaque name of the owner. Scope, use, environment, public key and request never change
    (triggers).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scope = models.CharField(max_length=200, help_text="Who owns the key.")
    use = models.CharField(max_length=16, choices=KeyUse.choices)
    environment = models.CharField(max_length=16, choices=Environment.choices)
    algorithm = models.CharField(max_length=16)
    spki_sha256 = models.CharField("public key fingerprint", max_length=64, unique=True)
    common_name = models.CharField(max_length=64)
    csr_pem = models.TextField("signing request")
    state = FSMField(
        max_length=16, choices=KeyState.choices, default=KeyState.GENERATED, protected=True, db_index=True
    )
    installed_by = models.CharField(
        max_length=90, blank=True, help_text="Who installed the certificate; somebody else activates it."
    )
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True, blank=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("view", "change")
        permissions = [
            ("request_keypair", "Can request a certificate for a new key"),
            ("submit_keypair", "Can mark a request as submitted to the bank"),
            ("reject_keypair", "Can mark a request as rejected by the bank"),
            ("install_certificate", "Can install a certificate the bank returned"),
            ("activate_keypair", "Can activate a certified key"),
            ("retire_keypair", "Can retire a key"),
            ("compromise_keypair", "Can mark a key as compromised"),
            ("destroy_keypair", "Can destroy a private key"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "use", "environment"],
                condition=models.Q(state__in=OPEN),
                name="certificates_one_open_request",
            ),
            models.UniqueConstraint(
                fields=["scope", "use", "environment"],
                condition=models.Q(state=KeyState.ACTIVE),
                name="certificates_one_active_key",
            ),
        ]
        indexes = [models.Index(fields=["scope", "use", "state"], name="certificates_scope_use")]

    def __str__(self) -> str:
        return f"{self.common_name} ({self.state})"

    @property
    def is_test(self) -> bool:
        """Say whether this key belongs to the bank's test environment."""
        return self.environment == Environment.TEST

    @transition(field=state, source=KeyState.GENERATED, target=KeyState.CSR_ISSUED,
                permission="certificates.request_keypair")  # fmt: skip
    def issue_csr(self) -> None:
        """The signing request exists."""

    @transition(field=state, source=KeyState.CSR_ISSUED, target=KeyState.SUBMITTED,
                permission="certificates.submit_keypair", custom={"label": "Mark as submitted"})  # fmt: skip
    def submit(self, *, at: datetime) -> None:
        """The request was handed to the bank."""
        self.submitted_at = at

    @transition(field=state, source=[KeyState.CSR_ISSUED, KeyState.SUBMITTED], target=KeyState.REJECTED,
                permission="certificates.reject_keypair",
                custom={"label": "Rejected by the bank", "reason": True})  # fmt: skip
    def reject(self) -> None:
        """The bank refused the request."""

    @transition(field=state, source=[KeyState.CSR_ISSUED, KeyState.SUBMITTED], target=KeyState.CERTIFIED,
                permission="certificates.install_certificate")  # fmt: skip
    def certify(self, *, installed_by: str) -> None:
        """The certificate arrived and passed the gate."""
        self.installed_by = installed_by

    @transition(field=state, source=[KeyState.CERTIFIED, KeyState.STANDBY], target=KeyState.ACTIVE,
                permission="certificates.activate_keypair", custom={"label": "Activate"})  # fmt: skip
    def activate(self, *, at: datetime) -> None:
        """The key is used from now on."""
        self.activated_at = at

    @transition(field=state, source=KeyState.CERTIFIED, target=KeyState.ACTIVE, conditions=[_in_test],
                permission="certificates.install_certificate")  # fmt: skip
    def go_live_in_test(self, *, at: datetime) -> None:
        """The bank's test environment needs no second person."""
        self.activated_at = at

    @transition(field=state, source=KeyState.ACTIVE, target=KeyState.STANDBY)
    def stand_by(self) -> None:
        """Another key took over; this one stays as a fall-back."""

    @transition(field=state, source=[KeyState.CERTIFIED, KeyState.ACTIVE, KeyState.STANDBY],
                target=KeyState.RETIRED, permission="certificates.retire_keypair",
                custom={"label": "Retire", "reason": True})  # fmt: skip
    def retire(self, *, at: datetime) -> None:
        """The key is not used any more."""
        self.retired_at = at

    @transition(field=state,
                source=[*OPEN, *LIVE, KeyState.RETIRED, KeyState.REJECTED],
                target=KeyState.COMPROMISED, permission="certificates.compromise_keypair",
                custom={"label": "Mark as compromised", "reason": True})  # fmt: skip
    def compromise(self) -> None:
        """Somebody else may hold the private key."""

    @transition(field=state, source=[KeyState.RETIRED, KeyState.REJECTED, KeyState.COMPROMISED],
                target=KeyState.DESTROYED, permission="certificates.destroy_keypair",
                custom={"label": "Destroy", "reason": True})  # fmt: skip
    def destroy(self) -> None:
        """The sealed private key is gone; the facts stay."""


def _not_empty(field: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=GreaterThan(Length(field), 0), name=f"certificates_envelope_{field}"
    )


class KeyEnvelope(models.Model):
    """The sealed private key (PKCS#8 DER). Only custody writes it; only its data key's wrap ever changes."""

    key = models.OneToOneField(KeyPair, on_delete=models.PROTECT, primary_key=True, related_name="envelope")
    format = models.CharField(max_length=16)
    provider = models.CharField(max_length=32)
    kek_version = models.CharField(max_length=200, db_index=True)
    wrapped_dek = models.BinaryField()
    dek_nonce = models.BinaryField()
    nonce = models.BinaryField()
    ciphertext = models.BinaryField()

    class Meta:
        default_permissions = ()
        constraints = [
            *(_not_empty(field) for field in ("wrapped_dek", "nonce", "ciphertext")),
            models.CheckConstraint(
                condition=~models.Q(format="") & ~models.Q(provider="") & ~models.Q(kek_version=""),
                name="certificates_envelope_labelled",
            ),
        ]

    def __str__(self) -> str:
        return f"envelope of {self.key_id}"


class KekCanary(models.Model):
    """A known record wrapped under each version of each provider: opening it proves the key is right."""

    provider = models.CharField(max_length=32)
    kek_version = models.CharField(max_length=200)
    wrapped = models.BinaryField()
    nonce = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        verbose_name_plural = "KEK canaries"
        constraints = [
            models.UniqueConstraint(fields=["provider", "kek_version"], name="certificates_one_canary")
        ]

    def __str__(self) -> str:
        return f"canary of {self.provider} {self.kek_version}"


class Certificate(models.Model):
    """What the bank's side issued for one key. All of it is public."""

    key = models.OneToOneField(KeyPair, on_delete=models.PROTECT, related_name="certificate")
    pem = models.TextField("certificate")
    chain_pem = models.TextField(
        "intermediates", blank=True, help_text="Nearest issuer first, without the root."
    )
    serial = models.CharField(max_length=40, help_text="Hexadecimal.")
    issuer = models.TextField()
    subject = models.TextField()
    not_before = models.DateTimeField("valid from")
    not_after = models.DateTimeField("valid until", db_index=True)
    sha1 = models.CharField("SHA-1 fingerprint (kid)", max_length=40)
    sha256 = models.CharField("SHA-256 fingerprint", max_length=64, unique=True)
    warnings = models.JSONField(default=list, blank=True, help_text="Accepted, but not as requested.")
    installed_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["issuer", "serial"], name="certificates_serial_once_per_issuer"),
            models.CheckConstraint(
                condition=models.Q(not_after__gt=models.F("not_before")), name="certificates_dates_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject}, until {self.not_after:%Y-%m-%d}"

    def in_date(self, *, now: datetime) -> bool:
        """Say whether the certificate is valid at ``now`` (with the skew the gate admits at its start)."""
        return self.not_before - timedelta(minutes=5) <= now < self.not_after


class Notice(models.Model):
    """The ledger of expiry notices: one row per certificate and threshold, whatever the schedule does."""

    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="notices")
    threshold = models.PositiveSmallIntegerField(help_text="Days before the end; 0: it has ended.")
    recorded_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["certificate", "threshold"], name="certificates_one_notice")
        ]

    def __str__(self) -> str:
        return f"{self.threshold} days: {self.certificate_id}"
