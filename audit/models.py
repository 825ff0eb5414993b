"""The append-only audit table and the head of its chain."""

from __future__ import annotations

from datetime import UTC
from typing import Any, NoReturn

from django.db import models

from audit import chain


class AppendOnly(Exception):
    """An audit entry was about to be changed or removed."""


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """Reads only: whatever would change or remove rows is refused here and, behind it, by triggers."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly("Audit entries are never changed.")

    def delete(self) -> NoReturn:
        raise AppendOnly("Audit entries are never removed.")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly("Audit entries are never changed.")

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly("Audit entries are written one by one, through audit.recording.record.")


class AuditEntry(models.Model):
    """One act: who did what to which row, when and why. Refers by key, holds no personal data and no secret."""

    number = models.BigIntegerField(
        primary_key=True, help_text="Position in the chain, from 1, without gaps."
    )
    at = models.DateTimeField(help_text="When it happened (UTC).")
    actor_kind = models.CharField(max_length=16)
    actor_key = models.CharField(max_length=64, blank=True)
    verb = models.CharField(max_length=80)
    subject_type = models.CharField(max_length=80)
    subject_key = models.CharField(max_length=64)
    reason = models.TextField(blank=True)
    data = models.TextField(default="{}", help_text="Canonical JSON, exactly as hashed.")
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)

    objects = models.Manager.from_queryset(AuditEntryQuerySet)()

    class Meta:
        ordering = ["number"]
        verbose_name_plural = "audit entries"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["subject_type", "subject_key"], name="audit_subject"),
            models.Index(fields=["verb", "at"], name="audit_verb"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.verb}"

    def link(self) -> chain.Link:
        """Return the entry as the chain sees it; times are UTC ISO 8601 with microseconds."""
        return chain.Link(self.number, self.previous, self.digest, self.hashed_fields())

    def hashed_fields(self) -> dict[str, str]:
        """Return every field the digest covers, as the exact text that is hashed."""
        return {
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "actor_kind": self.actor_kind,
            "actor_key": self.actor_key,
            "verb": self.verb,
            "subject_type": self.subject_type,
            "subject_key": self.subject_key,
            "reason": self.reason,
            "data": self.data,
        }

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("Audit entries are never changed.")
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly("Audit entries are never removed.")


class ChainHead(models.Model):
    """The single row every writer locks: number and digest of the last entry."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, default=chain.GENESIS)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="audit_one_chain_head")]

    def __str__(self) -> str:
        return f"head at {self.number}"
