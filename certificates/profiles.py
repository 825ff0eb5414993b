"""What each bank accepts, as data.

Source: J.P. Morgan's published key rules for partners (validity of two years or less, RSA of at least 2048
bits, SHA-2, clientAuth where extended key usage is present, chains with root and intermediates, no "J.P.
Morgan" and no "Expires" in the name) and its developer portal (two certificates may share a common name; six
subject fields).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from certificates.x509 import FIELDS, SHORT_NAMES, Subject

TWO_YEARS = timedelta(days=732)
"""Two calendar years with a leap day, and one day for authorities that back-date."""

PUBLIC_AUTHORITIES = (
    "Actalis", "AffirmTrust", "Amazon", "Asseco Data Systems", "Baltimore", "Buypass", "Certum", "COMODO",
    "D-Trust", "Deutsche Telekom Security", "DigiCert", "Entrust", "GeoTrust", "GlobalSign", "GoDaddy",
    "Google Trust Services", "HARICA", "Hellenic Academic and Research Institutions", "IdenTrust",
    "Internet Security Research Group", "ISRG", "Let's Encrypt", "Network Solutions", "QuoVadis", "RapidSSL",
    "Sectigo", "SSL Corp", "SSL Corporation", "Starfield Technologies", "SwissSign", "Symantec", "Thawte",
    "The USERTRUST Network", "Trustwave", "Unizeto Technologies", "USERTRUST", "VeriSign", "ZeroSSL",
)  # fmt: skip
"""How the organisations behind publicly trusted certificates call themselves; longer names begin so too."""

PUBLIC_CLIENT_AUTH_UNTIL = datetime(2027, 3, 15, tzinfo=UTC)
"""From this day some trust stores refuse clientAuth from public authorities (J.P. Morgan, 11 May 2026)."""


class UnknownProfile(ValueError):
    """No bank profile for this environment."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule for the form: ``field`` is a subject field's short name or what else the rule is about."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class NameRule:
    """Words that must not stand in these subject fields (or at their end), and the sentence that says so."""

    fields: tuple[str, ...]
    word: str
    sentence: str
    refusal: str
    at_end: bool = False

    def broken_by(self, subject: Subject) -> bool:
        """Say whether one of the fields holds the word; spelling, dots and spaces make no difference."""
        values = (getattr(subject, field) for field in self.fields)
        if self.at_end:
            return any(value.strip().casefold().endswith(self.word.casefold()) for value in values)
        return any(_squeezed(self.word) in _squeezed(value) for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The rules of one bank in one environment.

    ``uses`` are the uses that take a key of their own; requests of ``client_auth_uses`` ask for clientAuth.
    ``renewal_days`` before its end a certificate is renewed; for ``overlap_days`` after its successor became
    active the old pair stays on standby.
    """

    bank: str
    environment: str
    uses: tuple[str, ...]
    client_auth_uses: tuple[str, ...]
    algorithms: tuple[str, ...]
    algorithm: str
    request_hash: str
    signature_hashes: tuple[str, ...]
    required_fields: tuple[str, ...]
    name_rules: tuple[NameRule, ...]
    longest_validity: timedelta
    longest_validity_said: str
    client_auth_if_extended: bool
    alternative_names_required: bool
    authority_key_id_required: bool
    chain_required: bool
    self_signed_allowed: bool
    live_per_common_name: int
    renewal_days: int
    overlap_days: int
    public_authorities: tuple[str, ...]
    public_client_auth_until: datetime

    @property
    def forbidden_in_names(self) -> tuple[str, ...]:
        """Return the words that must stand nowhere in the names."""
        return tuple(rule.word for rule in self.name_rules if not rule.at_end)

    @property
    def request_hash_said(self) -> str:
        """Return the request's hash as people write it."""
        return self.request_hash.upper().replace("SHA", "SHA-")

    def client_auth(self, use: str) -> bool:
        """Say whether a request for ``use`` asks for clientAuth."""
        return use in self.client_auth_uses

    def subject_defects(self, subject: Subject, *, taken_elsewhere: Collection[str] = ()) -> list[str]:
        """Return one sentence per rule a request's subject breaks.

        ``taken_elsewhere`` are the common names in use in other environments.
        """
        found = subject.defects(required=self.required_fields)
        found += [rule.refusal for rule in self.name_rules if rule.broken_by(subject)]
        if subject.common_name.strip().casefold() in {name.strip().casefold() for name in taken_elsewhere}:
            found.append(
                f"The common name “{subject.common_name}” is used in another environment: "
                "every environment needs its own."
            )
        return found

    def key_defect(self, algorithm: str) -> str:
        """Return why the bank does not take such a key, or an empty text."""
        if algorithm in self.algorithms:
            return ""
        return f"The key is {algorithm}; the bank accepts {', '.join(self.algorithms)}."

    def is_public_authority(self, organisation: str) -> bool:
        """Say whether an issuer of this organisation is known to be trusted by browsers."""
        words = _words(organisation)
        return any(words[: len(known)] == known for known in map(_words, self.public_authorities))

    def rules(self) -> tuple[Rule, ...]:
        """Return every rule with its explanation, the subject's fields first."""
        found = []
        for attribute, (short, _, longest) in FIELDS.items():
            wanted = "Required" if short in self.required_fields else "May be empty"
            limit = "two capital letters" if short == "C" else f"{longest} printable characters at most"
            found.append(Rule(short, f"{_EXPLAINED[short]} {wanted}, {limit}."))
            found += [Rule(short, rule.sentence) for rule in self.name_rules if attribute in rule.fields]
        return (*found, *self._rules_beyond_names())

    def _rules_beyond_names(self) -> tuple[Rule, ...]:
        kinds = ", ".join(name.replace("-", " ").upper() for name in self.algorithms)
        chain = (
            "The certificate comes from an authority the bank approves, with its whole chain."
            if not self.self_signed_allowed
            else "A self-signed certificate is enough here, and the chain may be left out."
        )
        found = [
            Rule("key", f"The bank accepts {kinds}. Every request gets a new key, and every use its own."),
            Rule("hash", f"The request is signed with {self.request_hash_said}; SHA-1 is refused."),
            Rule("validity", f"The certificate is valid for {self.longest_validity_said} at most."),
            Rule("chain", chain),
            Rule("live", f"At most {self.live_per_common_name} live certificates share one common name."),
            Rule(
                "renewal",
                f"Renewal starts {self.renewal_days} days before the end; the old pair stays on standby for "
                f"{self.overlap_days} days after the new one is active.",
            ),
        ]
        if self.client_auth_if_extended:
            found.append(
                Rule("extended_key_usage", "Extended key usage may be absent; if present, it has clientAuth.")
            )
        return tuple(found)


_EXPLAINED = {
    "C": "The country's code, like US.",
    "ST": "The state or province, spelled out.",
    "L": "The town.",
    "O": "Your firm's legal name, as the bank knows it.",
    "OU": "The team that answers for the connection.",
    "CN": "The name of this connection, use and environment, shared with no other environment.",
}


def _never(word: str) -> NameRule:
    return NameRule(
        ("organization", "unit", "common_name"),
        word,
        f"Never with “{word}” in it, in any spelling: the bank refuses such names.",
        f"The subject must not contain “{word}”: the bank refuses it.",
    )


def _marked(marker: str, theirs: str, ours: str) -> NameRule:
    return NameRule(
        ("common_name",),
        marker,
        f"Never ending in “{marker}”: that marks {theirs}, and no common name is used in both.",
        f"The common name ends in “{marker}”, which marks {theirs}; this request is for {ours}.",
        at_end=True,
    )


def _jpmorgan(environment: str, other: str) -> Profile:
    production = environment == "production"
    return Profile(
        bank="jpmorgan",
        environment=environment,
        uses=("oauth", "transport", "signing"),
        client_auth_uses=("transport",),
        algorithms=("rsa-2048", "rsa-3072", "rsa-4096"),
        algorithm="rsa-2048",
        request_hash="sha256",
        signature_hashes=("sha256", "sha384", "sha512"),
        required_fields=SHORT_NAMES,
        name_rules=(
            _never("J.P. Morgan"),
            _never("Expires"),
            _marked(f".{other}.lockkeeper", other, environment),
            _marked(f".{other}", other, environment),
        ),
        longest_validity=TWO_YEARS,
        longest_validity_said="two years",
        client_auth_if_extended=True,
        alternative_names_required=False,
        authority_key_id_required=False,
        chain_required=production,
        self_signed_allowed=not production,
        live_per_common_name=2,
        renewal_days=60,
        overlap_days=14,
        public_authorities=PUBLIC_AUTHORITIES,
        public_client_auth_until=PUBLIC_CLIENT_AUTH_UNTIL,
    )


PROFILES = {
    "test": _jpmorgan("test", "production"),
    "production": _jpmorgan("production", "test"),
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


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[a-z0-9]+", text.casefold()))
