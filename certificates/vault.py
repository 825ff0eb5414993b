"""Envelopes: a record under its own data key, that key under a key-encryption key, both bound to their row.

AES-256-GCM on both layers. ``facts`` are immutable facts of the row and are authenticated by both: an
envelope, a data key or a ciphertext moved to another row does not open. Rotation re-wraps the data key only.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from certificates.kek import KekProvider, WrappedDek
from certificates.kek.context import canonical
from certificates.kek.recovery import RecoveryKey, RecoveryOpener, RecoveryWrap

FORMAT = "lk1"
"""AES-256-GCM payload, random 96-bit nonce, data key wrapped by a KekProvider over the same facts."""


class VaultError(Exception):
    """A sealed record could not be opened; ``sentence`` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class UnknownFormat(VaultError):
    """The envelope was written in a format this version does not read."""


class SealBroken(VaultError):
    """The ciphertext was changed, moved to another row, or joined with another record's data key."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sealed record as it is stored; ``recovery`` is its data key's second wrap, where there is one."""

    format: str
    dek: WrappedDek
    nonce: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)
    recovery: RecoveryWrap | None = None


def seal(
    plaintext: bytes, facts: Mapping[str, str], provider: KekProvider, recovery: RecoveryKey | None = None
) -> Envelope:
    """Seal ``plaintext`` under a fresh 256-bit data key that ``provider`` wraps under its current version.

    With ``recovery`` the data key is wrapped for it too.
    """
    dek = AESGCM.generate_key(bit_length=256)
    nonce = secrets.token_bytes(12)
    bound = _facts(FORMAT, facts)
    ciphertext = AESGCM(dek).encrypt(nonce, plaintext, _bound(FORMAT, facts))
    del plaintext  # a provider that fails below leaves this frame in an error report
    try:
        second = recovery.wrap(dek, bound) if recovery else None
        return Envelope(FORMAT, provider.wrap(dek, bound), nonce, ciphertext, second)
    finally:
        del dek


def open_sealed(envelope: Envelope, facts: Mapping[str, str], provider: KekProvider) -> bytes:
    """Return the plaintext. Raises UnknownFormat, SealBroken, or a KekError; nothing is tried twice."""
    _check_format(envelope.format)
    return _decrypt(envelope, facts, provider.unwrap(envelope.dek, _facts(envelope.format, facts)))


def recover(
    envelope: Envelope, facts: Mapping[str, str], opener: RecoveryOpener, to: KekProvider | None = None
) -> tuple[bytes, Envelope]:
    """Return the plaintext by the recovery wrap, and the envelope with its data key under ``to``'s version.

    Without ``to`` the envelope comes back as it was. Raises UnknownFormat, SealBroken, or a KekError.
    """
    _check_format(envelope.format)
    bound = _facts(envelope.format, facts)
    dek = opener.unwrap(envelope.recovery or RecoveryWrap("", b""), bound)
    plaintext = _decrypt(envelope, facts, dek)
    return plaintext, replace(envelope, dek=to.wrap(dek, bound)) if to else envelope


def rewrap(
    envelope: Envelope, facts: Mapping[str, str], *, held_by: KekProvider, to: KekProvider
) -> Envelope:
    """Return the envelope with its data key under ``to``'s current version; all the rest stays.

    Raises UnknownFormat or a KekError.
    """
    return replace(
        envelope, dek=rewrap_data_key(envelope.format, envelope.dek, facts, held_by=held_by, to=to)
    )


def rewrap_data_key(
    format_: str, dek: WrappedDek, facts: Mapping[str, str], *, held_by: KekProvider, to: KekProvider
) -> WrappedDek:
    """Return the data key of an envelope under ``to``'s current version; its ciphertext is not needed.

    Raises UnknownFormat or a KekError.
    """
    _check_format(format_)
    bound = _facts(format_, facts)
    if held_by is to:
        return to.rewrap(dek, bound)
    return to.wrap(held_by.unwrap(dek, bound), bound)


def second_wrap(
    format_: str, dek: WrappedDek, facts: Mapping[str, str], *, held_by: KekProvider, recovery: RecoveryKey
) -> RecoveryWrap:
    """Return the data key of an envelope wrapped for the recovery key. Raises UnknownFormat or a KekError."""
    _check_format(format_)
    bound = _facts(format_, facts)
    return recovery.wrap(held_by.unwrap(dek, bound), bound)


def _decrypt(envelope: Envelope, facts: Mapping[str, str], dek: bytes) -> bytes:
    try:
        return AESGCM(dek).decrypt(envelope.nonce, envelope.ciphertext, _bound(envelope.format, facts))
    except (InvalidTag, ValueError):
        raise SealBroken(
            "The sealed record does not open: it was changed or belongs to another row."
        ) from None


def _check_format(format_: str) -> None:
    if format_ != FORMAT:
        raise UnknownFormat(f"The record is sealed in format “{format_}”, which this version does not read.")


def _facts(format_: str, facts: Mapping[str, str]) -> dict[str, str]:
    return {**facts, "format": format_}


def _bound(format_: str, facts: Mapping[str, str]) -> bytes:
    return canonical(f"lockkeeper payload {format_}", _facts(format_, facts))
