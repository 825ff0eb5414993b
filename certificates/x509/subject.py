"""The six subject fields the bank asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

FIELDS = {
    "country": ("C", NameOID.COUNTRY_NAME, 2),
    "state": ("ST", NameOID.STATE_OR_PROVINCE_NAME, 128),
    "locality": ("L", NameOID.LOCALITY_NAME, 128),
    "organization": ("O", NameOID.ORGANIZATION_NAME, 64),
    "unit": ("OU", NameOID.ORGANIZATIONAL_UNIT_NAME, 64),
    "common_name": ("CN", NameOID.COMMON_NAME, 64),
}
"""Attribute → its short name, its OID and the longest value RFC 5280 admits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """C, ST, L, O, OU and CN, all of them wanted."""

    country: str
    state: str
    locality: str
    organization: str
    unit: str
    common_name: str

    @classmethod
    def from_fields(cls, fields: Mapping[str, str], *, common_name: str) -> Subject:
        """Return the subject for ``{"C": …, "ST": …, "L": …, "O": …, "OU": …}``; absent fields are empty."""
        named = {attribute: fields.get(short, "").strip() for attribute, (short, _, _) in FIELDS.items()}
        return cls(**{**named, "common_name": common_name})

    def defects(self) -> list[str]:
        """Return one sentence per field that is empty, too long, or not printable."""
        found = []
        for attribute, (short, _, longest) in FIELDS.items():
            value = getattr(self, attribute)
            if not value.strip():
                found.append(f"The subject field {short} is empty.")
            elif len(value) > longest:
                found.append(f"The subject field {short} is longer than {longest} characters.")
            elif not value.isprintable():
                found.append(f"The subject field {short} holds characters that cannot be printed.")
        if self.country and not (
            len(self.country) == 2 and self.country.isascii() and self.country.isupper()
        ):
            found.append("The subject field C must be a country code of two capital letters.")
        return found

    def name(self) -> x509.Name:
        """Return the X.509 name, most general field first."""
        return x509.Name(
            [x509.NameAttribute(oid, getattr(self, attribute)) for attribute, (_, oid, _) in FIELDS.items()]
        )


def drift(requested: x509.Name, issued: x509.Name) -> list[str]:
    """Return one sentence per subject field that came back other than it was requested."""
    found = []
    for short, oid, _ in FIELDS.values():
        asked, given = _text(requested, oid), _text(issued, oid)
        if asked != given:
            found.append(f"{short} was requested as “{asked}” and issued as “{given}”.")
    return found


def common_name_of(name: x509.Name) -> str:
    """Return the name's CN, or the whole name where it has none."""
    return _text(name, NameOID.COMMON_NAME) or name.rfc4514_string()


def _text(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    return ", ".join(str(attribute.value) for attribute in name.get_attributes_for_oid(oid))
