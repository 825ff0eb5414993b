"""A worker for the journeys: ``python -m tests.journeys.keys_at_work`` opens and makes keys until it is told to stop.

It begins when it is sent a line, so that starting up takes nobody's time. One line a deed on standard
output: ``opened`` or ``made`` and the key, or ``refused`` and why.
"""

from __future__ import annotations

import random
import sys
import time
from typing import Any

import django


def main() -> None:
    django.setup()
    print("ready", flush=True)
    sys.stdin.readline()
    while True:
        for deed in (open_one, open_one, make_one):
            print(_done(deed), flush=True)
            time.sleep(
                0.01
            )  # a worker has other things to do; four of them must leave the machine to the others


def _done(deed: Any) -> str:
    try:
        return str(deed())
    except Exception as problem:
        return f"refused {type(problem).__name__}: {problem}"


def open_one() -> str:
    """Open a key picked at random, the way every use does: recorded first, then compared with its public half."""
    from django.utils import timezone

    from audit.recording import Actor
    from certificates import custody
    from certificates.models import KeyPair

    offset = random.randrange(900)
    key = KeyPair.objects.order_by("pk")[offset]
    with custody.unseal(key=key, actor=Actor.task("at work"), purpose="load", now=timezone.now()) as private:
        assert private is not None
    return f"opened {key.pk}"


def make_one() -> str:
    """Make a key and seal it under whatever this process takes for the active version."""
    from django.db import transaction
    from django.utils import timezone

    from certificates import custody, x509
    from certificates.models import KeyPair

    now = timezone.now()
    private = x509.make_key("ec-p256")
    with transaction.atomic():
        key = KeyPair.objects.create(
            scope=f"load:{random.getrandbits(64):x}", use="oauth", environment="test", algorithm="ec-p256",
            spki_sha256=x509.spki_sha256(private.public_key()), common_name="load.example", csr_pem="-",
            created_at=now,
        )  # fmt: skip
        custody.seal(key=key, private=private, now=now)
    return f"made {key.pk}"


if __name__ == "__main__":
    sys.exit(main())
