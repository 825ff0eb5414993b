"""Between the columns of a sealed row and the vault's envelope: the one place that knows both."""

from __future__ import annotations

from certificates import kek, vault
from certificates.kek.recovery import RecoveryWrap
from certificates.models import Sealed


def envelope_of(row: Sealed) -> vault.Envelope:
    """Return a row's columns as an envelope; reads them all."""
    second = RecoveryWrap(row.recovery_key, bytes(row.recovery_dek))
    return vault.Envelope(row.format, wrap_of(row), bytes(row.nonce), bytes(row.ciphertext), second)


def wrap_of(row: Sealed) -> kek.WrappedDek:
    """Return a row's wrapped data key; its ciphertext may be deferred."""
    # psycopg hands memoryviews out, SQLite bytes.
    return kek.WrappedDek(row.provider, row.kek_version, bytes(row.dek_nonce), bytes(row.wrapped_dek))


def put(row: Sealed, sealed: vault.Envelope) -> None:
    """Fill every column of a row, which is not saved here."""
    row.format, row.nonce, row.ciphertext = sealed.format, sealed.nonce, sealed.ciphertext
    put_wrap(row, sealed.dek)
    put_second(row, sealed.recovery or RecoveryWrap("", b""))


def put_wrap(row: Sealed, wrap: kek.WrappedDek) -> None:
    """Fill the columns of the data key's wrap."""
    row.provider, row.kek_version = wrap.provider, wrap.version
    row.wrapped_dek, row.dek_nonce = wrap.blob, wrap.nonce


def put_second(row: Sealed, second: RecoveryWrap) -> None:
    """Fill the columns of the data key's second wrap."""
    row.recovery_key, row.recovery_dek = second.key, second.blob
