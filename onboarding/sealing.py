"""Sealing of contacts' details and link tokens with the vault of the certificates app."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from django.views.decorators.debug import sensitive_variables

from certificates.sealing import SealFailed, open_row, seal_into
from onboarding.models import Contact, ContactDetails, PortalLink

__all__ = ["Details", "SealFailed", "details_of", "erase_details", "seal_details", "seal_token", "token_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What identifies a contact. Never printed."""

    name: str = field(repr=False)
    email: str = field(repr=False)
    phone: str = field(default="", repr=False)


@sensitive_variables()
def seal_details(contact: Contact, details: Details, *, now: datetime) -> ContactDetails:
    """Seal and store the details of a saved contact, in place of those before. Raises SealFailed."""
    row = ContactDetails(contact=contact)
    plain = {"name": details.name, "email": details.email, "phone": details.phone}
    seal_into(row, msgspec.json.encode(plain), now=now)
    row.save()
    return row


@sensitive_variables()
def details_of(contact: Contact) -> Details | None:
    """Return the details of a contact, or None once they were erased. The caller records why. Raises SealFailed."""
    row = ContactDetails.objects.filter(pk=contact.pk).first()
    if row is None:
        return None
    return Details(**msgspec.json.decode(open_row(row), type=dict[str, str]))


def erase_details(contact: Contact) -> None:
    """Remove the details of a contact for good."""
    ContactDetails.objects.filter(pk=contact.pk).delete()


@sensitive_variables()
def seal_token(link: PortalLink, token: str, *, now: datetime) -> None:
    """Put the sealed token into the columns of ``link``, which is not saved here. Raises SealFailed."""
    seal_into(link, token.encode(), now=now)


@sensitive_variables()
def token_of(link: PortalLink) -> str:
    """Return the token of a link. Raises SealFailed."""
    return open_row(link).decode()
