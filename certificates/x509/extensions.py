"""What a certificate may be used for, and what a request asks for, read without trusting either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

CLIENT_AUTH = "clientAuth"
_NAMES = {
    "digital_signature": "digitalSignature",
    "content_commitment": "nonRepudiation",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
    "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
}
_PURPOSES = {
    ExtendedKeyUsageOID.CLIENT_AUTH: CLIENT_AUTH,
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSPSigning",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "anyExtendedKeyUsage",
}
Kind = TypeVar("Kind", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Usages:
    """The extensions that matter here, by their usual names; None where an extension is absent."""

    readable: bool = True
    authority: bool = False
    path_length: int | None = None
    key_usage: tuple[str, ...] | None = None
    extended_key_usage: tuple[str, ...] | None = None
    alternative_names: tuple[str, ...] | None = None
    subject_key_id: str = ""
    authority_key_id: str = ""


def usages(item: x509.Certificate | x509.CertificateSigningRequest) -> Usages:
    """Return what the extensions say; ``readable`` is False, and the rest empty, where they are damaged."""
    try:
        return _read(item.extensions)
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return Usages(readable=False)


def _read(extensions: x509.Extensions) -> Usages:
    basic = _one(extensions, x509.BasicConstraints)
    usage = _one(extensions, x509.KeyUsage)
    extended = _one(extensions, x509.ExtendedKeyUsage)
    names = _one(extensions, x509.SubjectAlternativeName)
    ours, theirs = _one(extensions, x509.SubjectKeyIdentifier), _one(extensions, x509.AuthorityKeyIdentifier)
    return Usages(
        authority=basic is not None and basic.ca,
        path_length=basic.path_length if basic is not None else None,
        key_usage=None if usage is None else tuple(n for a, n in _NAMES.items() if getattr(usage, a)),
        extended_key_usage=None
        if extended is None
        else tuple(_PURPOSES.get(oid, oid.dotted_string) for oid in extended),
        alternative_names=None if names is None else tuple(_general(name) for name in names),
        subject_key_id=ours.digest.hex() if ours is not None else "",
        authority_key_id=(theirs.key_identifier or b"").hex() if theirs is not None else "",
    )


def _one(extensions: x509.Extensions, kind: type[Kind]) -> Kind | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _general(name: x509.GeneralName) -> str:
    kinds = {x509.DNSName: "DNS", x509.RFC822Name: "email", x509.IPAddress: "IP", x509.DirectoryName: "name"}
    value = name.value.rfc4514_string() if isinstance(name, x509.DirectoryName) else str(name.value)
    if isinstance(name, x509.UniformResourceIdentifier):
        return f"URI:{value}"
    if isinstance(name, x509.RegisteredID):
        return f"RID:{name.value.dotted_string}"
    return f"{kinds.get(type(name), 'other')}:{value if type(name) in kinds else ''}"
