"""Files somebody gave us, by fingerprint."""

from __future__ import annotations

from django.db import models

from onboarding.models.step import Step


class Document(models.Model):
    """A file's hash, type and the name we gave it. The file itself is not kept yet; its own name never is."""

    step = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="documents")
    kind = models.CharField(max_length=40)
    stored_name = models.CharField(max_length=80, unique=True)
    media_type = models.CharField(max_length=80)
    size = models.PositiveIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["step", "at"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.stored_name
