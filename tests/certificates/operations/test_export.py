"""A private key leaves only where it is switched on, allowed by a second person, once, and under a passphrase."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import PermissionMissing
from certificates import operations, permits, x509
from certificates.models import Act, Approval, Certificate, KeyPair
from tests.certificates.two_people import ask

pytestmark = pytest.mark.django_db(transaction=True)

Install = Callable[..., Certificate]
PHRASE = "obviously a test passphrase 42"


@pytest.fixture
def allowed(install: Install, people: Any, now: datetime, settings: Any) -> Approval:
    """The operator asked for an export, and the approver allowed it."""
    settings.ALLOW_KEY_EXPORT = True
    asked = ask(Act.EXPORT, install().key, by=people["operator"], now=now)
    return operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now)


def export(approval: Approval, person: Any, now: datetime, phrase: str = PHRASE) -> bytes:
    return operations.export_key(pk=approval.pk, passphrase=phrase, actor=Actor.user(person), now=now)


def test_the_file_holds_the_key_its_certificate_and_the_chain(
    allowed: Approval, people: Any, now: datetime, tmp_path: Path
) -> None:
    content = export(allowed, people["operator"], now)
    found = load_pkcs12(content, PHRASE.encode())
    assert found.key is not None
    assert found.cert is not None
    assert allowed.key is not None
    certificate = Certificate.objects.get(key=allowed.key)
    assert x509.spki_sha256(found.key.public_key()) == allowed.key.spki_sha256  # type: ignore[arg-type]
    assert x509.sha256(found.cert.certificate) == certificate.sha256
    assert x509.pem(*(one.certificate for one in found.additional_certs)) == certificate.chain_pem
    (tmp_path / "key.p12").write_bytes(content)
    said = subprocess.run(
        ["openssl", "pkcs12", "-in", tmp_path / "key.p12", "-info", "-nokeys", "-nocerts", "-passin", "stdin"],
        input=PHRASE, capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    assert "MAC: sha256" in said
    assert "PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256" in said


def test_it_is_used_up_and_on_record_before_the_key_opens(
    allowed: Approval, people: Any, now: datetime
) -> None:
    export(allowed, people["operator"], now)
    used, opened = AuditEntry.objects.order_by("number").filter(actor_kind="user").reverse()[:2][::-1]
    assert (used.verb, opened.verb) == ("certificates.approval.use", "certificates.key_used")
    assert json.loads(opened.data)["purpose"] == f"export {allowed.pk}"
    assert not AuditEntry.objects.filter(data__contains=PHRASE).exists()


def test_it_is_fetched_once(allowed: Approval, people: Any, now: datetime) -> None:
    export(allowed, people["operator"], now)
    with pytest.raises(operations.SecondPersonNeeded):
        export(allowed, people["operator"], now)
    assert AuditEntry.objects.filter(verb="certificates.key_used").count() == 1


@pytest.mark.parametrize("who", ["approver", "admin", "auditor"])
def test_only_whoever_asked_fetches_it(allowed: Approval, people: Any, who: str, now: datetime) -> None:
    wanted = "request_approval" if who == "auditor" else "Only whoever asked for the export"
    with pytest.raises(PermissionMissing, match=wanted):
        export(allowed, people[who], now)
    assert Approval.objects.get().state == "approved"


def test_without_a_second_person_there_is_nothing_to_fetch(
    install: Install, people: Any, now: datetime, settings: Any
) -> None:
    settings.ALLOW_KEY_EXPORT = True
    asked = ask(Act.EXPORT, install().key, by=people["admin"], now=now)
    with pytest.raises(operations.SecondPersonNeeded):
        export(asked, people["admin"], now)


def test_off_means_off_for_everybody_and_at_every_step(
    allowed: Approval, install: Install, people: Any, now: datetime, settings: Any
) -> None:
    settings.ALLOW_KEY_EXPORT = False
    with pytest.raises(operations.ExportRefused, match="export is switched off"):
        ask(Act.EXPORT, install("connection:other").key, by=people["admin"], now=now)
    with pytest.raises(operations.ExportRefused, match="export is switched off"):
        export(allowed, people["operator"], now)


def test_an_allowed_export_lapses_unused(allowed: Approval, people: Any, now: datetime) -> None:
    with pytest.raises(operations.ApprovalLapsed, match="It ran out"):
        export(allowed, people["operator"], now + permits.LASTS + timedelta(seconds=1))
    assert Approval.objects.get().state == "lapsed"


def test_a_key_compromised_meanwhile_is_not_exported(
    allowed: Approval, people: Any, now: datetime, actor: Actor
) -> None:
    assert allowed.key is not None
    operations.mark_compromised(pk=allowed.key.pk, actor=actor, now=now, reason="Seen elsewhere.")
    with pytest.raises(operations.ApprovalLapsed, match="changed since it was asked for"):
        export(allowed, people["operator"], now)
    assert Approval.objects.get().state == "lapsed"


def test_a_retired_key_cannot_be_asked_for(
    install: Install, people: Any, now: datetime, actor: Actor, settings: Any
) -> None:
    settings.ALLOW_KEY_EXPORT = True
    key: KeyPair = install().key
    operations.retire_key(pk=key.pk, actor=actor, now=now)
    with pytest.raises(operations.ExportRefused, match="is retired"):
        ask(Act.EXPORT, key, by=people["operator"], now=now)


@pytest.mark.parametrize(
    ("phrase", "sentence"),
    [("short", "at least 16 characters"), ("a" * 40, "8 different"), ("ababababababababab", "8 different")],
)
def test_a_weak_passphrase_is_refused_and_costs_nothing(
    allowed: Approval, people: Any, now: datetime, phrase: str, sentence: str
) -> None:
    with pytest.raises(operations.ExportRefused, match=sentence):
        export(allowed, people["operator"], now, phrase)
    assert Approval.objects.get().state == "approved"
