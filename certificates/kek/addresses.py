"""Where a key service may be reached: data keys and tokens travel under TLS, or not at all."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from certificates.kek.base import KekMisconfigured


def sound(address: str, variable: str) -> str:
    """Return ``address`` without a trailing slash.

    Raises KekMisconfigured unless it is ``https://host[:port]``; plain ``http`` only to this machine itself.
    The sentence names the variable and never repeats the address, which may hold a password.
    """
    try:
        parts = urlsplit(address.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise KekMisconfigured(f"{variable} is not an address.") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise KekMisconfigured(f"{variable} is not an address: write https://host[:port].")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise KekMisconfigured(f"{variable} holds more than an address: write https://host[:port].")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise KekMisconfigured(
            f"{variable} begins with http://: data keys would travel unencrypted. Use https://."
        )
    return address.strip().rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
