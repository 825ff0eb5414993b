"""Key-encryption keys: the provider interface and the providers known by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from certificates.kek import env
from certificates.kek.base import (
    KekError,
    KekMisconfigured,
    KekProvider,
    UnknownKekProvider,
    UnknownKekVersion,
    WrappedDek,
    WrongKek,
)

__all__ = [
    "PROVIDERS",
    "KekError",
    "KekMisconfigured",
    "KekProvider",
    "UnknownKekProvider",
    "UnknownKekVersion",
    "WrappedDek",
    "WrongKek",
    "provider",
]

PROVIDERS: dict[str, Callable[[Mapping[str, str]], KekProvider]] = {
    env.NAME: lambda options: env.parse(options.get("keyring", ""), options.get("active", "")),
}
"""How each provider is made from its options. Another provider is one more entry."""


def provider(name: str, options: Mapping[str, str]) -> KekProvider:
    """Return the provider ``name``. Raises UnknownKekProvider or KekMisconfigured."""
    make = PROVIDERS.get(name)
    if make is None:
        raise UnknownKekProvider(f"There is no key provider “{name}”. Known: {', '.join(sorted(PROVIDERS))}.")
    return make(options)
