"""Columns of a record that is kept sealed by the vault."""

from __future__ import annotations

from django.db import models


class Sealed(models.Model):
    """An envelope as it is stored; ``onboarding.sealing`` fills and opens it. No attribute yields the plaintext."""

    format = models.CharField(max_length=16, editable=False)
    provider = models.CharField(max_length=32, editable=False)
    kek_version = models.CharField(max_length=200, editable=False)
    wrapped_dek = models.BinaryField()
    dek_nonce = models.BinaryField()
    nonce = models.BinaryField()
    ciphertext = models.BinaryField()

    class Meta:
        abstract = True

    def facts(self) -> dict[str, str]:
        """Return the immutable facts of this row that its envelope authenticates."""
        return {"table": self._meta.db_table, "row": str(self.pk)}
