"""What the last complete answer for a window came to, so that the same bytes need no second reading."""

from __future__ import annotations

from django.db import models

from bankfeeds.models.account import Account


class WindowDigest(models.Model):
    """The digests of a window's pages and of the booked lines they came to.

    A short cut and no memory of progress: it holds only while the booked lines still have ``lines_sha256`` and the
    reading rules are those of ``recipe``; else the pages are read as if it were not there.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    start = models.DateField()
    end = models.DateField()
    recipe = models.PositiveSmallIntegerField(help_text="The number of the rules the pages were read by.")
    pages_sha256 = models.CharField(max_length=64)
    lines_sha256 = models.CharField(max_length=64)
    read = models.PositiveIntegerField()
    repeated = models.PositiveIntegerField(default=0)
    read_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["account", "start", "end"], name="bankfeeds_window_digest_once")
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.start} to {self.end}"
