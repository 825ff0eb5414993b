"""The way of a key in six steps: where it stands, since when, and who has the turn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from certificates import watch
from certificates.admin.looks import day
from certificates.models import LIVE, Act, Certificate, KeyPair, KeyState
from certificates.renewal import BEGINS
from certificates.renewal import Step as Next

US, BANK, NOBODY = "us", "bank", ""

WORDS = {"done": "Done", "now": "Next", "todo": "Not yet", "skipped": "Left out", "stopped": "Stopped here"}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``state`` is done, now, todo, skipped (passed over) or stopped (the way ended here)."""

    title: str
    state: str
    note: str

    @property
    def words(self) -> str:
        """Return the state in a word."""
        return WORDS[self.state]


@dataclass(frozen=True, slots=True)
class Turn:
    """Who is to act (us, bank, or nobody), what is to be done, and the page that leads through it, if there is one."""

    holder: str
    holder_words: str
    act: str
    url: str = ""


LAST = 5
"""The number of the last step, counted from 0."""


def steps(key: KeyPair, certificate: Certificate | None) -> list[Step]:
    """Return the six steps with their dates."""
    moments = [
        ("Requested", key.created_at if key.csr_pem else None, ""),
        ("Submitted", key.submitted_at, _submission(key)),
        ("Certified", certificate.installed_at if certificate else None, ""),
        ("Proven", key.proven_at, key.proof_problem),
        ("Active", key.activated_at, ""),
        _end(key),
    ]
    reached = max((n for n, (_, at, _) in enumerate(moments) if at), default=-1)
    stopped = key.state in (KeyState.REJECTED, KeyState.COMPROMISED, KeyState.DESTROYED, KeyState.RETIRED)
    return [
        Step(title, _state(n, at, reached, stopped), _note(at, more))
        for n, (title, at, more) in enumerate(moments)
    ]


def renewal(key: KeyPair, certificate: Certificate, *, now: datetime) -> Turn:
    """Return whose turn it is with a key whose certificate may soon end, or whose last proof failed."""
    if key.state == KeyState.ACTIVE and certificate.not_after - now <= BEGINS:
        found = watch.renewals_of([certificate], now=now)[0]
        if found.step == Next.DONE:
            return turn(key)
        holder = (BANK, "J.P. Morgan") if found.step == Next.INSTALL else (US, "Us")
        return Turn(*holder, found.advice, reverse("admin:certificates_keypair_renewal", args=[key.pk]))
    if key.state in LIVE and key.proof_problem:
        return Turn(US, "Us", "Find out why the bank refused the key at the last try.")
    asked = watch.approvals_waiting(now=now).filter(key=key, act=Act.ACTIVATE)
    if key.state == KeyState.CERTIFIED and asked.exists():
        return Turn(US, "Us", "Its activation was asked for. Another person must allow it.")
    return turn(key)


def turn(key: KeyPair) -> Turn:
    """Return whose turn it is with this key and what they are to do, as far as its state tells."""
    if key.state == KeyState.ACTIVE and key.proven_at is None:
        return Turn(
            US, "Us", "The key is in use, but was never proven: prove at the bank that it lets us in."
        )
    return _TURNS[KeyState(key.state)] if key.state != KeyState.CERTIFIED else _certified(key)


_TURNS = {
    KeyState.GENERATED: Turn(US, "Us", "Make the signing request."),
    KeyState.CSR_ISSUED: Turn(
        US, "Us", "Hand the signing request in at the bank, then mark it as submitted."
    ),
    KeyState.SUBMITTED: Turn(BANK, "J.P. Morgan", "Sign the request; then we install the certificate."),
    KeyState.ACTIVE: Turn(NOBODY, "Nobody", "The key is in use."),
    KeyState.STANDBY: Turn(NOBODY, "Nobody", "Another key took over; this one retires by itself."),
    KeyState.RETIRED: Turn(NOBODY, "Nobody", "The key is not used any more; it may be destroyed."),
    KeyState.REJECTED: Turn(US, "Us", "Make a new request: the bank refused this one."),
    KeyState.COMPROMISED: Turn(US, "Us", "Tell the bank, and take a new key into use."),
    KeyState.DESTROYED: Turn(NOBODY, "Nobody", "The private key is gone; the facts stay."),
}


def _certified(key: KeyPair) -> Turn:
    if key.proven_at is None:
        return Turn(US, "Us", "Prove at the bank that it lets us in with this key.")
    if key.is_test:
        return Turn(US, "Us", "Activate the key.")
    return Turn(US, "Us", "Ask for its activation; another person allows it.")


def _end(key: KeyPair) -> tuple[str, datetime | None, str]:
    if key.retired_at or key.standby_until is None:
        return "Retired", key.retired_at, ""
    return "On standby", key.standby_until, "retires then by itself"


def _state(number: int, at: datetime | None, reached: int, stopped: bool) -> str:
    if at:
        return "done"
    if number < reached:
        return "skipped"
    if number > reached + 1:
        return "todo"
    if stopped:
        return "stopped"
    return "todo" if number == LAST else "now"  # a key in use has no next step to hurry to


def _note(at: datetime | None, more: str) -> str:
    return ": ".join(part for part in (day(at) if at else "", more) if part)


def _submission(key: KeyPair) -> str:
    told = f"to {key.submitted_to}" if key.submitted_to else ""
    return f"{told}, reference {key.submission_reference}" if told and key.submission_reference else told
