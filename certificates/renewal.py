"""Where the renewal of a certificate stands. Pure, and derived from what is there: nobody ticks a step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

BEGINS = timedelta(days=60)
"""How long before the end a renewal is due."""


class Step(StrEnum):
    """The next step of a renewal."""

    CALL = "call"
    REQUEST = "request"
    SUBMIT = "submit"
    INSTALL = "install"
    PROVE = "prove"
    ACTIVATE = "activate"
    ALLOW = "allow"
    DONE = "done"


LABELS = {
    Step.CALL: "Call the bank",
    Step.REQUEST: "Request a new certificate",
    Step.SUBMIT: "Submit it to the bank",
    Step.INSTALL: "Wait for the bank, then install",
    Step.PROVE: "Prove it at the bank",
    Step.ACTIVATE: "Ask for activation",
    Step.ALLOW: "Have the activation allowed",
    Step.DONE: "Nothing to do",
}
"""What a button or a list calls the step, where two people activate."""

ADVICE = {
    Step.CALL: (
        "The certificate has ended, and the bank takes renewals only before the end. Call the bank, say that it "
        "has ended, then request a new certificate and submit it as a first one."
    ),
    Step.REQUEST: "Request a new certificate; it gets a key of its own.",
    Step.SUBMIT: "Hand the request to the bank, then mark it as submitted.",
    Step.INSTALL: "The bank has the request. Install the certificate when it comes; ask the bank if it does not.",
    Step.PROVE: "Try the new key at the bank; until that succeeds, it replaces nothing.",
    Step.ACTIVATE: "The bank lets the new key in. Ask for its activation.",
    Step.ALLOW: "The activation was asked for. Another person must allow it.",
    Step.DONE: "The new key is active and proven.",
}
"""What to do now, for a person, where two people activate."""

_ALONE = "test"
"""The environment in which one person activates."""

ENDED = "It has ended: the bank may ask for a call before it takes a new one."

_ORDER = (Step.DONE, Step.ALLOW, Step.ACTIVATE, Step.PROVE, Step.INSTALL, Step.SUBMIT)
_OF_STATE = {"generated": Step.SUBMIT, "csr_issued": Step.SUBMIT, "submitted": Step.INSTALL}
_BESIDE = ("certified", "standby")


@dataclass(frozen=True, slots=True, kw_only=True)
class Successor:
    """What matters of another key of the same owner, use and environment.

    ``outlives``: its certificate ends later than the one to renew; ``asked``: its activation waits for a person.
    """

    state: str
    outlives: bool = False
    proven: bool = False
    asked: bool = False


def step_of(successor: Successor) -> Step | None:
    """Return what the successor needs next; None when it cannot replace anything."""
    if successor.state in _OF_STATE:
        return _OF_STATE[successor.state]
    if not successor.outlives or successor.state not in (*_BESIDE, "active"):
        return None
    if not successor.proven:
        return Step.PROVE
    if successor.state == "active":
        return Step.DONE
    return Step.ALLOW if successor.asked else Step.ACTIVATE


def furthest(successors: Iterable[Successor]) -> tuple[Step, int] | None:
    """Return the step of the successor that is furthest along, and its place among them; None without one."""
    steps = [(step, place) for place, step in enumerate(map(step_of, successors)) if step is not None]
    return min(steps, key=lambda found: (_ORDER.index(found[0]), found[1]), default=None)


def first_step(*, ended: bool) -> Step:
    """Return what to do while nothing replaces the certificate."""
    return Step.CALL if ended else Step.REQUEST


def label(step: Step, *, environment: str) -> str:
    """Return what a button or a list calls the step in this environment."""
    return "Activate" if _by_one(step, environment) else LABELS[step]


def advice(step: Step, *, environment: str, ended: bool) -> str:
    """Return what to do now in one or two sentences."""
    if _by_one(step, environment):
        return "The bank lets the new key in. Activate it."
    return f"{ADVICE[step]} {ENDED}" if ended and step in (Step.SUBMIT, Step.INSTALL) else ADVICE[step]


def _by_one(step: Step, environment: str) -> bool:
    return step == Step.ACTIVATE and environment == _ALONE
