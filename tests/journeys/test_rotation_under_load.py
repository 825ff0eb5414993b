"""The keyring gets a new version on a busy day: nobody stops working, two processes die, and nothing is lost.

A thousand keys are sealed under the old version. Four workers open and make keys all the while; two of them were not
restarted and still seal under the old version. One is killed; so is the rotation itself, in the middle of a batch.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from audit import queries as audit
from audit.recording import Actor
from certificates import custody, operations, x509
from certificates.models import KeyEnvelope, KeyPair
from tests.journeys.standstill import standstill
from tests.processes import ROOT, environment, manage, running, until

pytestmark = pytest.mark.django_db(transaction=True)

NEXT = "test2:" + base64.b64encode(os.urandom(32)).decode()
KEYS = 1000


def test_every_key_survives_a_rotation_under_load(settings: Any, now: datetime, tmp_path: Path) -> None:
    both = f"{settings.KEK_KEYRING},{NEXT}"
    old = {"KEK_KEYRING": both, "KEK_ACTIVE": "test1"}
    new = {"KEK_KEYRING": both, "KEK_ACTIVE": "test2"}

    with ExitStack() as day:
        logs = [tmp_path / f"worker{n}" for n in range(4)]
        workers = [day.enter_context(at_work(log, **(old if n < 2 else new))) for n, log in enumerate(logs)]
        make_keys(KEYS, now)
        ciphertexts = {pk: bytes(text) for pk, text in KeyEnvelope.objects.values_list("pk", "ciphertext")}
        for worker in workers:
            begin(worker)
        until(lambda: all(deeds(log)["made"] for log in logs), seconds=60, what="all workers at work")

        middle = KeyEnvelope.objects.order_by("pk").values_list("pk", flat=True)[KEYS // 2]
        literal = f"'{middle}'" if not sqlite() else f"'{middle.hex}'"
        with (
            standstill("certificates_keyenvelope", f"NEW.key_id = {literal}") as reached,
            running("rotate_keks", "--batch", "50", log=tmp_path / "rotation", **new) as rotation,
        ):
            until(reached, seconds=60, what="the rotation in the middle of its work")
            rotation.send_signal(signal.SIGKILL)
            workers[3].send_signal(signal.SIGKILL)
            rotation.wait()
            workers[3].wait()

        # What was committed stayed; the batch it died in is as it was.
        moved = KeyEnvelope.objects.filter(pk__in=ciphertexts, kek_version="test2").count()
        assert KEYS // 2 - 150 < moved <= KEYS // 2
        assert KeyEnvelope.objects.get(pk=middle).kek_version == "test1"

        resumed = manage("rotate_keks", **new)
        assert "Traceback" not in resumed.stderr, resumed.stderr
        assert not KeyEnvelope.objects.filter(pk__in=ciphertexts).exclude(kek_version="test2").exists()

    # The two that were never restarted may have sealed once more after the rotation's last look: it is run again.
    settings.KEK_KEYRING, settings.KEK_ACTIVE = both, "test2"
    again = operations.rotate_keks(actor=Actor.command("test"), now=now)

    rows = KeyEnvelope.objects.count()
    assert (again.failed, again.remaining, again.per_version) == ({}, 0, {("env", "test2"): rows})
    assert refusals(logs) == []
    assert rows >= KEYS + sum(deeds(log)["made"] for log in logs)
    unchanged = KeyEnvelope.objects.filter(pk__in=ciphertexts).values_list("pk", "ciphertext")
    assert {pk: bytes(text) for pk, text in unchanged} == ciphertexts

    settings.KEK_KEYRING = NEXT  # the old version leaves
    proofs = operations.verify_custody(actor=Actor.command("test"), now=now)
    assert Counter(proof.problem for proof in proofs) == {"": rows}
    assert audit.verify().broken is None


def make_keys(count: int, now: datetime) -> None:
    """Seal many keys through custody; the rows are stored together, which is quicker than one by one."""
    pairs, envelopes = [], []
    for number in range(count):
        private = x509.make_key("ec-p256")
        key = KeyPair(
            scope=f"connection:{number}", use="oauth", environment="test", algorithm="ec-p256", created_at=now,
            spki_sha256=x509.spki_sha256(private.public_key()), common_name=f"{number}.example", csr_pem="-",
        )  # fmt: skip
        envelope = KeyEnvelope(key=key)
        der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        custody.seal_into(envelope, der, now=now)
        pairs.append(key)
        envelopes.append(envelope)
    KeyPair.objects.bulk_create(pairs)
    KeyEnvelope.objects.bulk_create(envelopes)


@contextmanager
def at_work(log: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker in the background; tell it to stop afterwards."""
    with log.open("wb") as sink:
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.journeys.keys_at_work"],
            cwd=ROOT, env=environment(**more), stdin=subprocess.PIPE, stdout=sink, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield worker
    finally:
        worker.terminate()
        worker.communicate(timeout=20)


def begin(worker: subprocess.Popen[bytes]) -> None:
    assert worker.stdin is not None
    worker.stdin.write(b"begin\n")
    worker.stdin.flush()


def deeds(log: Path) -> Counter[str]:
    return Counter(line.split()[0] for line in log.read_text().splitlines() if line)


def refusals(logs: list[Path]) -> list[str]:
    """Return every line that is no deed: a refusal, or an error a worker ended with."""
    words = ("ready", "opened", "made")
    lines = [line for log in logs for line in log.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith(words)]


def sqlite() -> bool:
    from django.db import connection

    return connection.vendor == "sqlite"
