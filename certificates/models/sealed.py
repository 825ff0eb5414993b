"""What is kept sealed: the columns of an envelope, the private keys in them, and the canaries of their keys."""

from __future__ import annotations

from typing import Self

from django.apps import apps
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

    def audited_as(self) -> models.Model:
        """Return the row whose history tells of this seal."""
        return self

    @classmethod
    def with_facts(cls) -> models.QuerySet[Self]:
        """Return every row, read together with all that ``facts`` needs."""
        return cls._default_manager.all()


def sealed_models() -> list[type[Sealed]]:
    """Return every installed model that keeps sealed rows, by label: what is rotated, proven and counted."""
    # A proxy is another view of rows that are counted already.
    found = [m for m in apps.get_models() if issubclass(m, Sealed) and not m._meta.proxy]
    return sorted(found, key=lambda model: model._meta.label_lower)


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

    def audited_as(self) -> models.Model:
        """Return the key: its page shows what happened to its seal."""
        return self.key

    @classmethod
    def with_facts(cls) -> models.QuerySet[Self]:
        """Return every envelope with the columns of its key that a seal, a refusal and the audit name."""
        own = [field.attname for field in cls._meta.concrete_fields]
        # The state is read by every key as it is made; asked for later it would be a query a row.
        of_key = [f"key__{name}" for name in ("use", "spki_sha256", "common_name", "state")]
        return cls.objects.select_related("key").only(*own, *of_key)


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
