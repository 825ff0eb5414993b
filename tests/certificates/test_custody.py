"""A sealed key opens for its own row, after its use was recorded, and shows itself nowhere."""

from __future__ import annotations

import base64
import copy
import io
import itertools
import os
import pickle
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.management import call_command
from django.db import connection, transaction
from django.test import RequestFactory
from django.views.debug import ExceptionReporter
from django.views.decorators.debug import sensitive_variables

from audit.models import AuditEntry
from audit.recording import Actor
from certificates import custody, identity, x509
from certificates.models import KekCanary, KeyEnvelope, KeyPair

MakeKey = Callable[..., KeyPair]


def opens(key: KeyPair, now: datetime) -> bool:
    try:
        with custody.unseal(key=key, actor=Actor.command("test"), purpose="test", now=now):
            return True
    except custody.CustodyFailed:
        return False


def test_what_opens_is_the_key_of_the_request(request_key: MakeKey, now: datetime, actor: Actor) -> None:
    key = request_key()
    with custody.unseal(key=key, actor=actor, purpose="test", now=now) as private:
        assert x509.spki_sha256(private.public_key()) == key.spki_sha256


@pytest.mark.django_db(transaction=True)
def test_the_use_is_recorded_and_committed_before_the_key_opens(
    request_key: MakeKey, now: datetime, settings: Any
) -> None:
    key = request_key()
    settings.KEK_KEYRING = "test1:" + base64.b64encode(os.urandom(32)).decode()
    assert not opens(key, now)
    entry = AuditEntry.objects.latest("number")
    assert (entry.verb, entry.subject_key, entry.actor_key, entry.data) == (
        "certificates.key_used",
        str(key.pk),
        "test",
        '{"kek_version":"test1","provider":"env","purpose":"test"}',
    )


@pytest.mark.django_db(transaction=True)
def test_no_record_no_key(request_key: MakeKey, now: datetime, actor: Actor) -> None:
    key = request_key()
    with connection.cursor() as cursor:  # the chain cannot be written any more
        cursor.execute("ALTER TABLE audit_chainhead RENAME TO audit_chainhead_away")
    try:
        with pytest.raises(Exception, match="audit_chainhead"):
            custody.unseal(key=key, actor=actor, purpose="test", now=now)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_chainhead_away RENAME TO audit_chainhead")


@pytest.mark.django_db(transaction=True)
def test_no_key_inside_a_transaction_that_could_take_the_record_back(
    request_key: MakeKey, now: datetime, actor: Actor
) -> None:
    key = request_key()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        custody.unseal(key=key, actor=actor, purpose="test", now=now)


COLUMNS = (
    "format",
    "provider",
    "kek_version",
    "wrapped_dek",
    "dek_nonce",
    "nonce",
    "ciphertext",
    "recovery_key",
    "recovery_dek",
)
PARTS = {
    "everything": COLUMNS,
    "data key": ("wrapped_dek", "dek_nonce"),
    "data key without nonce": ("wrapped_dek",),
    "ciphertext": ("nonce", "ciphertext"),
    "ciphertext without nonce": ("ciphertext",),
}


@pytest.mark.parametrize("part", PARTS)
def test_nothing_of_another_rows_envelope_opens_here(part: str, request_key: MakeKey, now: datetime) -> None:
    keys = [
        request_key("connection:one"),
        request_key("connection:one", use="transport"),
        request_key("connection:two"),
    ]
    rows = {key.pk: KeyEnvelope.objects.get(key=key) for key in keys}
    for victim, donor in itertools.permutations(keys, 2):
        columns = {
            name: bytes(value) if isinstance(value := getattr(rows[victim.pk], name), memoryview) else value
            for name in COLUMNS
        }
        columns |= {name: getattr(rows[donor.pk], name) for name in PARTS[part]}
        KeyEnvelope.objects.filter(key=victim).delete()
        with connection.cursor() as cursor:
            marks = ", ".join(["%s"] * (len(columns) + 1))
            pk = victim.pk if connection.vendor == "postgresql" else victim.pk.hex
            cursor.execute(
                f"INSERT INTO certificates_keyenvelope (key_id, {', '.join(columns)}) VALUES ({marks})",
                [pk, *columns.values()],
            )
        assert not opens(victim, now)


@pytest.mark.parametrize(
    ("column", "value"), [("kek_version", "other"), ("provider", "abacus"), ("format", "lk9")]
)
def test_a_changed_label_does_not_open(request_key: MakeKey, now: datetime, column: str, value: str) -> None:
    key = request_key()
    row = KeyEnvelope.objects.get(key=key)
    KeyEnvelope.objects.filter(key=key).delete()
    setattr(row, column, value)
    row.save(force_insert=True)
    assert not opens(key, now)


def test_a_row_that_names_another_public_key_does_not_open(
    request_key: MakeKey, rsa_key: Any, other_rsa_key: Any, now: datetime
) -> None:
    key = request_key()
    row = KeyEnvelope.objects.select_related("key").get(key=key)
    # Sealed for this row's facts, but another private key: what an insider with the keyring could do.
    KeyEnvelope.objects.filter(key=key).delete()
    with pytest.raises(custody.KeyMismatch):
        custody.seal(key=row.key, private=rsa_key, now=now)


def test_sealing_lays_one_canary_a_version(request_key: MakeKey) -> None:
    request_key("connection:one")
    request_key("connection:two")
    assert list(KekCanary.objects.values_list("provider", "kek_version")) == [("env", "test1")]


def test_versions_that_do_not_work_are_named(request_key: MakeKey, settings: Any) -> None:
    request_key()
    assert custody.unprovable() == []
    fresh = base64.b64encode(os.urandom(32)).decode()
    settings.KEK_KEYRING = f"test1:{fresh}"
    wrong = [(item.version, "does not open" in item.sentence) for item in custody.unprovable()]
    settings.KEK_KEYRING, settings.KEK_ACTIVE = f"test2:{fresh}", "test2"
    absent = [(item.version, "is not in the keyring" in item.sentence) for item in custody.unprovable()]
    assert (wrong, absent) == ([("test1", True)], [("test1", True)])


def test_a_version_nobody_needs_may_go(request_key: MakeKey, settings: Any) -> None:
    KeyEnvelope.objects.filter(key=request_key()).delete()
    settings.KEK_KEYRING, settings.KEK_ACTIVE = f"test2:{base64.b64encode(os.urandom(32)).decode()}", "test2"
    assert custody.unprovable() == []


def test_an_unsealed_key_shows_and_copies_nothing(rsa_key: Any) -> None:
    held = custody.Unsealed(rsa_key)
    assert {repr(held), str(held), f"{held}"} == {"<Unsealed: withheld>"}
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            act(held)
    with held as private, pytest.raises(TypeError):
        pickle.dumps(private)
    with pytest.raises(custody.CustodyFailed, match="given back"), held:
        pass


def needles(private: x509.PrivateKey) -> list[str]:
    """Return the key in the shapes it could leak in; DER body chunks stand for PEM and base64."""
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    numbers = private.private_numbers()
    found = ["PRIVATE KEY"]
    secret = der.index(
        numbers.d.to_bytes((numbers.d.bit_length() + 7) // 8, "big")
    )  # the modulus before it is public
    for start in (0, 1, 2):
        chunk = base64.b64encode(der[secret + start : secret + start + 510]).decode()
        found += [chunk[offset : offset + 40] for offset in range(0, 640, 40)]
        found += [piece.replace("+", "-").replace("/", "_") for piece in found[1:]]
    for number in (numbers.d, numbers.p, numbers.q):
        found += [f"{number:x}"[:40], f"{number:X}"[:40], str(number)[:40]]
    return found


def test_the_detector_finds_planted_keys(rsa_key: Any) -> None:
    pem = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    planted = [
        pem,
        pem.replace("\n", ""),
        str(rsa_key.private_numbers().d),
        f"{rsa_key.private_numbers().p:x}",
    ]
    assert [any(needle in text for needle in needles(rsa_key)) for text in planted] == [True] * 4


def test_no_model_and_no_dump_holds_the_key(request_key: MakeKey, now: datetime, actor: Actor) -> None:
    key = request_key()
    with custody.unseal(key=key, actor=actor, purpose="test", now=now) as private:
        wanted = needles(private)
    dump = io.StringIO()
    call_command("dumpdata", "certificates", "audit", stdout=dump)
    row = KeyEnvelope.objects.get(key=key)
    shown = [dump.getvalue(), repr(vars(key)), repr(vars(row)), repr(row), str(row), repr(key)]
    assert [needle for needle in wanted for text in shown if needle in text] == []


@sensitive_variables()
def broken(descriptor: int, content: bytes) -> int:
    raise RuntimeError("no descriptor")


def error_page(key: KeyPair, roots: str, actor: Actor, now: datetime) -> str:
    try:
        identity.tls_context(key=key, roots_pem=roots, actor=actor, purpose="test", now=now)
    except RuntimeError as error:
        reporter = ExceptionReporter(RequestFactory().get("/"), type(error), error, error.__traceback__)
        return f"{reporter.get_traceback_html()}{reporter.get_traceback_text()}"
    return ""


def test_the_error_page_of_a_failed_use_shows_no_local(
    install: Any, now: datetime, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = install()
    key = certificate.key
    with custody.unseal(key=key, actor=actor, purpose="test", now=now) as private:
        wanted = needles(private)

    monkeypatch.setattr(os, "write", broken)
    page = error_page(key, certificate.pem, actor, now)
    monkeypatch.undo()
    leaks = [needle for needle in [*wanted, "ENCRYPTED PRIVATE"] if needle in page]
    assert ("no descriptor" in page, "passphrase" in page, leaks) == (True, True, [])
