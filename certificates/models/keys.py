"""Key pairs: public facts and the state machine. The private half is sealed apart."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django_fsm import FSMField, transition

from audit.workflow import Workflow


class KeyUse(models.TextChoices):
    """One key, one purpose."""

    OAUTH = "oauth", "OAuth assertion"
    TRANSPORT = "transport", "mutual TLS"
    SIGNING = "signing", "message signature"


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
WAITING = (KeyState.CSR_ISSUED, KeyState.SUBMITTED)
"""The bank is to sign, or to refuse, the request."""
LIVE = (KeyState.CERTIFIED, KeyState.ACTIVE, KeyState.STANDBY)
"""The bank may know the certificate; it may be used."""
ENDED = (KeyState.RETIRED, KeyState.REJECTED, KeyState.COMPROMISED)
"""Never used again; may be destroyed."""


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
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="Who looks after this key and hears of its end.",
    )  # fmt: skip
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True, blank=True)
    submitted_to = models.CharField(max_length=120, blank=True, help_text="Who got the request.")
    submission_reference = models.CharField(
        max_length=120, blank=True, help_text="What they call it: a ticket or portal number."
    )
    proven_at = models.DateTimeField(
        null=True, blank=True, help_text="When the bank last let us in with this key and its certificate."
    )
    proof_tried_at = models.DateTimeField(null=True, blank=True)
    proof_problem = models.TextField(
        blank=True, help_text="Why the last try was refused; empty after a success."
    )
    activated_at = models.DateTimeField(null=True, blank=True)
    standby_until = models.DateTimeField(
        null=True, blank=True, help_text="When the key, replaced by another, retires by itself."
    )
    retired_at = models.DateTimeField(null=True, blank=True)
    compromised_at = models.DateTimeField(null=True, blank=True)
    destroyed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "key"
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
            ("prove_keypair", "Can try a key and its certificate at the bank"),
            ("assign_keypair", "Can say who looks after a key"),
            ("export_keypair", "Can export a private key as PKCS#12"),
            ("change_keyring", "Can change the keyring that seals keys"),
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
        return f"{self.common_name} ({self.get_state_display()})"

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
    def submit(self, *, at: datetime, to: str = "", reference: str = "") -> None:
        """The request was handed to the bank."""
        self.submitted_at, self.submitted_to, self.submission_reference = at, to, reference

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
        self.activated_at, self.standby_until = at, None

    @transition(field=state, source=KeyState.CERTIFIED, target=KeyState.ACTIVE, conditions=[_in_test],
                permission="certificates.install_certificate")  # fmt: skip
    def go_live_in_test(self, *, at: datetime) -> None:
        """The bank's test environment needs no second person."""
        self.activated_at = at

    @transition(field=state, source=KeyState.ACTIVE, target=KeyState.STANDBY)
    def stand_by(self, *, until: datetime) -> None:
        """Another key took over; this one stays as a fall-back until ``until``."""
        self.standby_until = until

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
    def compromise(self, *, at: datetime) -> None:
        """Somebody else may hold the private key."""
        self.compromised_at = at

    @transition(field=state, source=list(ENDED), target=KeyState.DESTROYED,
                permission="certificates.destroy_keypair",
                custom={"label": "Destroy", "reason": True})  # fmt: skip
    def destroy(self, *, at: datetime) -> None:
        """The sealed private key is gone; the facts stay."""
        self.destroyed_at = at
