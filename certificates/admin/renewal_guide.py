"""The renewal of one certificate as steps: from today's state to an active, proven successor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from certificates import profiles, renewal, watch
from certificates.admin import looks
from certificates.admin.approvals import open_requests
from certificates.admin.guides import DONE, LATER, NOW, Offers, Stop, key_url, request_url
from certificates.models import LIVE, Act, Certificate, KeyPair, KeyState
from certificates.renewal import Step

POSITIONS = {
    Step.CALL: 0, Step.REQUEST: 0, Step.SUBMIT: 1, Step.INSTALL: 2, Step.PROVE: 3, Step.ACTIVATE: 4, Step.ALLOW: 4,
    Step.DONE: 5,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """Where a renewal stands: how long is left, what to do now, the six steps, and what to tell the bank."""

    certificate: Certificate
    in_use: bool
    ended: bool
    headline: str
    done: bool
    begins_at: datetime
    begun: bool
    advice: str
    stops: tuple[Stop, ...]
    to_tell: tuple[tuple[str, str], ...]
    successor: KeyPair | None
    successor_url: str


def guide(certificate: Certificate, offers: Offers, *, now: datetime) -> Guide:
    """Return the guide of a certificate whose key is loaded; every step is read from rows."""
    found = watch.renewals_of([certificate], now=now)[0]
    key, begins_at = certificate.key, certificate.not_after - renewal.BEGINS
    return Guide(
        certificate=certificate,
        in_use=key.state in LIVE,
        ended=found.ended,
        headline=_headline(certificate.not_after, now),
        done=found.step == Step.DONE,
        begins_at=begins_at,
        begun=begins_at <= now,
        advice=found.advice,
        stops=tuple(_stops(found, key, offers)),
        to_tell=_to_tell(certificate) if found.ended and found.step != Step.DONE else (),
        successor=found.successor,
        successor_url=key_url(found.successor) if found.successor else "",
    )


def _headline(ends: datetime, now: datetime) -> str:
    left = looks.left_words(ends, now=now)
    if abs(ends - now) < looks.DAY:
        return f"It {'ends' if ends > now else 'ended'} at {left}"
    return f"{left} left" if ends > now else f"It ended {left}"


def _stops(found: watch.Renewal, key: KeyPair, offers: Offers) -> list[Stop]:
    at, new = POSITIONS[found.step], found.successor
    ways = _ways(found, key, offers)
    stops = []
    for number, (title, words) in enumerate(_titles(found, key, new)):
        state = DONE if number < at else NOW if number == at and found.step != Step.DONE else LATER
        url, label = ways(number) if state == NOW else ("", "")
        stops.append(Stop(title=title, state=state, words=words, url=url, label=label))
    active_before_proof = new is not None and new.state == KeyState.ACTIVE and at == POSITIONS[Step.PROVE]
    if active_before_proof:
        stops[4] = Stop(title=stops[4].title, state=DONE, words="The new key is active already.")
    return [*stops, _retirement(found, key)]


def _titles(found: watch.Renewal, key: KeyPair, new: KeyPair | None) -> list[tuple[str, str]]:
    issued = getattr(new, "certificate", None)
    last = Step.ALLOW if found.step == Step.ALLOW else Step.ACTIVATE
    return [
        (renewal.LABELS[Step.REQUEST],
         f"Asked for on {new.created_at:%Y-%m-%d}, with a key of its own." if new else
         "A new key is made; owner, use, environment, subject and common name stay as they are."),
        (renewal.LABELS[Step.SUBMIT],
         _submitted(new) if new and new.submitted_at else "Download the request and hand it in."),
        (renewal.LABELS[Step.INSTALL],
         f"Installed on {issued.installed_at:%Y-%m-%d}; valid until {issued.not_after:%Y-%m-%d}." if issued else
         "The file from the bank is looked at before it is installed."),
        (renewal.LABELS[Step.PROVE],
         f"The bank let us in with it on {new.proven_at:%Y-%m-%d}." if new and new.proven_at else
         (new.proof_problem if new and new.proof_problem else "Until that succeeds, it replaces nothing.")),
        (renewal.label(last, environment=key.environment),
         f"In use since {new.activated_at:%Y-%m-%d}." if new and new.activated_at and new.state == "active" else
         "In test it takes over once the bank lets it in." if key.is_test else "Another person allows it."),
    ]  # fmt: skip


def _submitted(new: KeyPair) -> str:
    told = f"Handed to {new.submitted_to or 'the bank'} on {new.submitted_at:%Y-%m-%d}"
    return f"{told}, reference {new.submission_reference}." if new.submission_reference else f"{told}."


def _ways(found: watch.Renewal, key: KeyPair, offers: Offers) -> Callable[[int], tuple[str, str]]:
    """Return a function from a step's place to its one button; without the right there is none."""
    new = found.successor
    names = {1: "submit", 2: "install", 3: "prove", 4: "activate" if key.is_test else "ask_activate"}

    def way(number: int) -> tuple[str, str]:
        if number == 0:
            return (request_url(key), renewal.LABELS[Step.REQUEST]) if offers.may_request else ("", "")
        if found.step == Step.ALLOW:
            return _asked_for(new), "See what was asked for"
        if new is None:
            return "", ""
        return offers.act(new, names[number]), LABELS[names[number]]

    return way


def _asked_for(new: KeyPair | None) -> str:
    asked = open_requests(new).filter(act=Act.ACTIVATE).first() if new is not None else None
    if asked is None:
        return reverse("admin:certificates_approval_changelist")
    return reverse("admin:certificates_approval_change", args=[asked.pk])


LABELS = {
    "submit": "Mark as submitted",
    "install": "Install certificate",
    "prove": "Prove at the bank",
    "activate": "Activate",
    "ask_activate": "Ask for activation",
}


def _retirement(found: watch.Renewal, key: KeyPair) -> Stop:
    if key.retired_at:
        return Stop(
            title="The old one has retired", state=DONE, words=f"It retired on {key.retired_at:%Y-%m-%d}."
        )
    if key.standby_until:
        words = f"It stands by as a fall-back and retires on {key.standby_until:%Y-%m-%d}."
    elif found.step == Step.DONE:
        words = "It retires once its successor has taken its place."
    else:
        overlap = profiles.profile(key.environment).overlap_days
        words = f"It stands by for {overlap} days after the new one is active, then retires."
    return Stop(title="The old one retires by itself", state=LATER, words=words, said="By itself")


def _to_tell(certificate: Certificate) -> tuple[tuple[str, str], ...]:
    key = certificate.key
    found = [
        ("Common name", key.common_name),
        ("Fingerprint (kid)", certificate.sha1),
        ("Serial number", certificate.serial),
        ("Ended on", f"{certificate.not_after:%Y-%m-%d %H:%M} UTC"),
    ]
    if key.submission_reference:
        found.append(("Reference of its request", key.submission_reference))
    return tuple(found)
