"""What comparing the ledger with a customer's own export came to. The export itself is not kept."""

from __future__ import annotations

from django.db import models

from bankfeeds.models.account import Account


class ExportComparison(models.Model):
    """One comparison of an account's booked lines with a CSV the customer exported: counts and ids, no texts."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="comparisons")
    sha256 = models.CharField(max_length=64, help_text="Of the file that was compared.")
    first_day = models.DateField(null=True, blank=True)
    last_day = models.DateField(null=True, blank=True)
    rows = models.PositiveIntegerField()
    matched = models.PositiveIntegerField()
    only_theirs = models.PositiveIntegerField()
    only_ours = models.PositiveIntegerField()
    twice = models.PositiveIntegerField(default=0)
    unread = models.PositiveIntegerField(default=0, help_text="Rows that could not be understood.")
    data = models.JSONField(default=dict, blank=True)
    compared_by = models.CharField(max_length=80)
    compared_at = models.DateTimeField()

    class Meta:
        ordering = ["-compared_at", "-pk"]
        default_permissions = ("add", "view")

    def __str__(self) -> str:
        return f"{self.account} against {self.rows} rows"
