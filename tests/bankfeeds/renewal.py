"""What a person does to renew a connection's key at a simulated bank."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from bankfeeds import operations
from bankfeeds.simulator.authority import Authority, pem, read_csr
from certificates.models import KeyPair
from tests.bankfeeds.feeds import ACTOR, Feed


def signed(
    found: Feed, use: str, *, registered: bool = True, by: Authority | None = None
) -> tuple[KeyPair, bytes]:
    """Request a key and have it signed, by the bank or by a stranger; the bank registers what it signs, or does not."""
    key = operations.generate_csr(connection=found.connection, use=use, actor=ACTOR, now=timezone.now())
    if by is None and registered:
        chain = found.bank.sign_csr(key.csr_pem, client_id=found.bank.client.client_id, use=use)
        return key, chain.encode()
    authority = by or found.bank.authority
    begins = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    leaf = authority.issue(read_csr(key.csr_pem), not_before=begins, not_after=begins + timedelta(days=90))
    return key, (pem(leaf) + authority.root_pem).encode()


def register(found: Feed, key: KeyPair) -> None:
    """Let the bank take a certificate into its books that it had not."""
    found.bank.adopt_certificate(
        key.certificate.pem, client_id=found.bank.client.client_id, use=key.use, environment="test"
    )


def renewed(found: Feed, use: str, **more: Any) -> KeyPair:
    """Request, have signed, and install a key; return it as it then is."""
    _, material = signed(found, use, **more)
    return operations.install_certificate(
        connection=found.connection, material=material, actor=ACTOR, now=timezone.now(), clock=timezone.now
    ).key


def asked_with(found: Feed, key: KeyPair) -> list[str]:
    """Return the paths the bank was asked for under this key's certificate."""
    return [request.path for request in found.bank.requests if request.certificate == key.certificate.sha1]
