"""What each bank accepts, as data.

Source: J.P. Morgan's published key rules for partners (validity of two years or less, RSA of at least 2048
bits, SHA-2, clientAuth where extended key usage is present, chains with root and intermediates, no "J.P.
Morgan" and no "Expires" in the name) and its developer portal (two certificates may share a common name; six
subject fields).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta

from certificates.x509 import Subject

TWO_YEARS = timedelta(days=732)
"""Two calendar years with a leap day, and one day for authorities that back-date."""


class UnknownProfile(ValueError):
    """No bank profile for this environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The rules of one bank in one environment."""

    bank: str
    environment: str
    algorithms: tuple[str, ...]
    algorithm: str
    longest_validity: timedelta
    signature_hashes: tuple[str, ...]
    chain_required: bool
    self_signed_allowed: bool
    forbidden_in_names: tuple[str, ...]
    live_per_common_name: int

    def subject_defects(self, subject: Subject) -> list[str]:
        """Return one sentence per rule a request's subject breaks."""
        found = subject.defects()
        for field in ("organization", "unit", "common_name"):
            found += [
                f"The subject must not contain “{word}”: the bank refuses it."
                for word in self.forbidden_in_names
                if _squeezed(word) in _squeezed(getattr(subject, field))
            ]
        return found


def _jpmorgan(environment: str, *, production: bool) -> Profile:
    return Profile(
        bank="jpmorgan",
        environment=environment,
        algorithms=("rsa-2048", "rsa-3072", "rsa-4096"),
        algorithm="rsa-2048",
        longest_validity=TWO_YEARS,
        signature_hashes=("sha256", "sha384", "sha512"),
        chain_required=production,
        self_signed_allowed=not production,
        forbidden_in_names=("J.P. Morgan", "Expires"),
        live_per_common_name=2,
    )


PROFILES = {
    "test": _jpmorgan("test", production=False),
    "production": _jpmorgan("production", production=True),
}


def profile(environment: str) -> Profile:
    """Return the bank's rules for ``test`` or ``production``. Raises UnknownProfile."""
    try:
        return PROFILES[environment]
    except KeyError:
        raise UnknownProfile(f"There is no bank profile for “{environment}”.") from None


_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_LONGEST_LABEL = 24


def common_name(scope: str, use: str, environment: str) -> str:
    """Return the common name for one owner, use and environment: at most 64 printable characters, not shared.

    The owner's label stands in it where it can; a label that is long, holds other characters than letters,
    digits and hyphens, or spells a word the bank forbids is replaced by (or ends in) a digest of the scope.
    """
    kind, _, label = scope.partition(":")
    forbidden = any(_squeezed(word) in _squeezed(label) for word in PROFILES[environment].forbidden_in_names)
    digest = hashlib.sha256(scope.encode()).hexdigest()[:10]
    if forbidden:
        label = digest
    elif kind != "connection" or not _PLAIN.fullmatch(label) or len(label) > _LONGEST_LABEL:
        kept = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-")[: _LONGEST_LABEL - len(digest) - 1].strip("-")
        label = f"{kept}-{digest}" if kept else digest
    return f"{label}.{use}.{environment}.lockkeeper"


def _squeezed(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
