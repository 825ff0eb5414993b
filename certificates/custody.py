"""Sealing and unsealing of private keys. The only module that sees one, and none leaves it but for a use.

Order is the safety here: the audit entry of an unwrap is committed before the key is opened, so a key that
cannot be accounted for is not opened at all. What fails does so with no key in a local variable: error
reporters collect those of every frame.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from audit.recording import Actor, record
from audit.workflow import OperationRefused
from certificates import canaries, kek, providers, vault, x509
from certificates.canaries import Unprovable
from certificates.envelopes import envelope_of, put, put_wrap
from certificates.kek.recovery import RecoveryKey, RecoveryOpener
from certificates.models import ENDED, KeyEnvelope, KeyPair, KeyState, Sealed


class CustodyFailed(OperationRefused):
    """A private key or another sealed record could not be sealed or opened."""


class NotSealed(CustodyFailed):
    """There is no sealed private key for this row: it was destroyed or never stored."""


class KeyEnded(CustodyFailed):
    """The key was retired, rejected or marked as compromised: it is not opened for any use."""


class KeyMismatch(CustodyFailed):
    """What the envelope holds is not the private half of the row's public key."""


class KeyServiceSilent(CustodyFailed):
    """The key service does not answer. Nothing is wrong with the row: a walk over rows stops here."""


class VersionMoved(KeyServiceSilent):
    """The key service began to wrap with another version than the one that was proven: nothing is kept."""

    def __init__(self, version: str) -> None:
        super().__init__(f"The key service went on to version “{version}” just now. Do it again.")


def failure(problem: kek.KekError | vault.VaultError) -> CustodyFailed:
    """Return the refusal that carries the sentence of a lower layer's error, and nothing else of it."""
    silent = isinstance(problem, kek.KekUnavailable)
    return (KeyServiceSilent if silent else CustodyFailed)(problem.sentence)


class Unsealed:
    """A private key for the length of one ``with`` block; it can be neither printed, pickled nor copied."""

    __slots__ = ("_private",)

    def __init__(self, private: x509.PrivateKey) -> None:
        self._private: x509.PrivateKey | None = private

    def __enter__(self) -> x509.PrivateKey:
        if self._private is None:
            raise CustodyFailed("The key was already given back.")
        return self._private

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Shortens the exposure; Python cannot wipe the memory behind it.
        self._private = None

    def __repr__(self) -> str:
        return "<Unsealed: withheld>"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("an unsealed key is neither serialisable nor copyable")


def provider(name: str = "") -> kek.KekProvider:
    """Return the configured key provider, or the one called ``name``. Raises a KekError."""
    return providers.configured(name)


def recovery_key() -> RecoveryKey | None:
    """Return the configured offline recovery key, or None. Raises KekMisconfigured."""
    return providers.recovery_key()


@sensitive_variables()
def seal(*, key: KeyPair, private: x509.PrivateKey, now: datetime) -> KeyEnvelope:
    """Seal ``private`` for the saved row ``key`` and store the envelope, inside the caller's transaction.

    Raises CustodyFailed when the configured key is not the one earlier records were sealed with.
    """
    if not _same_key(private, key):
        raise KeyMismatch("The private key does not belong to this row.")
    row = KeyEnvelope(key=key)
    _seal(row, lambda: private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), now)
    row.save(force_insert=True)
    return row


@sensitive_variables()
def seal_into(row: Sealed, plaintext: bytes, *, now: datetime) -> None:
    """Put ``plaintext`` sealed into the columns of ``row``, which is not saved here. Raises CustodyFailed."""
    _seal(row, lambda: plaintext, now)


def _seal(row: Sealed, read: Callable[[], bytes], now: datetime) -> None:
    # The plaintext exists only while the vault seals it: arguments stay in the frames a reporter collects.
    try:
        active = provider()
        proven = canaries.prove(active, now=now)
        sealed = vault.seal(read(), row.facts(), active, recovery_key())
    except (kek.KekError, vault.VaultError) as problem:
        raise failure(problem) from None
    require_version(sealed.dek, proven)
    put(row, sealed)


def require_version(wrapped: kek.WrappedDek, version: str) -> None:
    """Refuse a wrap under a version that was not proven; a key service may rotate at any time. Raises VersionMoved."""
    if wrapped.version != version:
        raise VersionMoved(wrapped.version)


@sensitive_variables()
def unseal(*, key: KeyPair, actor: Actor, purpose: str, now: datetime) -> Unsealed:
    """Record the use in a committed transaction of its own, then open the key.

    Raises RuntimeError inside another transaction (its rollback would take the record with it), NotSealed,
    KeyEnded, KeyMismatch, or CustodyFailed. If the record cannot be written, no key is opened.
    """
    try:
        row = KeyEnvelope.objects.select_related("key").get(key_id=key.pk)
    except KeyEnvelope.DoesNotExist:
        raise NotSealed(f"The private key of {key.common_name} is not stored here any more.") from None
    with transaction.atomic(durable=True):
        # Under its lock, and not as the caller saw it: the record holds no use after “compromised”.
        state = (
            KeyPair.objects.select_for_update(no_key=True).values_list("state", flat=True).get(pk=row.key_id)
        )
        if state in (*ENDED, KeyState.DESTROYED):
            raise KeyEnded(f"{row.key.common_name} is {state} and is not used.")
        record(
            verb="certificates.key_used",
            actor=actor,
            subject=row.key,
            now=now,
            data={"purpose": purpose, "provider": row.provider, "kek_version": row.kek_version},
        )
    return Unsealed(_open(row))


@sensitive_variables()
def open_row(row: Sealed) -> bytes:
    """Return what a row holds. Not for private keys: ``certificates.sealing`` refuses those. Raises CustodyFailed."""
    try:
        return vault.open_sealed(envelope_of(row), row.facts(), provider(row.provider))
    except (kek.KekError, vault.VaultError) as problem:
        raise failure(problem) from None


@sensitive_variables()
def check(row: Sealed) -> None:
    """Open a row, compare a private key with its public half, and let it go. The caller has recorded why.

    Raises KeyMismatch or CustodyFailed.
    """
    if isinstance(row, KeyEnvelope):
        _open(row)
    else:
        open_row(row)


@sensitive_variables()
def recover(row: Sealed, opener: RecoveryOpener, to: kek.KekProvider | None = None) -> None:
    """Check a row as ``check`` does, by its recovery wrap; with ``to``, put its data key under ``to``'s version.

    Nothing is saved here. Raises KeyMismatch or CustodyFailed and leaves the row as it was.
    """
    try:
        plaintext, envelope = vault.recover(envelope_of(row), row.facts(), opener, to)
    except (kek.KekError, vault.VaultError) as problem:
        raise failure(problem) from None
    private = _loaded(plaintext) if isinstance(row, KeyEnvelope) else None
    del plaintext
    # Anybody can wrap with a public key: only what comes out proves that this is the key that was sealed.
    if isinstance(row, KeyEnvelope):
        _require_same(private, row.key)
    if to is not None:
        put_wrap(row, envelope.dek)


def unprovable() -> list[Unprovable]:
    """Return every version in use that is absent from the configuration or does not open its canary.

    Raises KekMisconfigured or UnknownKekProvider when there is no usable configuration at all.
    """
    return canaries.unprovable()


def prove(*, now: datetime, recovery_key: str = "") -> None:
    """Open the canary of the active version, or admit what has none, the recovery key too. Raises CustodyFailed."""
    try:
        canaries.prove(provider(), now=now, recovery_key=recovery_key)
    except kek.KekError as problem:
        raise failure(problem) from None


def begin(*, target: str, now: datetime) -> None:
    """Let an allowed version or recovery key come into use at once, where it is configured. Raises CustodyFailed."""
    try:
        canaries.begin(target, now=now)
    except kek.KekError as problem:
        raise failure(problem) from None


@sensitive_variables()
def _open(row: KeyEnvelope) -> x509.PrivateKey:
    # The primes were checked when the key was made, and the seal proves that these are still its bytes: testing
    # them again would cost 40 ms at each use.
    return _require_same(_loaded(open_row(row), skip_validation=True), row.key)


@sensitive_variables()
def _loaded(der: bytes, *, skip_validation: bool = False) -> x509.PrivateKey | None:
    try:
        private = load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=skip_validation)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return private if isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) else None


@sensitive_variables()
def _require_same(private: x509.PrivateKey | None, key: KeyPair) -> x509.PrivateKey:
    if private is None or not _same_key(private, key):
        del private
        raise KeyMismatch(f"The sealed key of {key.common_name} is not the one its request was made with.")
    return private


@sensitive_variables()
def _same_key(private: x509.PrivateKey, key: KeyPair) -> bool:
    return hmac.compare_digest(x509.spki_sha256(private.public_key()), key.spki_sha256)
