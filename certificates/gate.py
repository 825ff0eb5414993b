"""The import gate: every reason why a certificate must not be installed, all at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certificates.profiles import Profile
from certificates.x509 import Path, Problem, algorithm_of, common_name_of, drift, path_from, self_signed

CLOCK_SKEW = timedelta(minutes=5)
"""An authority's clock may run this far ahead of ours."""

Extension = TypeVar("Extension", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate found: intermediates in order, reasons to refuse, and what to record but accept."""

    intermediates: tuple[x509.Certificate, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def examine(
    leaf: x509.Certificate,
    others: Iterable[x509.Certificate],
    *,
    csr: x509.CertificateSigningRequest,
    profile: Profile,
    now: datetime,
) -> Verdict:
    """Judge ``leaf`` and the certificates that came with it by the bank's profile at ``now``.

    Whose key it is was settled before: the caller looked the leaf up by its public key.
    """
    path = path_from(leaf, others)
    problems = [
        *_validity(leaf, profile, now),
        *_signature(leaf, profile),
        *_key(leaf, profile),
        *_serial(leaf),
        *_extensions(leaf),
        *_chain(leaf, path, profile, now),
    ]
    return Verdict(path.intermediates, tuple(problems), tuple(drift(csr.subject, leaf.subject)))


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
                f"The certificate runs for {(ends - begins).days} days; the bank accepts two years at most.",
                "Have it issued again for at most two years.",
            )
        )
    return found


def _signature(certificate: x509.Certificate, profile: Profile) -> list[Problem]:
    name = _hash_name(certificate)
    if name in profile.signature_hashes:
        return []
    return [
        Problem(
            "signature_algorithm",
            f"“{common_name_of(certificate.subject)}” is signed with {name}, not with SHA-2.",
            "Have it issued again with SHA-256.",
        )
    ]


def _hash_name(certificate: x509.Certificate) -> str:
    try:
        algorithm = certificate.signature_hash_algorithm
    except Exception:  # an algorithm the library does not know at all
        algorithm = None
    return algorithm.name if algorithm is not None else certificate.signature_algorithm_oid._name


def _key(leaf: x509.Certificate, profile: Profile) -> list[Problem]:
    algorithm = algorithm_of(leaf.public_key())
    if algorithm in profile.algorithms:
        return []
    allowed = ", ".join(profile.algorithms)
    return [
        Problem(
            "key_algorithm", f"The key is {algorithm}; the bank accepts {allowed}.", "Make a new request."
        )
    ]


def _serial(leaf: x509.Certificate) -> list[Problem]:
    if leaf.serial_number > 0:
        return []
    return [Problem("serial_number", "Its serial number is not a positive number.", "Have it issued again.")]


def _extensions(leaf: x509.Certificate) -> list[Problem]:
    try:
        basic = _extension(leaf, x509.BasicConstraints)
        usage = _extension(leaf, x509.KeyUsage)
        extended = _extension(leaf, x509.ExtendedKeyUsage)
    except (ValueError, x509.DuplicateExtension):
        return [
            Problem(
                "extensions_unreadable", "The certificate's extensions cannot be read.", "Have it reissued."
            )
        ]
    found = []
    if basic is not None and basic.ca:
        found.append(
            Problem(
                "is_authority", "This is an authority's certificate, not a client's.", "Upload the client's."
            )
        )
    if usage is not None and not usage.digital_signature:
        found.append(
            Problem(
                "key_usage", "Its key usage does not allow digital signatures.", "Have it reissued with it."
            )
        )
    if extended is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in extended:
        found.append(
            Problem(
                "extended_key_usage",
                "Its extended key usage does not allow client authentication.",
                "Have it reissued with clientAuth.",
            )
        )
    return found


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
    try:
        basic, usage = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
    except (ValueError, x509.DuplicateExtension):
        return False
    if basic is None or not basic.ca or (usage is not None and not usage.key_cert_sign):
        return False
    return basic.path_length is None or basic.path_length >= below


def _extension(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
