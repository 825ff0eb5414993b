"""Sealing of contacts' details and link tokens with the vault of the certificates app."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from django.views.decorators.debug import sensitive_variables

from audit.workflow import OperationRefused
from certificates import kek, providers, vault
from certificates.models import Sealed
from onboarding.models import Contact, ContactDetails, PortalLink


class SealFailed(OperationRefused):
    """A sealed record could not be written or opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What identifies a contact. Never printed."""

    name: str = field(repr=False)
    email: str = field(repr=False)
    phone: str = field(default="", repr=False)


@sensitive_variables()
def seal_details(contact: Contact, details: Details) -> ContactDetails:
    """Seal and store the details of a saved contact, in place of those before."""
    row = ContactDetails(contact=contact)
    plain = {"name": details.name, "email": details.email, "phone": details.phone}
    _seal(row, msgspec.json.encode(plain))
    row.save()
    return row


@sensitive_variables()
def details_of(contact: Contact) -> Details | None:
    """Return the details of a contact, or None once they were erased. The caller records why. Raises SealFailed."""
    row = ContactDetails.objects.filter(pk=contact.pk).first()
    if row is None:
        return None
    return Details(**msgspec.json.decode(_open(row), type=dict[str, str]))


def erase_details(contact: Contact) -> None:
    """Remove the details of a contact for good."""
    ContactDetails.objects.filter(pk=contact.pk).delete()


@sensitive_variables()
def seal_token(link: PortalLink, token: str) -> None:
    """Put the sealed token into the columns of ``link``, which is not saved here."""
    _seal(link, token.encode())


@sensitive_variables()
def token_of(link: PortalLink) -> str:
    """Return the token of a link. Raises SealFailed."""
    return _open(link).decode()


def rewrap(row: Sealed) -> bool:
    """Put the locked row's data key under the active version; return whether anything changed. Raises SealFailed."""
    try:
        to = _provider()
        if (row.provider, row.kek_version) == (to.name, to.current()):
            return False
        held_by = to if row.provider == to.name else _provider(row.provider)
        _put(row, vault.rewrap(_envelope(row), row.facts(), held_by=held_by, to=to))
    except (kek.KekError, vault.VaultError) as problem:
        raise SealFailed(problem.sentence) from None
    return True


@sensitive_variables()
def _seal(row: Sealed, plain: bytes) -> None:
    try:
        _put(row, vault.seal(plain, row.facts(), _provider()))
    except (kek.KekError, vault.VaultError) as problem:
        raise SealFailed(problem.sentence) from None


@sensitive_variables()
def _open(row: Sealed) -> bytes:
    try:
        return vault.open_sealed(_envelope(row), row.facts(), _provider(row.provider))
    except (kek.KekError, vault.VaultError) as problem:
        raise SealFailed(problem.sentence) from None


def _put(row: Sealed, sealed: vault.Envelope) -> None:
    row.format, row.nonce, row.ciphertext = sealed.format, sealed.nonce, sealed.ciphertext
    row.provider, row.kek_version = sealed.dek.provider, sealed.dek.version
    row.wrapped_dek, row.dek_nonce = sealed.dek.blob, sealed.dek.nonce


def _envelope(row: Sealed) -> vault.Envelope:
    # psycopg hands memoryviews out, SQLite bytes.
    dek = kek.WrappedDek(row.provider, row.kek_version, bytes(row.dek_nonce), bytes(row.wrapped_dek))
    return vault.Envelope(row.format, dek, bytes(row.nonce), bytes(row.ciphertext))


def _provider(name: str = "") -> kek.KekProvider:
    return providers.configured(name)
