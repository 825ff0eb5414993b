"""The offline recovery key: a second wrap of every data key, opened only when the keyring is lost.

RSA-OAEP with SHA-256, the row's facts as its label: a wrap moved to another row does not open. The
installation holds the public half alone. Anybody may wrap with that half, so what a recovery wrap opens is
proven by what it opens (the ciphertext, and the public key beside it), never by the wrap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from certificates.kek.base import KekMisconfigured, WrongKek
from certificates.kek.context import canonical

NAME = "recovery"
"""What approvals and canaries call it in place of a provider's name; its version is the fingerprint."""
SMALLEST = 3072  # bits: as strong as the 256-bit keys of P-256, and more than RSA 2048
MAKE_ONE = (
    "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -aes-256-cbc -out recovery-private.pem && "
    "openssl pkey -in recovery-private.pem -pubout -out recovery-public.pem"
)
"""The commands that make a recovery key; to be run where its private half stays."""

_TAG = "lockkeeper recovery 1"
_DATA_KEY = 32


@dataclass(frozen=True, slots=True)
class RecoveryWrap:
    """A data key under the recovery key whose public half has this SHA-256 (64 hex)."""

    key: str
    blob: bytes = field(repr=False)


class RecoveryKey:
    """The public half: it wraps, and opens nothing."""

    def __init__(self, public: rsa.RSAPublicKey) -> None:
        self._public = public
        self.fingerprint = _fingerprint(public)

    def __repr__(self) -> str:
        return f"<RecoveryKey {self.fingerprint[:16]}>"

    def wrap(self, dek: bytes, facts: Mapping[str, str]) -> RecoveryWrap:
        """Wrap a data key for the row with these facts."""
        return RecoveryWrap(self.fingerprint, self._public.encrypt(dek, _oaep(facts)))


class RecoveryOpener:
    """The private half, in memory for one drill or one recovery; it can be neither printed nor pickled."""

    __slots__ = ("_private", "fingerprint")

    def __init__(self, private: rsa.RSAPrivateKey) -> None:
        self._private = private
        self.fingerprint = _fingerprint(private.public_key())

    def __repr__(self) -> str:
        return f"<RecoveryOpener {self.fingerprint[:16]}: withheld>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private recovery key is neither serialisable nor copyable")

    def unwrap(self, wrap: RecoveryWrap, facts: Mapping[str, str]) -> bytes:
        """Return the data key. Raises WrongKek for another recovery key, another row, or a changed wrap."""
        if wrap.key != self.fingerprint:
            named = f"recovery key {wrap.key[:16]}…" if wrap.key else "no recovery key"
            raise WrongKek(f"The row is wrapped for {named}, not for this one ({self.fingerprint[:16]}…).")
        try:
            dek = self._private.decrypt(wrap.blob, _oaep(facts))
        except ValueError:
            dek = b""
        if len(dek) != _DATA_KEY:
            raise WrongKek("The recovery wrap does not open: it was changed or belongs to another row.")
        return dek


def read_public(text: str) -> RecoveryKey | None:
    """Return the recovery key in a PEM text, or None when there is none.

    Raises KekMisconfigured for a private key, anything but RSA, and fewer than 3072 bits.
    """
    # Environment files often carry line ends as \n; PEM itself holds no backslash.
    pem = text.strip().replace("\\n", "\n")
    if not pem:
        return None
    if "PRIVATE KEY" in pem:
        raise KekMisconfigured(
            "RECOVERY_PUBLIC_KEY holds a private key. Take it off this machine: only its public half belongs here."
        )
    try:
        public = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise KekMisconfigured(
            f"RECOVERY_PUBLIC_KEY is not a public key as PEM. Make one, away from here: {MAKE_ONE}"
        ) from None
    return RecoveryKey(_strong(public, "RECOVERY_PUBLIC_KEY"))


def read_private(pem: bytes, passphrase: bytes | None) -> RecoveryOpener:
    """Return the private recovery key in a PEM file. Raises KekMisconfigured, without a word of its content."""
    try:
        private = load_pem_private_key(pem, passphrase)
    except TypeError:
        needs = "needs its passphrase" if passphrase is None else "has no passphrase, but one was given"
        raise KekMisconfigured(f"The recovery key {needs}.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KekMisconfigured(
            "The recovery key does not load: its file is no private key as PEM, or the passphrase is another one."
        ) from None
    if not isinstance(private, rsa.RSAPrivateKey):
        raise KekMisconfigured("The recovery key is not an RSA key.")
    return RecoveryOpener(private)


def _strong(public: object, named: str) -> rsa.RSAPublicKey:
    if not isinstance(public, rsa.RSAPublicKey):
        raise KekMisconfigured(f"{named} is not an RSA key. Make one, away from here: {MAKE_ONE}")
    if public.key_size < SMALLEST:
        raise KekMisconfigured(
            f"{named} has {public.key_size} bits; {SMALLEST} are the least. Make one, away from here: {MAKE_ONE}"
        )
    return public


def _fingerprint(public: rsa.RSAPublicKey) -> str:
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _oaep(facts: Mapping[str, str]) -> padding.OAEP:
    label = canonical(_TAG, facts)
    return padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=label)
