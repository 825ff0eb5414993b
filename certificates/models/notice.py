"""The notices sent about a certificate's end."""

from __future__ import annotations

from django.db import models

from certificates.models.certificate import Certificate


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
