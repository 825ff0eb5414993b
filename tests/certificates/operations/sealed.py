"""A sealed key for tests that need many of them quickly: elliptic, and without a signing request."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from certificates import custody, x509
from certificates.models import KeyPair


def seal_key(now: datetime, number: int = 0) -> KeyPair:
    """Store a key and its envelope, sealed by custody under the active version."""
    private = x509.make_key("ec-p256")
    with transaction.atomic():
        key = KeyPair.objects.create(
        scope=f"connection:{number}", use="oauth", environment="test", algorithm="ec-p256", csr_pem="-",
        spki_sha256=x509.spki_sha256(private.public_key()), common_name=f"{number}.example", created_at=now,
    )  # fmt: skip
        custody.seal(key=key, private=private, now=now)
    return key
