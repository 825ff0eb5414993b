"""From a heap of certificates to the path from a leaf upwards, whatever order they came in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509

from certificates.x509.problem import Problem
from certificates.x509.signature import issued_by, self_signed
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
    problems += [_stranger(item, missing) for item in _unrelated(pool, issuers, current)]
    return Path(tuple(issuers), complete, missing, tuple(problems))


def _issuer_of(
    certificate: x509.Certificate, pool: Sequence[x509.Certificate]
) -> tuple[x509.Certificate | None, Problem | None]:
    named = [item for item in pool if item.subject == certificate.issuer]
    verified = [item for item in named if issued_by(certificate, item)]
    if verified:
        # An issuer whose own issuer is at hand first, so that a cross-signed one is no dead end; then the
        # one that lasts longest.
        names = {item.subject for item in pool if item not in named}
        return max(verified, key=lambda item: (_leads_on(item, names), item.not_valid_after_utc)), None
    if not named:
        return None, None
    return None, Problem(
        "chain_signature",
        f"“{common_name_of(certificate.subject)}” says it is signed by “{common_name_of(named[0].subject)}”, "
        "but that key did not sign it.",
        "Ask the bank for the chain again: one of these certificates was replaced or forged.",
    )


def _leads_on(issuer: x509.Certificate, names: Collection[x509.Name]) -> bool:
    return issuer.issuer in names or self_signed(issuer)


def _unrelated(
    pool: Sequence[x509.Certificate], issuers: Sequence[x509.Certificate], top: x509.Certificate
) -> list[x509.Certificate]:
    # Another certificate of an issuer on the path (a renewed or cross-signed one), the one whose signature
    # failed above, and whatever stands above those by name, are no strangers.
    familiar = {issuer.subject for issuer in issuers} | {top.issuer}
    reached = 0
    while reached < len(familiar):
        reached = len(familiar)
        familiar |= {item.issuer for item in pool if item.subject in familiar}
    return [item for item in pool if item not in issuers and item.subject not in familiar]


def _stranger(item: x509.Certificate, missing: str) -> Problem:
    # It may well stand above a gap: to have it removed without a word about that would be the wrong advice.
    remedy = "Add the missing issuer if it links them, or remove it." if missing else "Remove it."
    return Problem(
        "unrelated_certificate",
        f"“{common_name_of(item.subject)}” does not belong to this certificate's chain.",
        f"{remedy} Then upload again.",
    )
