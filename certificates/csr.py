"""The checker for a signing request of another tool: judged by the rules our own requests follow."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID

from certificates.profiles import Profile
from certificates.x509 import (
    CLIENT_AUTH,
    PRIVATE_KEY,
    Problem,
    Subject,
    Usages,
    algorithm_of,
    hash_name,
    holds_private_key,
    material,
    pairs,
    proves_possession,
    spki_sha256,
    usages,
)

LARGEST = 64 * 1024
"""The largest paste read, in bytes."""

AGAIN = "Make the request again without this."
_PEM = re.compile(r"-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----(.*?)-----END ", re.DOTALL)

TOO_LARGE = Problem("too_large", "The file is larger than 64 KiB.", "Paste the signing request only.")
EMPTY = Problem("empty", "There is nothing to check.", "Paste the signing request, or upload its file.")
CERTIFICATE = Problem(
    "certificate",
    "This is the certificate, not the request.",
    "Paste the signing request here; a certificate is installed on the page of its key.",
)
SEVERAL = Problem("several", "There is more than one signing request.", "Check them one by one.")
UNREADABLE = Problem(
    "unreadable",
    "This is not a signing request in any form we read (PEM, DER).",
    "Paste everything from the BEGIN to the END line, or upload the file unchanged.",
)
FORGED = Problem(
    "signature",
    "The request is not signed by its own key.",
    "Make the request again: it was changed after it was signed.",
)
KEY_UNKNOWN = Problem(
    "key_algorithm", "The key is of a kind the bank does not accept.", "Make the request with another key."
)
EXTENSIONS = Problem(
    "extensions_unreadable", "What the request asks for cannot be read.", "Make the request again."
)
IS_AUTHORITY = Problem("is_authority", "The request asks for an authority's certificate.", AGAIN)
KEY_USAGE = Problem(
    "key_usage", "The key usage it asks for has no digital signatures.", "Ask for digitalSignature."
)
EXTENDED_KEY_USAGE = Problem(
    "extended_key_usage",
    "The extended key usage it asks for has no client authentication.",
    "Ask for clientAuth, or leave extended key usage out.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a signing request says and what is wrong with it. Empty, but for ``problems``, if there is none.

    ``fields`` are the bank's subject fields (``{"C": …}``), ``subject`` every field as (short name, value) in
    the request's own order; ``public_key`` is the SHA-256 that identifies the key, ``hash`` what it is signed
    with, and ``requested`` the extensions asked for.
    """

    fields: dict[str, str]
    subject: tuple[tuple[str, str], ...]
    algorithm: str
    public_key: str
    hash: str
    requested: Usages
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Say whether the bank would take the request."""
        return not self.problems


def examine(data: bytes, profile: Profile, *, taken_elsewhere: Collection[str] = ()) -> Examined:
    """Judge the signing request in ``data`` (PEM or DER) by the bank's profile; never raises on bad input.

    ``taken_elsewhere`` are the common names in use in other environments. A private key is refused, and
    nothing of it is in what is returned.
    """
    try:
        request = _only(_requests(data))
    except _Refused as refusal:
        return _nothing(refusal.problem)
    try:
        subject, hashed = Subject.from_name(request.subject), hash_name(request)
        named = pairs(request.subject)
    except ValueError:
        return _nothing(UNREADABLE)
    requested = usages(request)
    algorithm, public_key, problems = _key(request, profile)
    problems += _signature(request, hashed, profile)
    problems += [
        Problem("subject", sentence, "Make the request again with another value.")
        for sentence in profile.subject_defects(subject, taken_elsewhere=taken_elsewhere)
    ]
    problems += _extensions(requested, profile)
    return Examined(
        fields=subject.fields(),
        subject=named,
        algorithm=algorithm,
        public_key=public_key,
        hash=hashed,
        requested=requested,
        problems=tuple(problems),
        warnings=tuple(_warnings(request, named, subject)),
    )


def der(pem: str | bytes) -> bytes:
    """Return one request's DER, for those who want the file so. Raises ValueError where there is not one."""
    try:
        request = _only(_requests(pem.encode() if isinstance(pem, str) else pem))
    except _Refused as refusal:
        raise ValueError(refusal.problem.sentence) from None
    return request.public_bytes(Encoding.DER)


class _Refused(Exception):
    """There is no request to judge."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def _nothing(problem: Problem) -> Examined:
    return Examined(
        fields={},
        subject=(),
        algorithm="",
        public_key="",
        hash="",
        requested=Usages(),
        problems=(problem,),
        warnings=(),
    )


def _only(requests: list[x509.CertificateSigningRequest]) -> x509.CertificateSigningRequest:
    if len(requests) > 1:
        raise _Refused(SEVERAL)
    return requests[0]


def _requests(data: bytes) -> list[x509.CertificateSigningRequest]:
    """Return the different requests in ``data``, at least one. Raises _Refused."""
    if len(data) > LARGEST:
        raise _Refused(TOO_LARGE)
    if holds_private_key(data):
        raise _Refused(PRIVATE_KEY)
    text = material.decoded(data)
    armoured = _PEM.findall(text or "")
    bodies = [material.unarmoured(body) for body in armoured] or [material.unarmoured(text or "") or data]
    found = [request for body in bodies if body and (request := _load(body)) is not None]
    if not found or len(found) < len(armoured):
        raise _Refused(_instead(data))
    return list({request.public_bytes(Encoding.DER): request for request in found}.values())


def _load(raw: bytes) -> x509.CertificateSigningRequest | None:
    try:
        return x509.load_der_x509_csr(raw)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return None


def _instead(data: bytes) -> Problem:
    """Return what ``data`` is, being no request."""
    upload = material.parse(data)
    if PRIVATE_KEY in upload.problems:
        return PRIVATE_KEY
    if upload.certificates:
        return CERTIFICATE
    told_apart = {problem.code: problem for problem in upload.problems}
    for code in ("pkcs12_locked", "pkcs12_costly", "keystore", "utf16"):
        if code in told_apart:
            return told_apart[code]
    return EMPTY if "empty" in told_apart else UNREADABLE


def _key(request: x509.CertificateSigningRequest, profile: Profile) -> tuple[str, str, list[Problem]]:
    try:
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "", "", [KEY_UNKNOWN]
    algorithm = algorithm_of(key)
    defect = profile.key_defect(algorithm)
    problems = [Problem("key_algorithm", defect, "Make the request with another key.")] if defect else []
    return algorithm, spki_sha256(key), problems


def _signature(request: x509.CertificateSigningRequest, hashed: str, profile: Profile) -> list[Problem]:
    found = []
    if hashed not in profile.signature_hashes:
        found.append(
            Problem(
                "signature_algorithm",
                f"The request is signed with {hashed}, not with SHA-2.",
                f"Make the request again with {profile.request_hash_said}.",
            )
        )
    try:
        proven = proves_possession(request)
    except (ValueError, UnsupportedAlgorithm):
        proven = False
    return found if proven else [*found, FORGED]


def _extensions(requested: Usages, profile: Profile) -> list[Problem]:
    if not requested.readable:
        return [EXTENSIONS]
    key, extended = requested.key_usage, requested.extended_key_usage
    found = [IS_AUTHORITY] if requested.authority else []
    if key is not None and "digitalSignature" not in key:
        found.append(KEY_USAGE)
    if profile.client_auth_if_extended and extended is not None and CLIENT_AUTH not in extended:
        found.append(EXTENDED_KEY_USAGE)
    return found


def _warnings(
    request: x509.CertificateSigningRequest, named: tuple[tuple[str, str], ...], subject: Subject
) -> list[str]:
    fields, names = subject.fields(), [short for short, _ in named]
    found = [
        f"The request gives {short} {names.count(short)} times; the bank asks for one."
        for short in dict.fromkeys(names)
        if names.count(short) > 1
    ]
    found += [
        f"The request also gives {short}, which the bank does not ask for."
        for short in dict.fromkeys(names)
        if short not in fields
    ]
    try:
        request.attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD)
    except (ValueError, x509.AttributeNotFound):
        return found
    return [*found, "The request carries a challenge password, readable by anyone: leave it out next time."]
