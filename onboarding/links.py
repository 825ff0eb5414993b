"""Links to the status page: 256 random bits, looked up by hash, revocable; reading one consumes nothing."""

from __future__ import annotations

import hashlib
import secrets

from django.conf import settings

from onboarding.models import PortalLink


def new_token() -> str:
    """Return a fresh token: 256 random bits, URL-safe, 43 characters."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Return what a token is stored and looked up as. Its entropy makes salt and stretching needless."""
    return hashlib.sha256(token.encode()).hexdigest()


def address(token: str) -> str:
    """Return the page's absolute address."""
    return f"{settings.PUBLIC_URL}/status/{token}/"


def find(token: str) -> PortalLink | None:
    """Return the live link a token belongs to, or None: wrong, revoked, or its contact was removed."""
    if len(token) != 43:
        return None
    return (
        PortalLink.objects.filter(token_sha256=token_hash(token), revoked_at=None, contact__removed_at=None)
        .select_related("project__customer__account_manager", "project__connection", "contact")
        .first()
    )


def live_link(*, project_id: int, contact_id: int) -> PortalLink | None:
    """Return the live link of a contact to a project, or None."""
    return PortalLink.objects.filter(project_id=project_id, contact_id=contact_id, revoked_at=None).first()
