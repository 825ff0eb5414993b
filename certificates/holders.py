"""Who stands behind a key's scope. The apps above register themselves; this one never learns their names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from audit.recording import Actor
from audit.workflow import OperationRefused
from certificates.models import KeyPair


class ProofFailed(OperationRefused):
    """The bank did not let us in with this key, or nobody could ask it."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a key is used: the holder's name, its console page, and what would stop without the key."""

    name: str
    url: str
    at_stake: str


class Holder(Protocol):
    """What an app that owns keys can say and do about them."""

    def prove(self, *, key: KeyPair, actor: Actor, clock: Callable[[], datetime]) -> str:
        """Make a real handshake and token request with exactly this key; return what was proven, as a sentence.

        Never called inside a transaction. Raises ProofFailed with the operator's sentence.
        """
        ...

    def whereabouts(self, scope: str) -> Whereabouts | None:
        """Return where the scope's keys are used, or None if nobody owns them any more."""
        ...


_HOLDERS: dict[str, Holder] = {}


def register(kind: str, holder: Holder) -> None:
    """Let ``holder`` answer for every scope ``<kind>:…``."""
    _HOLDERS[kind] = holder


def holder_of(scope: str) -> Holder | None:
    """Return who answers for this scope, or None."""
    return _HOLDERS.get(scope.partition(":")[0])


def whereabouts(scope: str) -> Whereabouts | None:
    """Return where the scope's keys are used, or None where nobody says so."""
    holder = holder_of(scope)
    return holder.whereabouts(scope) if holder else None
