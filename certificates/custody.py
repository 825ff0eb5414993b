"""Sealing and unsealing of private keys. The only module that sees one, and none leaves it but for a use.

Order is the safety here: the audit entry of an unwrap is committed before the key is opened, so a key that
cannot be accounted for is not opened at all.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import NoReturn

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
from certificates import admission, kek, providers, vault, x509
from certificates.models import KekCanary, KeyEnvelope, KeyPair

_CANARY = b"a canary sings under the right key only"


class CustodyFailed(OperationRefused):
    """A private key could not be sealed or opened."""


class NotSealed(CustodyFailed):
    """There is no sealed private key for this row: it was destroyed or never stored."""


class KeyMismatch(CustodyFailed):
    """What the envelope holds is not the private half of the row's public key."""


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


@sensitive_variables()
def seal(*, key: KeyPair, private: x509.PrivateKey, now: datetime) -> KeyEnvelope:
    """Seal ``private`` for the saved row ``key`` and store the envelope, inside the caller's transaction.

    Raises CustodyFailed when the configured key is not the one earlier records were sealed with.
    """
    if not _same_key(private, key):
        raise KeyMismatch("The private key does not belong to this row.")
    try:
        active = provider()
        _prove(active, now=now)
        der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        sealed = vault.seal(der, KeyEnvelope(key=key).facts(), active)
    except (kek.KekError, vault.VaultError) as problem:
        raise CustodyFailed(problem.sentence) from None
    return KeyEnvelope.objects.create(
        key=key,
        format=sealed.format,
        provider=sealed.dek.provider,
        kek_version=sealed.dek.version,
        wrapped_dek=sealed.dek.blob,
        dek_nonce=sealed.dek.nonce,
        nonce=sealed.nonce,
        ciphertext=sealed.ciphertext,
    )


@sensitive_variables()
def unseal(*, key: KeyPair, actor: Actor, purpose: str, now: datetime) -> Unsealed:
    """Record the use in a committed transaction of its own, then open the key.

    Raises RuntimeError inside another transaction (its rollback would take the record with it), NotSealed,
    KeyMismatch, or CustodyFailed. If the record cannot be written, no key is opened.
    """
    try:
        row = KeyEnvelope.objects.select_related("key").get(key_id=key.pk)
    except KeyEnvelope.DoesNotExist:
        raise NotSealed(f"The private key of {key.common_name} is not stored here any more.") from None
    with transaction.atomic(durable=True):
        record(
            verb="certificates.key_used",
            actor=actor,
            subject=row.key,
            now=now,
            data={"purpose": purpose, "provider": row.provider, "kek_version": row.kek_version},
        )
    return Unsealed(_open(row))


@sensitive_variables()
def rewrap(row: KeyEnvelope) -> bool:
    """Put the locked row's data key under the active version; return whether anything changed.

    The ciphertext stays byte for byte. Raises CustodyFailed and leaves the row as it was.
    """
    try:
        to = provider()
        if (row.provider, row.kek_version) == (to.name, to.current()):
            return False
        held_by = to if row.provider == to.name else provider(row.provider)
        sealed = vault.rewrap(_envelope(row), row.facts(), held_by=held_by, to=to)
    except (kek.KekError, vault.VaultError) as problem:
        raise CustodyFailed(problem.sentence) from None
    row.provider, row.kek_version = sealed.dek.provider, sealed.dek.version
    row.wrapped_dek, row.dek_nonce = sealed.dek.blob, sealed.dek.nonce
    row.save(update_fields=["provider", "kek_version", "wrapped_dek", "dek_nonce"])
    return True


@dataclass(frozen=True, slots=True)
class Unprovable:
    """A version of a provider that records depend on and that does not work here."""

    provider: str
    version: str
    sentence: str


def unprovable() -> list[Unprovable]:
    """Return every version in use that is absent from the configuration or does not open its canary.

    Raises KekMisconfigured or UnknownKekProvider when there is no usable configuration at all.
    """
    active = provider()
    canaries = {(row.provider, row.kek_version): row for row in KekCanary.objects.all()}
    used = set(KeyEnvelope.objects.order_by().values_list("provider", "kek_version").distinct())
    found = []
    for name, version in sorted({*canaries, *used}):
        try:
            held_by = active if name == active.name else provider(name)
            if version in held_by.versions():
                _sing(canaries.get((name, version)), held_by)
            elif (name, version) in used:
                raise kek.UnknownKekVersion(
                    f"Version “{version}” is not in the keyring, but keys are sealed with it."
                )
        except kek.KekError as problem:
            found.append(Unprovable(name, version, problem.sentence))
    return found


def prove(*, now: datetime) -> None:
    """Open the canary of the active version, or lay one where there is none. Raises CustodyFailed."""
    try:
        _prove(provider(), now=now)
    except kek.KekError as problem:
        raise CustodyFailed(problem.sentence) from None


def _prove(active: kek.KekProvider, *, now: datetime) -> None:
    # Before anything is sealed: a wrong key must stop this operation, not be found out at the next restart.
    version = active.current()
    canary = KekCanary.objects.filter(provider=active.name, kek_version=version).first()
    if canary is None:
        wrapped = active.wrap(_CANARY, _canary_facts(version))
        canary = admission.lay_canary(wrapped, now=now)
    _sing(canary, active)


def _sing(canary: KekCanary | None, held_by: kek.KekProvider) -> None:
    if canary is None:
        return
    wrapped = kek.WrappedDek(canary.provider, canary.kek_version, bytes(canary.nonce), bytes(canary.wrapped))
    if held_by.unwrap(wrapped, _canary_facts(canary.kek_version)) != _CANARY:
        raise kek.WrongKek(f"Version “{canary.kek_version}” opens its canary to something else.")


def _canary_facts(version: str) -> Mapping[str, str]:
    return {"table": "certificates_kekcanary", "row": version, "purpose": "canary"}


@sensitive_variables()
def _open(row: KeyEnvelope) -> x509.PrivateKey:
    try:
        der = vault.open_sealed(_envelope(row), row.facts(), provider(row.provider))
    except (kek.KekError, vault.VaultError) as problem:
        raise CustodyFailed(problem.sentence) from None
    # The primes were checked when the key was made, and the seal proves that these are still its bytes: testing
    # them again would cost 40 ms at each use.
    private = load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or not _same_key(
        private, row.key
    ):
        raise KeyMismatch(
            f"The sealed key of {row.key.common_name} is not the one its request was made with."
        )
    return private


@sensitive_variables()
def _same_key(private: x509.PrivateKey, key: KeyPair) -> bool:
    return hmac.compare_digest(x509.spki_sha256(private.public_key()), key.spki_sha256)


def _envelope(row: KeyEnvelope) -> vault.Envelope:
    # psycopg hands memoryviews out, SQLite bytes.
    dek = kek.WrappedDek(row.provider, row.kek_version, bytes(row.dek_nonce), bytes(row.wrapped_dek))
    return vault.Envelope(row.format, dek, bytes(row.nonce), bytes(row.ciphertext))
