"""An account of a connection."""

from __future__ import annotations

from django.db import models

from bankfeeds.models.connection import Connection
from bankfeeds.records import masked_account


class Account(models.Model):
    """One account at the bank. Its row is the lock: whoever writes its ledger holds it first."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="accounts")
    number = models.CharField(max_length=64, help_text="Without blanks and leading zeros, for comparing.")
    given_number = models.CharField(max_length=64, help_text="As the bank is asked for it.")
    currency = models.CharField(max_length=3, blank=True)
    name = models.CharField(max_length=120, blank=True)
    next_pull_at = models.DateTimeField(
        null=True, blank=True, db_index=True, help_text="When the schedule asks next; empty: at once."
    )
    deep_read_on = models.DateField(null=True, blank=True, help_text="When 31 days were last read again.")
    wide_read_on = models.DateField(null=True, blank=True, help_text="When 90 days were last read again.")
    behind = models.BooleanField(
        default=False, db_index=True, help_text="Older days wait to be read; which ones, their coverage says."
    )

    class Meta:
        ordering = ["connection", "number"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["connection", "number"], name="bankfeeds_account_once"),
            models.CheckConstraint(condition=~models.Q(number=""), name="bankfeeds_account_number"),
        ]

    def __str__(self) -> str:
        return self.masked

    @property
    def masked(self) -> str:
        """Return the number as people may see it."""
        return masked_account(self.given_number)
