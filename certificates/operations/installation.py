"""From what the bank returned to an installed certificate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509 as pyca
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from audit.recording import Actor
from audit.workflow import OperationRefused, PermissionMissing, perform
from certificates import gate, profiles, queries, x509
from certificates.models import Certificate, KeyPair, KeyState
from certificates.operations.lifecycle import lock_owner, stand_others_by
from certificates.x509 import Problem


class ImportRefused(OperationRefused):
    """What was uploaded must not be installed; ``problems`` holds every reason."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        several = len(self.problems) > 1
        listed = [f"{n}. {p}" if several else str(p) for n, p in enumerate(self.problems, start=1)]
        super().__init__("The certificate was not installed. " + " ".join(listed))


@dataclass(frozen=True, slots=True)
class _Match:
    """The leaf in an upload and the key it was issued for."""

    leaf: pyca.Certificate
    key: KeyPair


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What installing an upload would do, found out without writing anything.

    ``key`` is the request it answers, or None; ``chain`` are the issuers, nearest first, and ``missing`` names
    the one the file lacks above them. ``pem`` are the upload's certificates alone, and empty while there are
    problems: it is what to install once a person has looked. ``installed``: this very certificate is here already.
    """

    key: KeyPair | None = None
    leaf: x509.Facts | None = None
    chain: tuple[x509.Facts, ...] = ()
    missing: str = ""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    drift: tuple[x509.Drift, ...] = ()
    pem: str = ""
    installed: bool = False


@sensitive_variables()
def preview_installation(
    *, scope: str, material: bytes, now: datetime, passphrase: str | None = None
) -> Preview:
    """Judge an upload for ``scope`` as ``install_certificate`` would, and write nothing.

    ``passphrase`` opens a PKCS#12 file and is not kept. Whether a drift of the subject is confirmed is left to
    the installation.
    """
    parsed = x509.parse(material, passphrase)
    mine, problems = _find(scope, parsed.certificates)
    problems = [*parsed.problems, *problems]
    if mine is None:
        return Preview(problems=tuple(problems))
    installed = Certificate.objects.filter(key=mine.key).select_related("key").first()
    others = [item for item in parsed.certificates if item != mine.leaf]
    verdict = _judge(mine, others, now)
    path = x509.path_from(mine.leaf, others)
    again = installed is not None and installed.sha256 == x509.sha256(mine.leaf)
    if not again:
        problems += [*_standing(mine, installed, now), *verdict.problems]
    said_by_drift = set(map(str, verdict.drift))
    return Preview(
        key=mine.key,
        leaf=x509.describe(mine.leaf),
        chain=tuple(map(x509.describe, path.issuers)),
        missing=path.missing,
        problems=tuple(problems),
        warnings=tuple(one for one in verdict.warnings if one not in said_by_drift),
        drift=verdict.drift,
        pem="" if problems else x509.pem(*parsed.certificates),
        installed=again,
    )


def install_certificate(
    *, scope: str, material: bytes, actor: Actor, now: datetime, confirmed_drift: bool = False
) -> Certificate:
    """Install the certificate in ``material`` for the request of ``scope`` with its public key; return it.

    PEM, DER, PKCS#7 or PKCS#12, issuers in any order, 256 KiB at most. In the test environment the first key
    becomes active at once; where another is in use, and in production, it waits for its proof. In production a
    subject other than requested is refused unless ``confirmed_drift``. The same certificate again is returned
    and changes nothing. Raises ImportRefused with every problem at once, or PermissionMissing.
    """
    if actor.account is not None and not actor.account.has_perm("certificates.install_certificate"):
        raise PermissionMissing(
            "You may not install certificates: it needs “certificates.install_certificate”."
        )
    parsed = x509.parse(material)
    with transaction.atomic():
        lock_owner(scope=scope)
        mine, problems = _find(scope, parsed.certificates)
        problems = [*parsed.problems, *problems]
        if mine is None:
            raise ImportRefused(problems)
        installed = Certificate.objects.filter(key=mine.key).select_related("key").first()
        if not problems and installed is not None and installed.sha256 == x509.sha256(mine.leaf):
            return installed
        others = [item for item in parsed.certificates if item != mine.leaf]
        verdict = _judge(mine, others, now)
        problems += [*_standing(mine, installed, now), *verdict.problems]
        if not (mine.key.is_test or confirmed_drift):
            problems += _drift(mine)
        if problems:
            raise ImportRefused(problems)
        certificate = _store(mine, verdict, now)
        _put_to_use(mine.key, certificate, actor, now)
    return Certificate.objects.select_related("key").get(pk=certificate.pk)


def _find(scope: str, certificates: list[pyca.Certificate]) -> tuple[_Match | None, list[Problem]]:
    """Return the one certificate whose public key is the scope's, and why there is none or not only one."""
    by_key = {x509.spki_sha256(item.public_key()): item for item in certificates}
    keys = list(KeyPair.objects.filter(spki_sha256__in=by_key).order_by("created_at", "pk"))
    mine = [key for key in keys if key.scope == scope]
    leaves = [
        item for item in certificates if x509.spki_sha256(item.public_key()) in {k.spki_sha256 for k in keys}
    ]
    problems = []
    if len(mine) < len(keys):
        problems.append(
            Problem(
                "other_owner",
                "The certificate was issued for somebody else's key.",
                "Check which connection this file belongs to.",
            )
        )
    if len(leaves) > 1 and mine:
        problems.append(
            Problem("several", "The file holds more than one client certificate.", "Upload them one by one.")
        )
    if not keys and certificates:
        names = ", ".join(f"“{x509.common_name_of(item.subject)}”" for item in certificates[:5])
        problems.append(
            Problem(
                "no_matching_request",
                f"No request made here has the key of {names}.",
                "Check that the bank signed the latest request and that this is the client's certificate.",
            )
        )
    return (_Match(by_key[mine[0].spki_sha256], mine[0]) if mine else None), problems


def _judge(match: _Match, others: list[pyca.Certificate], now: datetime) -> gate.Verdict:
    csr = pyca.load_pem_x509_csr(match.key.csr_pem.encode())
    profile = profiles.profile(match.key.environment)
    return gate.examine(match.leaf, others, csr=csr, profile=profile, now=now)


def _drift(match: _Match) -> list[Problem]:
    csr = pyca.load_pem_x509_csr(match.key.csr_pem.encode())
    return [
        Problem("subject_drift", difference, "Confirm the difference or have it reissued.")
        for difference in x509.drift(csr.subject, match.leaf.subject)
    ]


def _standing(match: _Match, installed: Certificate | None, now: datetime) -> list[Problem]:
    """Return what our own rows have against this certificate."""
    key, found = match.key, []
    if installed is not None:
        found.append(
            Problem(
                "already_certified",
                "The request already has another certificate.",
                "Make a new request: every certificate gets a key of its own.",
            )
        )
    elif key.state not in (KeyState.CSR_ISSUED, KeyState.SUBMITTED):
        found.append(
            Problem("request_closed", f"The request is {key.get_state_display()}.", "Make a new request.")
        )
    issuer, serial = match.leaf.issuer.rfc4514_string(), x509.serial(match.leaf)
    if Certificate.objects.filter(issuer=issuer, serial=serial).exclude(key=key).exists():
        found.append(
            Problem(
                "serial_seen", "Its issuer used this serial number before.", "Ask the bank for another one."
            )
        )
    most = profiles.profile(key.environment).live_per_common_name
    live = queries.live_under(common_name=key.common_name, now=now).exclude(pk=key.pk)
    if live.count() >= most:
        found.append(
            Problem(
                "too_many_live",
                f"The bank accepts {most} live certificates for one common name, and {most} are live.",
                "Retire the one on standby first.",
            )
        )
    return found


def _store(match: _Match, verdict: gate.Verdict, now: datetime) -> Certificate:
    leaf = match.leaf
    return Certificate.objects.create(
        key=match.key,
        pem=x509.pem(leaf),
        chain_pem=x509.pem(*verdict.intermediates),
        serial=x509.serial(leaf),
        issuer=leaf.issuer.rfc4514_string(),
        subject=leaf.subject.rfc4514_string(),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        sha1=x509.sha1(leaf),
        sha256=x509.sha256(leaf),
        warnings=list(verdict.warnings),
        installed_at=now,
    )


def _put_to_use(key: KeyPair, certificate: Certificate, actor: Actor, now: datetime) -> None:
    data = {"sha256": certificate.sha256, "warnings": certificate.warnings}
    key = perform(key, "certify", actor=actor, now=now, data=data, installed_by=f"{actor.kind}:{actor.key}")
    if key.is_test and queries.predecessor(key, now=now) is None:
        # What is active here without being a predecessor has a certificate that ended.
        stand_others_by(key, actor=actor, now=now)
        perform(key, "go_live_in_test", actor=actor, now=now, at=now)
