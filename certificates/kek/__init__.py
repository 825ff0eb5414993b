"""Key-encryption keys: the provider interface and the providers known by name."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Mapping

from certificates.kek import aws_kms, env, vault_transit
from certificates.kek.base import (
    KekError,
    KekMisconfigured,
    KekProvider,
    KekRefused,
    KekUnavailable,
    UnknownKekProvider,
    UnknownKekVersion,
    WrappedDek,
    WrongKek,
)
from certificates.kek.context import canonical

__all__ = [
    "PROVIDERS",
    "KekError",
    "KekMisconfigured",
    "KekProvider",
    "KekRefused",
    "KekUnavailable",
    "UnknownKekProvider",
    "UnknownKekVersion",
    "WrappedDek",
    "WrongKek",
    "forget",
    "provider",
]

PROVIDERS: dict[str, Callable[[Mapping[str, str]], KekProvider]] = {
    env.NAME: lambda options: env.parse(options.get("keyring", ""), options.get("active", "")),
    aws_kms.NAME: aws_kms.Kms,
    vault_transit.NAME: vault_transit.Transit,
}
"""How each provider is made from its options. Another provider is one more entry."""

_MOST_KEPT = 8
_made: dict[bytes, KekProvider] = {}
_making = threading.Lock()
_digest_key = secrets.token_bytes(32)


def provider(name: str, options: Mapping[str, str]) -> KekProvider:
    """Return the provider ``name``, the same object for the same options; nothing is called yet.

    Clients of key services are expensive to make, and safe to share between threads. Raises UnknownKekProvider or
    KekMisconfigured.
    """
    make = PROVIDERS.get(name)
    if make is None:
        raise UnknownKekProvider(f"There is no key provider “{name}”. Known: {', '.join(sorted(PROVIDERS))}.")
    # Options hold secrets: they are remembered by a digest that says nothing outside this process.
    digest = hashlib.blake2b(canonical(name, options), key=_digest_key).digest()
    with _making:
        found = _made.get(digest)
        if found is None:
            found = make(options)
            while len(_made) >= _MOST_KEPT:
                del _made[next(iter(_made))]
            _made[digest] = found
    return found


def forget() -> None:
    """Forget every provider made so far, with its connections."""
    global _making
    _making = threading.Lock()  # the one a fork may have copied locked
    _made.clear()


# Two processes must not share one connection, nor one state of its encryption.
os.register_at_fork(after_in_child=forget)
