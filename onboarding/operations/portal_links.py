"""Links to the status page: issued, replaced, revoked."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from audit.recording import Actor, record
from audit.workflow import OperationRefused
from onboarding import links, sealing
from onboarding.models import Contact, PortalLink, Project
from onboarding.operations import turns


class LinkRefused(OperationRefused):
    """A link cannot be issued or revoked."""


def issue_portal_link(*, pk: int, contact_id: int, actor: Actor, now: datetime, reason: str = "") -> str:
    """Issue a contact's link to project ``pk`` and return its token, the only time it is shown.

    The contact's link before, if any, stops working. Raises LinkRefused.
    """
    turns.require(actor, "onboarding.issue_portallink")
    with transaction.atomic():
        held = turns.lock(pk)
        contact = held.project.customer.contacts.filter(pk=contact_id, removed_at=None).first()
        if contact is None:
            raise LinkRefused("This project's customer has no such contact.")
        if held.project.state == "cancelled":
            raise LinkRefused("A cancelled project has no status page.")
        held.project.links.filter(contact=contact, revoked_at=None).update(revoked_at=now)
        return _issue(held.project, contact, actor=actor, now=now, reason=reason)


def ensure_link(project: Project, contact: Contact, *, actor: Actor, now: datetime) -> None:
    """Issue a link for a contact who has none, inside the caller's transaction."""
    if links.live_link(project_id=project.pk, contact_id=contact.pk) is None:
        _issue(project, contact, actor=actor, now=now)


def revoke_portal_link(*, pk: str, actor: Actor, now: datetime, reason: str = "") -> PortalLink:
    """Revoke a link by its key: its page is gone at once. Revoking twice changes nothing. Raises LinkRefused."""
    turns.require(actor, "onboarding.revoke_portallink")
    with transaction.atomic():
        link = PortalLink.objects.select_for_update().filter(pk=pk).first()
        if link is None:
            raise LinkRefused("There is no such link.")
        if link.revoked_at is None:
            link.revoked_at = now
            link.save(update_fields=["revoked_at"])
            record(verb="onboarding.link_revoked", actor=actor, subject=link, now=now, reason=reason,
                   data={"project": link.project_id, "contact": link.contact_id})  # fmt: skip
    return link


def _issue(project: Project, contact: Contact, *, actor: Actor, now: datetime, reason: str = "") -> str:
    token = links.new_token()
    link = PortalLink(project=project, contact=contact, token_sha256=links.token_hash(token), created_at=now)
    sealing.seal_token(link, token, now=now)
    link.save(force_insert=True)
    record(verb="onboarding.link_issued", actor=actor, subject=link, now=now, reason=reason,
           data={"project": project.pk, "contact": contact.pk})  # fmt: skip
    return token
