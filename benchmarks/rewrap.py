"""Rotation of key-encryption keys: data keys a second, and whether memory grows with their number.

The floor does the cryptography and the writing alone: the same rows read as tuples, each data key unwrapped and wrapped
with bare AES-GCM, one ``executemany``. It records nothing, skips no row another process holds, and cannot be resumed.
"""

from __future__ import annotations

import base64
import os
import secrets
import time
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import connection, transaction

from audit.recording import Actor
from certificates import custody, operations, vault
from certificates.envelopes import put
from certificates.models import KeyEnvelope, KeyPair

ACTOR = Actor.command("bench")
NOW = datetime(2026, 6, 8, 12, tzinfo=UTC)
OLD, NEW = os.urandom(32), os.urandom(32)
PAYLOAD = os.urandom(1218)  # as long as PKCS#8 of an RSA 2048 key; nothing here opens it
UPDATE = (
    "UPDATE certificates_keyenvelope SET kek_version = %s, wrapped_dek = %s, dek_nonce = %s WHERE key_id = %s"
)


def run(*, keys: int, many: int, rounds: int) -> Iterator[dict[str, Any]]:
    """Yield one row per measurement: the best round's rates over ``keys`` rows, memory at ``keys`` and ``many``."""
    with _keyring("bench1"):
        custody.prove(now=NOW)
        _make(keys)
    floors, ours = [], []
    for turn in range(rounds):
        floors.append(_timed(lambda turn=turn: _floor(f"floor{turn}")))
        for version in ("bench2", "bench1"):
            with _keyring(version):
                ours.append(_timed(lambda: _rotate(keys)))
    floor, best = min(floors), min(ours)
    yield _row(f"floor: AES-GCM and executemany, {keys} data keys", keys, floor, floor)
    yield _row("rotate_keks, audited, wall clock", keys, best, floor)
    yield _row("rotate_keks, per CPU second of the client", keys, (min(o[1] for o in ours),) * 2, floor)
    yield from _memory(keys, many)


def _memory(few: int, many: int) -> Iterator[dict[str, Any]]:
    peaks = {}
    for count, version in ((few, "bench2"), (many, "bench1")):
        with _keyring("bench1" if count == few else "bench2"):
            _make(count - KeyEnvelope.objects.count())
        tracemalloc.start()
        with _keyring(version):
            _rotate(count)
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    ratio = peaks[many] / peaks[few]
    yield {
        "what": f"peak memory of a rotation, {many} against {few} data keys",
        "rate": peaks[many] / 1024, "unit": "KiB", "ratio": ratio,
    }  # fmt: skip


@contextmanager
def _keyring(active: str) -> Iterator[None]:
    entries = (("bench1", OLD), ("bench2", NEW))
    kept = settings.KEK_KEYRING, settings.KEK_ACTIVE
    settings.KEK_KEYRING = ",".join(f"{name}:{base64.b64encode(key).decode()}" for name, key in entries)
    settings.KEK_ACTIVE = active
    try:
        yield
    finally:
        settings.KEK_KEYRING, settings.KEK_ACTIVE = kept


def _make(count: int) -> None:
    active = custody.provider()
    for start in range(0, count, 2000):
        pairs, envelopes = [], []
        for _ in range(min(2000, count - start)):
            pk = uuid.uuid4()
            pair = KeyPair(
                pk=pk, scope=f"bench:{pk}", use="oauth", environment="test", algorithm="rsa-2048",
                spki_sha256=secrets.token_hex(32), common_name=f"bench-{pk}"[:64], csr_pem="-" * 1000, created_at=NOW,
            )  # fmt: skip
            envelope = KeyEnvelope(key=pair)
            put(envelope, vault.seal(PAYLOAD, envelope.facts(), active))
            pairs.append(pair)
            envelopes.append(envelope)
        with transaction.atomic():
            KeyPair.objects.bulk_create(pairs)
            KeyEnvelope.objects.bulk_create(envelopes)


def _rotate(expected: int) -> None:
    done = operations.rotate_keks(actor=ACTOR, now=NOW)
    assert (done.rewrapped, done.remaining) == (expected, 0), done


def _floor(version: str) -> None:
    old, new = AESGCM(OLD), AESGCM(NEW)
    dek = os.urandom(32)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT key_id, dek_nonce, wrapped_dek FROM certificates_keyenvelope")
        rows = []
        for key, nonce, _ in cursor.fetchall():
            # Bare AES-GCM without the row's facts: the blobs stored by us would not open, one of the same size does.
            held = bytes(nonce)
            old.decrypt(held, old.encrypt(held, dek, b""), b"")
            fresh = os.urandom(12)
            rows.append((version, new.encrypt(fresh, dek, b""), fresh, key))
        cursor.executemany(UPDATE, rows)
        transaction.set_rollback(True)


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    began = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began[0], time.process_time() - began[1]


def _row(what: str, keys: int, took: tuple[float, float], floor: tuple[float, float]) -> dict[str, Any]:
    return {"what": what, "rate": keys / took[0], "unit": "keys/s", "ratio": floor[0] / took[0]}
