"""The keyring from a mounted file or a variable: named versions of 32-byte keys, one of them active."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from certificates.kek.base import KekMisconfigured, UnknownKekVersion, WrappedDek, WrongKek
from certificates.kek.context import canonical

NAME = "env"
MAKE_ONE = "python -c \"import base64, os; print('2026a:' + base64.b64encode(os.urandom(32)).decode())\""
"""The command that prints one keyring entry."""

_TAG = "lockkeeper kek env 1"
_VERSION = re.compile(r"[A-Za-z0-9._-]{1,32}")
_FEWEST_DISTINCT_BYTES = 16  # 32 random bytes hold about 30; below 16 somebody typed them
# SHA-256 of keys printed in standards and manuals: RFC 8439, SP 800-38A, SP 800-38D, the Fernet specification.
_PUBLISHED = frozenset(
    {
        "82d86408530b765e46ebf47807095027e807bc08674b0de77ee5ef2fae7d0492",
        "b93c72b74bc8487d29827005f80d635918f91bc22b14d7ed05714d58f96702dd",
        "7f70dfd819c3c5826700c209d1633eb5af014210decb7d7ff6d6ebadfa9bad27",
        "cbeb362f1fa69a6691db592f4529cf6bea1ce089eb132a3350c9081279ff8f34",
    }
)


class Keyring:
    """A KekProvider over keys given as text. Its own version label is authenticated with every wrap."""

    name = NAME

    def __init__(self, keys: Mapping[str, bytes], active: str) -> None:
        self._ciphers = {version: AESGCM(key) for version, key in keys.items()}
        self._active = active

    def __repr__(self) -> str:
        return f"<Keyring of {len(self._ciphers)} versions, active {self._active}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyring is not serialisable")

    def check(self) -> None:
        """Nothing more to open: ``parse`` refused what could not be used."""

    def current(self) -> str:
        return self._active

    def versions(self) -> frozenset[str]:
        return frozenset(self._ciphers)

    def wrap(self, dek: bytes, facts: Mapping[str, str]) -> WrappedDek:
        nonce = secrets.token_bytes(12)
        blob = self._ciphers[self._active].encrypt(nonce, dek, self._bound(self._active, facts))
        return WrappedDek(NAME, self._active, nonce, blob)

    def unwrap(self, wrapped: WrappedDek, facts: Mapping[str, str]) -> bytes:
        cipher = self._ciphers.get(wrapped.version)
        if wrapped.provider != NAME or cipher is None:
            raise UnknownKekVersion(
                f"The keyring holds no version “{wrapped.version}” of provider “{wrapped.provider}”. "
                "Add that version to KEK_KEYRING again."
            )
        try:
            return cipher.decrypt(wrapped.nonce, wrapped.blob, self._bound(wrapped.version, facts))
        except (InvalidTag, ValueError):
            raise WrongKek(
                f"Version “{wrapped.version}” of the keyring does not open this record: "
                "the key is another one, or the record was changed or moved."
            ) from None

    def rewrap(self, wrapped: WrappedDek, facts: Mapping[str, str]) -> WrappedDek:
        return self.wrap(self.unwrap(wrapped, facts), facts)

    @staticmethod
    def _bound(version: str, facts: Mapping[str, str]) -> bytes:
        return canonical(_TAG, {**facts, "kek_version": version})


def parse(keyring: str, active: str) -> Keyring:
    """Return the provider for ``<version>:<base64 of 32 bytes>`` entries; ``active`` is the version of new wraps.

    Entries are separated by commas or stand on lines of their own; ``#`` begins a comment. Raises
    KekMisconfigured for a keyring that is missing, malformed, too short, obviously not random, published, has a
    version or a key twice, or does not hold ``active``. The sentence never contains key material.
    """
    lines = (line.partition("#")[0] for line in keyring.splitlines())
    entries = [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]
    if not entries:
        raise KekMisconfigured(
            f"KEK_KEYRING is not set. Make a key, keep a copy in a safe place: {MAKE_ONE} "
            "– put the line it prints into a file, set KEK_KEYRING_FILE to that file (or KEK_KEYRING to the line "
            "itself), and set KEK_ACTIVE=2026a."
        )
    keys: dict[str, bytes] = {}
    for position, entry in enumerate(entries, start=1):
        version, key = _entry(entry, position)
        if version in keys:
            raise KekMisconfigured(f"KEK_KEYRING names version “{version}” twice.")
        if key in keys.values():
            raise KekMisconfigured(f"KEK_KEYRING holds the key of version “{version}” under two names.")
        keys[version] = key
    if active not in keys:
        named = f"“{active}”, which is not in KEK_KEYRING" if active else "not set"
        raise KekMisconfigured(f"KEK_ACTIVE is {named}. Known versions: {', '.join(sorted(keys))}.")
    return Keyring(keys, active)


def _entry(entry: str, position: int) -> tuple[str, bytes]:
    # An entry without its colon may be a bare key: it is named by position, never quoted.
    version, colon, encoded = entry.partition(":")
    if not colon or not _VERSION.fullmatch(version):
        raise KekMisconfigured(f"Entry {position} of KEK_KEYRING is not <version>:<base64 of 32 bytes>.")
    try:
        key = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise KekMisconfigured(
            f"Version “{version}” of KEK_KEYRING is not base64. Make one: {MAKE_ONE}"
        ) from None
    if len(key) != 32:
        raise KekMisconfigured(
            f"Version “{version}” of KEK_KEYRING has {len(key)} bytes, not 32. Make one: {MAKE_ONE}"
        )
    if len(set(key)) < _FEWEST_DISTINCT_BYTES:
        raise KekMisconfigured(f"Version “{version}” of KEK_KEYRING is not random. Make one: {MAKE_ONE}")
    if hashlib.sha256(key).hexdigest() in _PUBLISHED:
        raise KekMisconfigured(
            f"Version “{version}” of KEK_KEYRING is a key printed in a public document. Make one: {MAKE_ONE}"
        )
    return version, key
