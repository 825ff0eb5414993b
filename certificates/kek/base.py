"""What a provider of key-encryption keys must do, and how it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class KekError(Exception):
    """A key-encryption key could not be used; ``sentence`` says why in words an operator understands."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class KekMisconfigured(KekError):
    """The configuration is missing, malformed, weak, or names a key that cannot do this work."""


class UnknownKekVersion(KekError):
    """A record names a version the provider does not hold."""


class WrongKek(KekError):
    """The key or the row's facts are not those the data key was wrapped with."""


class UnknownKekProvider(KekError):
    """No provider goes by this name here."""


class KekUnavailable(KekError):
    """The key service does not answer. Nothing is wrong with the record: try again later."""


class KekRefused(KekError):
    """The key service answers no: the key is disabled or on its way out, or access is denied. Ask a person."""


@dataclass(frozen=True, slots=True)
class WrappedDek:
    """A data key under a key-encryption key: who wrapped it, with which version, and the result.

    ``nonce`` is empty for providers whose blob carries its own.
    """

    provider: str
    version: str
    nonce: bytes = field(repr=False)
    blob: bytes = field(repr=False)


class KekProvider(Protocol):
    """Wraps data keys. ``facts`` are immutable facts of the row; a wrap made with others does not open.

    Every method may raise KekMisconfigured, and a remote provider KekUnavailable and KekRefused as well. No
    sentence, ``repr`` or pickle holds key material or a token.
    """

    name: str

    def check(self) -> None:
        """Open what can be opened without a record: the keys exist and can do this work. Raises a KekError."""
        ...

    def current(self) -> str:
        """Return the version new wraps use."""
        ...

    def versions(self) -> frozenset[str]:
        """Return every version that can still unwrap."""
        ...

    def wrap(self, dek: bytes, facts: Mapping[str, str]) -> WrappedDek:
        """Wrap a data key under the current version."""
        ...

    def unwrap(self, wrapped: WrappedDek, facts: Mapping[str, str]) -> bytes:
        """Return the data key. Raises UnknownKekVersion or WrongKek; other versions are never tried."""
        ...

    def rewrap(self, wrapped: WrappedDek, facts: Mapping[str, str]) -> WrappedDek:
        """Return the same data key wrapped under the current version. Raises as ``unwrap``."""
        ...
