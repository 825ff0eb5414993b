"""Reads of the audit chain."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models

from audit import chain
from audit.models import AuditEntry, ChainHead


@dataclass(frozen=True, slots=True)
class Verification:
    """What a walk over the whole chain found."""

    entries: int
    head_digest: str
    broken: chain.Break | None


def history(subject: models.Model) -> models.QuerySet[AuditEntry]:
    """Return every entry about one row, newest first."""
    return AuditEntry.objects.filter(
        subject_type=subject._meta.label_lower, subject_key=str(subject.pk)
    ).order_by("-number")


def verify() -> Verification:
    """Walk the chain from its first entry; memory does not grow with its length."""
    # The last entry is read before the head, the walk ends at the later of the two: what is written meanwhile is
    # left for the next walk, an entry the head does not know is not.
    last = AuditEntry.objects.aggregate(last=models.Max("number"))["last"] or 0
    head = ChainHead.objects.filter(pk=1).first() or ChainHead()
    entries = AuditEntry.objects.filter(number__lte=max(last, head.number)).order_by("number")
    links = (entry.link() for entry in entries.iterator(chunk_size=2000))
    broken = chain.first_break(links, head_number=head.number, head_digest=head.digest)
    return Verification(entries=head.number, head_digest=head.digest, broken=broken)


def anchored(number: int, digest: str) -> bool:
    """Say whether entry ``number`` still has the digest that was written down elsewhere."""
    return AuditEntry.objects.filter(number=number, digest=digest).exists()
