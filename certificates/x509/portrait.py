"""What a person reads in a certificate: names field by field, dates, key, fingerprints, uses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certificates.x509.facts import self_signed, serial, sha1, sha256
from certificates.x509.subject import common_name_of

_FIELDS = {
    NameOID.COUNTRY_NAME: ("C", "Country"),
    NameOID.STATE_OR_PROVINCE_NAME: ("ST", "State"),
    NameOID.LOCALITY_NAME: ("L", "Locality"),
    NameOID.ORGANIZATION_NAME: ("O", "Organization"),
    NameOID.ORGANIZATIONAL_UNIT_NAME: ("OU", "Unit"),
    NameOID.COMMON_NAME: ("CN", "Common name"),
}
_USAGES = {
    "digital_signature": "digital signature",
    "content_commitment": "content commitment",
    "key_encipherment": "key encipherment",
    "data_encipherment": "data encipherment",
    "key_agreement": "key agreement",
    "key_cert_sign": "signing of certificates",
    "crl_sign": "signing of revocation lists",
}
_EXTENDED = {
    ExtendedKeyUsageOID.CLIENT_AUTH: "client authentication",
    ExtendedKeyUsageOID.SERVER_AUTH: "server authentication",
    ExtendedKeyUsageOID.CODE_SIGNING: "code signing",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "mail protection",
    ExtendedKeyUsageOID.TIME_STAMPING: "time stamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSP signing",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "anything",
}


@dataclass(frozen=True, slots=True)
class NameField:
    """One field of a subject or issuer: “O”, “Organization”, and what stands in it."""

    short: str
    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """One certificate for the eye. Lists are empty where the certificate says nothing."""

    name: str
    subject: tuple[NameField, ...]
    issuer_name: str
    issuer: tuple[NameField, ...]
    serial: str
    begins: datetime
    ends: datetime
    key: str
    signature: str
    sha1: str
    sha256: str
    usages: tuple[str, ...]
    extended_usages: tuple[str, ...]
    alternative_names: tuple[str, ...]
    authority: bool
    self_signed: bool


def portraits(pem: str) -> tuple[Portrait, ...]:
    """Return the portraits of the certificates in ``pem``, in their order; none for empty text.

    Raises ValueError where the text holds something else.
    """
    return tuple(portrait(item) for item in x509.load_pem_x509_certificates(pem.encode())) if pem else ()


def portrait(certificate: x509.Certificate) -> Portrait:
    """Return what there is to read in ``certificate``; an extension that cannot be read says so."""
    usages: tuple[str, ...] = ("not readable",)
    extended, alternative, authority = usages, usages, False
    try:
        extensions = certificate.extensions
    except ValueError:
        pass  # a duplicate or a malformed one: the rest is still worth reading
    else:
        usages, extended = _usages(extensions), _extended(extensions)
        alternative, authority = _alternative(extensions), _authority(extensions)
    return Portrait(
        name=common_name_of(certificate.subject),
        subject=_fields(certificate.subject),
        issuer_name=common_name_of(certificate.issuer),
        issuer=_fields(certificate.issuer),
        serial=serial(certificate),
        begins=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
        key=_key(certificate),
        signature=_signature(certificate),
        sha1=sha1(certificate),
        sha256=sha256(certificate),
        usages=usages,
        extended_usages=extended,
        alternative_names=alternative,
        authority=authority,
        self_signed=self_signed(certificate),
    )


def _fields(name: x509.Name) -> tuple[NameField, ...]:
    return tuple(
        NameField(*_FIELDS.get(item.oid, (item.rfc4514_attribute_name, item.oid._name)), str(item.value))
        for item in name
    )


def _key(certificate: x509.Certificate) -> str:
    try:
        public = certificate.public_key()
    except ValueError:
        return "a kind we do not read"
    if isinstance(public, rsa.RSAPublicKey):
        return f"RSA, {public.key_size} bits"
    if isinstance(public, ec.EllipticCurvePublicKey):
        names = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
        return f"EC, {names.get(public.curve.name, public.curve.name)}"
    if isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return "Edwards curve"
    return f"DSA, {public.key_size} bits" if isinstance(public, dsa.DSAPublicKey) else "a kind we do not read"


def _signature(certificate: x509.Certificate) -> str:
    return str(certificate.signature_algorithm_oid._name)


def _usages(extensions: x509.Extensions) -> tuple[str, ...]:
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(words for name, words in _USAGES.items() if getattr(usage, name))


def _extended(extensions: x509.Extensions) -> tuple[str, ...]:
    try:
        usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(_EXTENDED.get(oid, oid.dotted_string) for oid in usage)


def _alternative(extensions: x509.Extensions) -> tuple[str, ...]:
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(
        name.value.rfc4514_string() if isinstance(name, x509.DirectoryName) else str(name.value)
        for name in names
    )


def _authority(extensions: x509.Extensions) -> bool:
    try:
        return bool(extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False
