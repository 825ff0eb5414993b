"""What was issued for a key."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models

from certificates.models.keys import KeyPair


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
        first = self.subject.partition(",")[0]
        name = first.removeprefix("CN=") if first.startswith("CN=") else self.subject
        return f"{name}, until {self.not_after:%Y-%m-%d}"

    def in_date(self, *, now: datetime) -> bool:
        """Say whether the certificate is valid at ``now`` (with the skew the gate admits at its start)."""
        return self.not_before - timedelta(minutes=5) <= now < self.not_after
