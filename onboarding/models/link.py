"""Links to the status page, and the codes that allow one act from it."""

from __future__ import annotations

import uuid

from django.db import models

from certificates.models import Sealed
from onboarding.models.customer import Contact
from onboarding.models.project import Project


class PortalLink(Sealed):
    """One contact's link to one project's page. Looked up by the token's hash; the token is sealed for the mails."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="links")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="links")
    token_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["project", "contact", "created_at"]
        default_permissions = ("change", "view")
        permissions = [
            ("issue_portallink", "Can issue a link to the status page"),
            ("revoke_portallink", "Can revoke a link to the status page"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "contact"],
                condition=models.Q(revoked_at=None),
                name="onboarding_link_one_live",
            )
        ]

    def __str__(self) -> str:
        return f"link of contact {self.contact_id}"

    def facts(self) -> dict[str, str]:
        """Return what the seal is bound to."""
        return {
            "table": "onboarding_portallink",
            "row": str(self.pk),
            "purpose": "portal token",
            "contact": str(self.contact_id),
            "project": str(self.project_id),
        }


class PortalCode(models.Model):
    """A six-digit code mailed to the link's contact; hashed, short-lived, spent by its first right use."""

    link = models.ForeignKey(PortalLink, on_delete=models.PROTECT, related_name="codes")
    action = models.CharField(max_length=32)
    code_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)
    address = models.GenericIPAddressField(
        null=True, blank=True, help_text="Where it was asked for or used from."
    )

    class Meta:
        ordering = ["link", "created_at"]
        default_permissions = ()
        indexes = [models.Index(fields=["link", "created_at"], name="onboarding_code_by_link")]

    def __str__(self) -> str:
        return f"code {self.pk} for {self.action}"
