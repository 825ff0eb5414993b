"""Envelopes: a record under its own data key, that key under a key-encryption key, both bound to their row.

AES-256-GCM on both layers. ``facts`` are immutable facts of the row and are authenticated by both: an
envelope, a data key or a ciphertext moved to another row does not open. Rotation re-wraps the data key only.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from certificates.kek import KekProvider, WrappedDek
from certificates.kek.context import canonical

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
    """A sealed record as it is stored."""

    format: str
    dek: WrappedDek
    nonce: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


def seal(plaintext: bytes, facts: Mapping[str, str], provider: KekProvider) -> Envelope:
    """Seal ``plaintext`` under a fresh 256-bit data key that ``provider`` wraps under its current version."""
    dek = AESGCM.generate_key(bit_length=256)
    nonce = secrets.token_bytes(12)
    ciphertext = AESGCM(dek).encrypt(nonce, plaintext, _bound(FORMAT, facts))
    return Envelope(FORMAT, provider.wrap(dek, _facts(FORMAT, facts)), nonce, ciphertext)


def open_sealed(envelope: Envelope, facts: Mapping[str, str], provider: KekProvider) -> bytes:
    """Return the plaintext. Raises UnknownFormat, SealBroken, or a KekError; nothing is tried twice."""
    _check_format(envelope)
    dek = provider.unwrap(envelope.dek, _facts(envelope.format, facts))
    try:
        return AESGCM(dek).decrypt(envelope.nonce, envelope.ciphertext, _bound(envelope.format, facts))
    except (InvalidTag, ValueError):
        raise SealBroken(
            "The sealed record does not open: it was changed or belongs to another row."
        ) from None


def rewrap(
    envelope: Envelope, facts: Mapping[str, str], *, held_by: KekProvider, to: KekProvider
) -> Envelope:
    """Return the envelope with its data key under ``to``'s current version; nonce and ciphertext stay.

    Raises UnknownFormat or a KekError.
    """
    _check_format(envelope)
    bound = _facts(envelope.format, facts)
    if held_by is to:
        dek = to.rewrap(envelope.dek, bound)
    else:
        dek = to.wrap(held_by.unwrap(envelope.dek, bound), bound)
    return Envelope(envelope.format, dek, envelope.nonce, envelope.ciphertext)


def _check_format(envelope: Envelope) -> None:
    if envelope.format != FORMAT:
        raise UnknownFormat(
            f"The record is sealed in format “{envelope.format}”, which this version does not read."
        )


def _facts(format_: str, facts: Mapping[str, str]) -> dict[str, str]:
    return {**facts, "format": format_}


def _bound(format_: str, facts: Mapping[str, str]) -> bytes:
    return canonical(f"lockkeeper payload {format_}", _facts(format_, facts))
