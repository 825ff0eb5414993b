"""What the page of a certificate and the page of a key show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from certificates import holders, queries, x509
from certificates.admin import chain, looks, story, track
from certificates.models import LIVE, Certificate, KeyPair
from certificates.timeline import timeline

LABELS = {
    "C": "Country",
    "ST": "State",
    "L": "Locality",
    "O": "Organization",
    "OU": "Unit",
    "CN": "Common name",
}


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another certificate of the same owner and use, in a line and with its page."""

    words: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """What both pages say about the key."""

    key: KeyPair
    name: str
    url: str
    label: str
    turn: track.Turn
    where: holders.Whereabouts | None
    owner: str
    proof: str
    proof_problem: str
    kind: str
    fingerprint: str
    seal: queries.Seal | None
    lines: Sequence[story.Line]
    older: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatePage:
    """The page of a certificate. ``leaf`` is None where the stored text cannot be read."""

    facts: KeyFacts
    chip: str
    certificate: Certificate
    expiry: looks.Expiry
    leaf: x509.Facts | None
    names: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    links: Sequence[chain.Link]
    drawings: Sequence[chain.Drawing]
    begins: str
    ends: str
    sha1: str
    sha256: str
    serial: str
    before: Neighbour | None
    after: Neighbour | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPage:
    """The page of a key, with or without its certificate."""

    facts: KeyFacts
    chip: str
    steps: Sequence[track.Step]
    certificate: Certificate | None
    certificate_url: str
    expiry: looks.Expiry | None
    begins: str
    ends: str


def certificate_page(certificate: Certificate, *, now: datetime) -> CertificatePage:
    """Return all that the console shows of ``certificate``."""
    leaf, issuers = _read(certificate)
    found = chain.links(leaf, issuers, now=now) if leaf else ()
    names = (("Subject", _labelled(leaf.subject)), ("Issuer", _labelled(leaf.issuer))) if leaf else ()
    before, after = queries.neighbours(certificate)
    return CertificatePage(
        facts=_facts(certificate.key, certificate, now),
        chip=looks.state_chip(certificate.key),
        certificate=certificate,
        expiry=_expiry(certificate, now),
        leaf=leaf,
        names=names,
        links=found,
        drawings=(chain.across(found), chain.down(found)) if found else (),
        begins=looks.moment(certificate.not_before),
        ends=looks.moment(certificate.not_after),
        sha1=looks.grouped(certificate.sha1),
        sha256=looks.grouped(certificate.sha256),
        serial=looks.grouped(certificate.serial),
        before=_neighbour(before),
        after=_neighbour(after),
    )


def key_page(key: KeyPair, *, now: datetime) -> KeyPage:
    """Return all that the console shows of ``key``."""
    certificate = Certificate.objects.filter(key=key).defer("pem", "chain_pem").first()
    if certificate is not None:
        certificate.key = key
    return KeyPage(
        facts=_facts(key, certificate, now),
        chip=looks.state_chip(key),
        steps=track.steps(key, certificate),
        certificate=certificate,
        certificate_url=_url("certificate", certificate.pk) if certificate else "",
        expiry=_expiry(certificate, now) if certificate else None,
        begins=looks.moment(certificate.not_before) if certificate else "",
        ends=looks.moment(certificate.not_after) if certificate else "",
    )


def _facts(key: KeyPair, certificate: Certificate | None, now: datetime) -> KeyFacts:
    told = timeline(key)
    return KeyFacts(
        key=key,
        name=looks.dotted(key.common_name),
        url=_url("keypair", key.pk),
        label=key.scope.partition(":")[2] or key.scope,
        turn=track.renewal(key, certificate, now=now) if certificate else track.turn(key),
        where=holders.whereabouts(key.scope),
        owner=key.owner.get_username() if key.owner else "",
        proof=looks.proof_words(key),
        proof_problem=key.proof_problem,
        kind=chain.key_words(key.algorithm),
        fingerprint=looks.grouped(key.spki_sha256),
        seal=queries.seal_of(key),
        lines=story.tell(told),
        older=told.older,
    )


def _read(certificate: Certificate) -> tuple[x509.Facts | None, Sequence[x509.Facts]]:
    try:
        leaf, *issuers = x509.chain_of(certificate.pem, certificate.chain_pem)
    except ValueError:
        return None, ()
    return leaf, issuers


def _labelled(name: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    return [(f"{LABELS[short]} ({short})" if short in LABELS else short, value) for short, value in name]


def _expiry(certificate: Certificate, now: datetime) -> looks.Expiry:
    in_use = certificate.key.state in LIVE
    return looks.expiry(certificate.not_before, certificate.not_after, now=now, in_use=in_use)


def _neighbour(certificate: Certificate | None) -> Neighbour | None:
    if certificate is None:
        return None
    span = f"{looks.day(certificate.not_before)} – {looks.day(certificate.not_after)}"
    state = certificate.key.get_state_display()
    return Neighbour(f"{span}, {state}", _url("certificate", certificate.pk))


def _url(model: str, pk: object) -> str:
    return reverse(f"admin:certificates_{model}_change", args=[pk])
