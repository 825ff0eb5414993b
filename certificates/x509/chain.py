"""From a heap of certificates to the path from a leaf upwards, whatever order they came in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509

from certificates.x509.facts import issued_by, self_signed
from certificates.x509.problem import Problem
from certificates.x509.subject import common_name_of


@dataclass(frozen=True, slots=True)
class Path:
    """The issuers above a leaf, nearest first.

    ``complete`` when it ends in a self-signed root (or the leaf is self-signed); otherwise ``missing`` names
    the issuer that was not in the heap. ``problems`` are signatures that do not verify and certificates that
    belong to no one.
    """

    issuers: tuple[x509.Certificate, ...]
    complete: bool
    missing: str
    problems: tuple[Problem, ...]

    @property
    def intermediates(self) -> tuple[x509.Certificate, ...]:
        """Return what goes over the wire after the leaf: the issuers without the self-signed root."""
        return tuple(issuer for issuer in self.issuers if not self_signed(issuer))


def path_from(leaf: x509.Certificate, heap: Iterable[x509.Certificate]) -> Path:
    """Return the path from ``leaf`` through ``heap``; duplicates are dropped, strangers named as problems."""
    pool = [item for item in dict.fromkeys(heap) if item != leaf]
    issuers: list[x509.Certificate] = []
    problems: list[Problem] = []
    current = leaf
    while not self_signed(current):
        issuer, problem = _issuer_of(current, [item for item in pool if item not in issuers])
        if problem is not None:
            problems.append(problem)
        if issuer is None:
            break
        issuers.append(issuer)
        current = issuer
    complete = self_signed(current)
    missing = "" if complete or problems else current.issuer.rfc4514_string()
    problems += _unrelated(pool, issuers, current)
    return Path(tuple(issuers), complete, missing, tuple(problems))


def _issuer_of(
    certificate: x509.Certificate, pool: Sequence[x509.Certificate]
) -> tuple[x509.Certificate | None, Problem | None]:
    named = [item for item in pool if item.subject == certificate.issuer]
    verified = [item for item in named if issued_by(certificate, item)]
    if verified:
        return max(verified, key=lambda item: item.not_valid_after_utc), None
    if not named:
        return None, None
    return None, Problem(
        "chain_signature",
        f"“{common_name_of(certificate.subject)}” says it is signed by “{common_name_of(named[0].subject)}”, "
        "but that key did not sign it.",
        "Ask the bank for the chain again: one of these certificates was replaced or forged.",
    )


def _unrelated(
    pool: Sequence[x509.Certificate], issuers: Sequence[x509.Certificate], top: x509.Certificate
) -> list[Problem]:
    # Another certificate of an issuer on the path (a renewed or cross-signed one), or the one whose signature
    # failed above, is not a stranger.
    familiar = {issuer.subject for issuer in issuers} | {top.issuer}
    return [
        Problem(
            "unrelated_certificate",
            f"“{common_name_of(item.subject)}” does not belong to this certificate's chain.",
            "Remove it from the file and upload again.",
        )
        for item in pool
        if item not in issuers and item.subject not in familiar
    ]
