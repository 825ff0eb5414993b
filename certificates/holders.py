"""Who stands behind a key's scope. The apps above register themselves; this one never learns their names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from audit.recording import Actor
from audit.workflow import OperationRefused
from certificates.models import KeyPair


class ProofFailed(OperationRefused):
    """The bank did not let us in with this key, or nobody could ask it."""


class NotTried(ProofFailed):
    """The bank was not asked: the key, its certificate or its settings do not allow a try."""


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

        Never called inside a transaction. Raises ProofFailed with the operator's sentence, or an OperationRefused
        of another kind where the bank was not asked.
        """
        ...

    def whereabouts(self, scope: str) -> Whereabouts | None:
        """Return where the scope's keys are used, or None if nobody owns them any more."""
        ...


@runtime_checkable
class Directory(Protocol):
    """A holder that answers for a whole list at once, whatever its length."""

    def whereabouts_of(self, scopes: Collection[str]) -> Mapping[str, Whereabouts]:
        """Return where the keys of each scope are used, in a fixed number of queries; unknown ones are absent."""
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


def whereabouts_of(scopes: Iterable[str]) -> dict[str, Whereabouts]:
    """Return where each scope's keys are used, as far as a holder answers for many at once.

    For lists: a holder that can only be asked one by one is not asked.
    """
    by_kind: dict[str, set[str]] = {}
    for scope in scopes:
        by_kind.setdefault(scope.partition(":")[0], set()).add(scope)
    found: dict[str, Whereabouts] = {}
    for kind, named in by_kind.items():
        holder = _HOLDERS.get(kind)
        if isinstance(holder, Directory):
            found |= holder.whereabouts_of(named)
    return found
