"""What a person wrote about a line."""

from __future__ import annotations

from django.db import models

from bankfeeds.expectation import day_words
from bankfeeds.models.account import Account
from bankfeeds.models.ledger import Line


class LineNote(models.Model):
    """A person's note on a line. On one of the current day it waits, by the bank's id, for the line to be booked."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="notes")
    line = models.ForeignKey(Line, on_delete=models.PROTECT, null=True, blank=True, related_name="notes")
    transaction_id = models.CharField(max_length=128, help_text="The id the line had when the note was made.")
    as_of_date = models.DateField()
    digest = models.CharField(
        max_length=64, blank=True, help_text="Content of the line when the note was made."
    )
    content = models.JSONField(
        default=dict, blank=True, editable=False, help_text="The facts of the line when the note was made."
    )
    text = models.TextField()
    author = models.CharField(max_length=80)
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        default_permissions = ("add", "view")
        indexes = [models.Index(fields=["account", "transaction_id"], name="bankfeeds_note_id")]

    def __str__(self) -> str:
        return f"note of {day_words(self.at.date())}"
