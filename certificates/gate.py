"""The import gate: every reason why a certificate must not be installed, all at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from certificates.profiles import Profile
from certificates.x509 import (
    CLIENT_AUTH,
    Drift,
    Path,
    Problem,
    Usages,
    algorithm_of,
    common_name_of,
    differences,
    hash_name,
    path_from,
    self_signed,
    serial_number,
    spki_sha256,
    usages,
)

__all__ = ["CLOCK_SKEW", "Drift", "Verdict", "examine"]

CLOCK_SKEW = timedelta(minutes=5)
"""An authority's clock may run this far ahead of ours."""

WEAKEST_ISSUER = 2048
"""The fewest bits of an issuer's RSA key."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate found: intermediates in order, reasons to refuse, and what to record but accept.

    ``drift`` is the subject's difference field by field; ``warnings`` says the same in sentences, after those
    about anything else.
    """

    intermediates: tuple[x509.Certificate, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    drift: tuple[Drift, ...] = ()


def examine(
    leaf: x509.Certificate,
    others: Iterable[x509.Certificate],
    *,
    csr: x509.CertificateSigningRequest,
    profile: Profile,
    now: datetime,
) -> Verdict:
    """Judge ``leaf`` and the certificates that came with it by the bank's profile at ``now``.

    Whose key it is was settled before: the caller looked the leaf up by its public key. Nothing is fetched:
    addresses in the certificates are never called.
    """
    path = path_from(leaf, others)
    asked = usages(leaf)
    problems = [
        *_possession(leaf, csr),
        *_validity(leaf, profile, now),
        *_signature(leaf, profile),
        *_key(leaf, profile),
        *_serial(leaf),
        *_extensions(leaf, asked, profile),
        *_chain(leaf, path, profile, now),
    ]
    drift = differences(csr.subject, leaf.subject)
    warnings = [*_public_authority(leaf, asked, path, profile), *map(str, drift)]
    return Verdict(path.intermediates, tuple(problems), tuple(warnings), drift)


def _possession(leaf: x509.Certificate, csr: x509.CertificateSigningRequest) -> list[Problem]:
    if spki_sha256(leaf.public_key()) == spki_sha256(csr.public_key()):
        return []
    return [
        Problem(
            "wrong_key",
            "The certificate is for another key than the request's.",
            "Ask the bank to sign the request that is open here.",
        )
    ]


def _validity(leaf: x509.Certificate, profile: Profile, now: datetime) -> list[Problem]:
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    found = []
    if ends <= now:
        found.append(
            Problem(
                "expired", f"The certificate expired on {ends:%Y-%m-%d}.", "Ask the bank for a current one."
            )
        )
    if begins > now + CLOCK_SKEW:
        found.append(
            Problem(
                "not_yet_valid",
                f"The certificate is valid only from {begins:%Y-%m-%d %H:%M} UTC.",
                "Install it then.",
            )
        )
    if ends - begins > profile.longest_validity:
        found.append(
            Problem(
                "validity_too_long",
                f"The certificate runs for {(ends - begins).days} days; the bank accepts "
                f"{profile.longest_validity_said} at most.",
                f"Have it issued again for at most {profile.longest_validity_said}.",
            )
        )
    return found


def _signature(certificate: x509.Certificate, profile: Profile) -> list[Problem]:
    name = hash_name(certificate)
    if name in profile.signature_hashes:
        return []
    return [
        Problem(
            "signature_algorithm",
            f"“{common_name_of(certificate.subject)}” is signed with {name}, not with SHA-2.",
            "Have it issued again with SHA-256.",
        )
    ]


def _key(leaf: x509.Certificate, profile: Profile) -> list[Problem]:
    defect = profile.key_defect(algorithm_of(leaf.public_key()))
    return [Problem("key_algorithm", defect, "Make a new request.")] if defect else []


def _serial(leaf: x509.Certificate) -> list[Problem]:
    if serial_number(leaf) > 0:
        return []
    return [Problem("serial_number", "Its serial number is not a positive number.", "Have it issued again.")]


def _extensions(leaf: x509.Certificate, found: Usages, profile: Profile) -> list[Problem]:
    key, extended = found.key_usage, found.extended_key_usage
    wrong_purpose = profile.client_auth_if_extended and extended is not None and CLIENT_AUTH not in extended
    unnamed = profile.alternative_names_required and not found.alternative_names
    unlinked = profile.authority_key_id_required and not (found.authority_key_id or self_signed(leaf))
    if not found.readable:
        return [
            Problem(
                "extensions_unreadable", "The certificate's extensions cannot be read.", "Have it reissued."
            )
        ]
    return [problem for broken, problem in (
        (found.authority, IS_AUTHORITY),
        (key is not None and "digitalSignature" not in key, KEY_USAGE),
        (wrong_purpose, EXTENDED_KEY_USAGE),
        (unnamed, ALTERNATIVE_NAMES),
        (unlinked, AUTHORITY_KEY_ID),
    ) if broken]  # fmt: skip


IS_AUTHORITY = Problem(
    "is_authority", "This is an authority's certificate, not a client's.", "Upload the client's."
)
KEY_USAGE = Problem(
    "key_usage", "Its key usage does not allow digital signatures.", "Have it reissued with it."
)
EXTENDED_KEY_USAGE = Problem(
    "extended_key_usage",
    "Its extended key usage does not allow client authentication.",
    "Have it reissued with clientAuth.",
)
ALTERNATIVE_NAMES = Problem(
    "alternative_names", "It has no subject alternative name.", "Have it reissued with one."
)
AUTHORITY_KEY_ID = Problem(
    "authority_key_id", "It does not say which key of its issuer signed it.", "Have it reissued with that."
)


def _public_authority(leaf: x509.Certificate, found: Usages, path: Path, profile: Profile) -> list[str]:
    ends = leaf.not_valid_after_utc
    if CLIENT_AUTH not in (found.extended_key_usage or ()) or ends <= profile.public_client_auth_until:
        return []
    issuers = [leaf.issuer, *(issuer.issuer for issuer in path.issuers)]
    public = [name for issuer in issuers if profile.is_public_authority(name := _organisation(issuer))]
    return [
        f"“{name}” is a public authority and the certificate runs until {ends:%Y-%m-%d}: some trust stores "
        f"reject client authentication from public authorities from {profile.public_client_auth_until:%Y-%m-%d}. "
        "Ask for a certificate of the bank's private authority."
        for name in public[:1]
    ]


def _organisation(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(found[0].value) if found else common_name_of(name)


def _chain(leaf: x509.Certificate, path: Path, profile: Profile, now: datetime) -> list[Problem]:
    found = list(path.problems)
    if self_signed(leaf):
        if not profile.self_signed_allowed:
            found.append(
                Problem(
                    "self_signed",
                    "The certificate is self-signed; the bank accepts that for testing only.",
                    "Have the request signed by an authority the bank approves.",
                )
            )
    elif profile.chain_required and path.missing:
        found.append(
            Problem(
                "issuer_missing",
                f"The certificate of the issuer “{path.missing}” is missing from the file.",
                "Add it: the bank wants the whole chain with its root.",
            )
        )
    for position, issuer in enumerate(path.issuers):
        found += _issuer(issuer, profile, now, below=position)
    return found


def _issuer(issuer: x509.Certificate, profile: Profile, now: datetime, *, below: int) -> list[Problem]:
    name = common_name_of(issuer.subject)
    found = [] if self_signed(issuer) else _signature(issuer, profile)
    if not issuer.not_valid_before_utc <= now + CLOCK_SKEW or issuer.not_valid_after_utc <= now:
        found.append(
            Problem("issuer_dates", f"The issuer “{name}” is not valid today.", "Ask for the current chain.")
        )
    key = issuer.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < WEAKEST_ISSUER:
        found.append(
            Problem(
                "issuer_key", f"The key of the issuer “{name}” is too weak.", "Ask for the current chain."
            )
        )
    if not _may_issue(issuer, below):
        found.append(
            Problem(
                "issuer_not_authority",
                f"“{name}” is not an authority for this chain.",
                "Ask for the right chain.",
            )
        )
    return found


def _may_issue(issuer: x509.Certificate, below: int) -> bool:
    found = usages(issuer)
    if not found.authority or (found.key_usage is not None and "keyCertSign" not in found.key_usage):
        return False
    return found.path_length is None or found.path_length >= below
