"""The six subject fields the bank asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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

SHORT_NAMES = tuple(short for short, _, _ in FIELDS.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """C, ST, L, O, OU and CN."""

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

    @classmethod
    def from_name(cls, name: x509.Name) -> Subject:
        """Return the six fields of an X.509 name as they stand; absent ones are empty, repeated ones joined."""
        return cls(**{attribute: _text(name, oid) for attribute, (_, oid, _) in FIELDS.items()})

    def fields(self) -> dict[str, str]:
        """Return ``{"C": …, …, "CN": …}``."""
        return {short: getattr(self, attribute) for attribute, (short, _, _) in FIELDS.items()}

    def defects(self, *, required: Collection[str] = SHORT_NAMES) -> list[str]:
        """Return one sentence per field that is empty though required, too long, or not printable."""
        found = []
        for attribute, (short, _, longest) in FIELDS.items():
            value = getattr(self, attribute)
            if not value.strip():
                found += [f"The subject field {short} is empty."] if short in required else []
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
        """Return the X.509 name, most general field first; empty fields are left out."""
        present = {attribute: getattr(self, attribute) for attribute in FIELDS}
        return x509.Name(
            [x509.NameAttribute(FIELDS[attribute][1], value) for attribute, value in present.items() if value]
        )


@dataclass(frozen=True, slots=True)
class Drift:
    """One subject field that came back other than it was requested; empty where it was or is absent."""

    field: str
    requested: str
    issued: str

    def __str__(self) -> str:
        return f"{self.field} was requested as “{self.requested}” and issued as “{self.issued}”."


def differences(requested: x509.Name, issued: x509.Name) -> tuple[Drift, ...]:
    """Return every subject field, of the six and beyond, that came back other than it was requested."""
    known = {oid: short for short, oid, _ in FIELDS.values()}
    others = {attribute.oid: _short(attribute) for attribute in (*requested, *issued)}
    found = []
    for oid, short in {**known, **others}.items():
        asked, given = _text(requested, oid), _text(issued, oid)
        if asked != given:
            found.append(Drift(short, asked, given))
    return tuple(found)


def drift(requested: x509.Name, issued: x509.Name) -> list[str]:
    """Return one sentence per subject field that came back other than it was requested."""
    return [str(each) for each in differences(requested, issued)]


def pairs(name: x509.Name) -> tuple[tuple[str, str], ...]:
    """Return the name's fields as (short name, value), in the name's own order."""
    return tuple((_short(attribute), str(attribute.value)) for attribute in name)


def common_name_of(name: x509.Name) -> str:
    """Return the name's CN, or the whole name where it has none."""
    return _text(name, NameOID.COMMON_NAME) or name.rfc4514_string()


def _short(attribute: x509.NameAttribute[str | bytes]) -> str:
    named = {oid: short for short, oid, _ in FIELDS.values()}.get(attribute.oid, attribute.oid._name)
    return attribute.oid.dotted_string if named == "Unknown OID" else named


def _text(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    return ", ".join(str(attribute.value) for attribute in name.get_attributes_for_oid(oid))
