"""What is kept sealed: the columns of an envelope, the private keys in them, and the canaries of their keys."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThan

from certificates.models.keys import KeyPair


class Sealed(models.Model):
    """An envelope as it is stored. Custody fills and opens it; only its data key's wraps ever change.

    ``recovery_dek`` is the same data key under the offline recovery key called ``recovery_key`` (the SHA-256
    of its public half), or empty where none was configured. No attribute yields the plaintext.
    """

    format = models.CharField(max_length=16, editable=False)
    provider = models.CharField(max_length=32, editable=False)
    kek_version = models.CharField(max_length=200, editable=False, db_index=True)
    wrapped_dek = models.BinaryField()
    dek_nonce = models.BinaryField()
    nonce = models.BinaryField()
    ciphertext = models.BinaryField()
    recovery_key = models.CharField(max_length=64, blank=True, editable=False)
    recovery_dek = models.BinaryField(default=bytes, blank=True)

    class Meta:
        abstract = True

    def facts(self) -> dict[str, str]:
        """Return the immutable facts of this row that both layers of its envelope authenticate. None is secret."""
        return {"table": self._meta.db_table, "row": str(self.pk)}


def _not_empty(field: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=GreaterThan(Length(field), 0), name=f"certificates_envelope_{field}"
    )


class KeyEnvelope(Sealed):
    """A sealed private key (PKCS#8 DER)."""

    key = models.OneToOneField(KeyPair, on_delete=models.PROTECT, primary_key=True, related_name="envelope")

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

    def facts(self) -> dict[str, str]:
        """Return what the seal is bound to: the row, what its key is for, and its public half."""
        return {
            "table": "certificates_keypair",
            "row": str(self.key_id),
            "purpose": str(self.key.use),
            "spki_sha256": self.key.spki_sha256,
        }


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
