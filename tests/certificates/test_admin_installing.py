"""From the bank’s file to an installed certificate in the console, and the acts around it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from cryptography import x509 as pyca
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from audit.models import AuditEntry
from certificates import holders, operations, x509
from certificates.admin import forms
from certificates.models import Certificate, KeyPair
from tests.certificates.acting import (
    SCOPE,
    Harbor,
    Install,
    act,
    fresh,
    page,
    text,
    verbs,
)
from tests.certificates.authority import Authority, pem
from tests.detector import leaks


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[None]:
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def harbor(monkeypatch: pytest.MonkeyPatch) -> Harbor:
    holder = Harbor()
    monkeypatch.setitem(holders._HOLDERS, "connection", holder)
    return holder


def _upload(client: Any, key: KeyPair, *certificates: pyca.Certificate, **more: Any) -> Any:
    return client.post(act(key, "install"), {"text": pem(*certificates).decode(), **more})


def _confirm(client: Any, key: KeyPair, looked: Any, **more: Any) -> Any:
    return client.post(act(key, "install"), {"found": looked.context["form"].initial["found"], **more})


def test_a_certificate_is_looked_at_then_installed(
    as_: Any, request_key: Any, issuing: Authority, root: Authority
) -> None:
    key, client = request_key(), as_("operator")
    leaf = issuing.sign(key.csr_pem)
    looked = _upload(client, key, root.certificate, leaf, issuing.certificate)
    assert (looked.status_code, fresh(key).state) == (200, "csr_issued")
    assert [item.common_name for item in looked.context["preview"].chain] == [
        "Harbour Test Issuing (not a bank)", "Harbour Test Root (not a bank)",
    ]  # fmt: skip
    assert x509.sha1(leaf) in text(looked)
    done = _confirm(client, key, looked)
    assert (done.status_code, fresh(key).state, fresh(key).certificate.sha256) == (
        302,
        "active",
        x509.sha256(leaf),
    )


def test_every_problem_is_shown_at_once_and_nothing_goes_on(
    as_: Any, request_key: Any, now: datetime
) -> None:
    key, client = request_key(environment="production"), as_("operator")
    stranger = Authority("Stranger (not a bank)", begins=now - timedelta(days=900))
    leaf = stranger.sign(key.csr_pem, begins=now - timedelta(days=900), ends=now - timedelta(days=1))
    answer = _upload(client, key, leaf)
    codes = {problem.code for problem in answer.context["problems"]}
    assert (answer.status_code, codes >= {"expired", "validity_too_long", "issuer_missing"}) == (409, True)
    assert "Look at it" in text(answer)
    assert 'name="found"' not in text(answer)


def test_a_key_in_the_upload_goes_no_further(
    as_: Any, request_key: Any, issuing: Authority, rsa_key: Any
) -> None:
    key, client = request_key(), as_("operator")
    secret = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    answer = client.post(act(key, "install"), {"text": pem(issuing.sign(key.csr_pem)).decode() + secret})
    assert (answer.status_code, 'name="found"' in text(answer)) == (409, False)
    assert leaks(rsa_key, answer.content) == []
    assert answer.wsgi_request.sensitive_post_parameters == "__ALL__"


def test_a_locked_file_opens_with_its_passphrase_which_is_not_echoed(
    as_: Any, request_key: Any, issuing: Authority, root: Authority
) -> None:
    key, client = request_key(), as_("operator")
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption

    chain = [issuing.certificate, root.certificate]
    locked = pkcs12.serialize_key_and_certificates(
        b"x", None, issuing.sign(key.csr_pem), chain, BestAvailableEncryption(b"obviously-a-passphrase")
    )
    without = client.post(act(key, "install"), {"file": SimpleUploadedFile("c.p12", locked)})
    assert [problem.code for problem in without.context["problems"]] == ["pkcs12_locked"]
    looked = client.post(
        act(key, "install"),
        {"file": SimpleUploadedFile("c.p12", locked), "passphrase": "obviously-a-passphrase"},
    )
    assert (looked.status_code, "obviously-a-passphrase" in text(looked)) == (200, False)
    assert _confirm(client, key, looked).status_code == 302


def test_a_drifted_subject_must_be_ticked_in_production(
    as_: Any, request_key: Any, issuing: Authority, root: Authority
) -> None:
    key, client = request_key(environment="production"), as_("operator")
    asked = pyca.load_pem_x509_csr(key.csr_pem.encode()).subject
    short = pyca.Name([item for item in asked if item.oid != pyca.NameOID.LOCALITY_NAME])
    looked = _upload(
        client, key, issuing.sign(key.csr_pem, subject=short), issuing.certificate, root.certificate
    )
    assert [(one.field, one.issued) for one in looked.context["preview"].drift] == [("L", "")]
    unticked = _confirm(client, key, looked)
    assert (unticked.status_code, fresh(key).state) == (400, "csr_issued")
    assert "tick this" in text(unticked)
    ticked = _confirm(client, key, looked, confirmed_drift="on")
    assert (ticked.status_code, fresh(key).state) == (302, "certified")


def test_drift_that_nobody_confirmed_is_refused_by_the_operation_too(
    request_key: Any, issuing: Authority, root: Authority, actor: Any, now: datetime
) -> None:
    key = request_key(environment="production")
    leaf = issuing.sign(key.csr_pem, subject=pyca.Name([pyca.NameAttribute(pyca.NameOID.COMMON_NAME, "x")]))
    material = pem(leaf, issuing.certificate, root.certificate)
    with pytest.raises(operations.ImportRefused) as refused:
        operations.install_certificate(scope=SCOPE, material=material, actor=actor, now=now)
    assert {problem.code for problem in refused.value.problems} == {"subject_drift"}


@pytest.mark.parametrize("how", ["older", "changed", "of another request"])
def test_what_was_looked_at_is_what_is_installed(
    as_: Any, request_key: Any, issuing: Authority, now: datetime, how: str
) -> None:
    key, client = request_key(), as_("operator")
    carried = forms.looked_at(key, pem(issuing.sign(key.csr_pem)).decode())
    later = now
    if how == "older":
        later = now + timedelta(seconds=forms.LOOKED_AT_LASTS + 1)
    elif how == "changed":
        carried = carried[:-3] + "abc"
    else:
        carried = forms.looked_at(request_key(use="transport"), pem(issuing.sign(key.csr_pem)).decode())
    with time_machine.travel(later, tick=False):
        answer = client.post(act(key, "install"), {"found": carried})
    assert (answer.status_code, fresh(key).state) == (409, "csr_issued")
    assert "Upload it again." in text(answer)


def test_a_preview_writes_nothing(
    request_key: Any, issuing: Authority, now: datetime, django_assert_num_queries: Any
) -> None:
    key = request_key()
    entries = AuditEntry.objects.count()
    found = operations.preview_installation(scope=SCOPE, material=pem(issuing.sign(key.csr_pem)), now=now)
    assert (found.key, found.problems, found.missing) == (key, (), "CN=Harbour Test Issuing (not a bank)")
    assert (Certificate.objects.count(), AuditEntry.objects.count(), fresh(key).state) == (
        0,
        entries,
        "csr_issued",
    )


def test_a_test_request_signs_itself_and_the_use_is_on_record(as_: Any, request_key: Any) -> None:
    key = request_key()
    done = as_("operator").post(act(key, "self_sign"), {"days": "30"})
    assert (done.status_code, fresh(key).state) == (302, "active")
    leaf = pyca.load_pem_x509_certificate(fresh(key).certificate.pem.encode())
    assert (x509.self_signed(leaf), (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days) == (True, 30)
    assert verbs(key)[1:] == ["key_used", "keypair.certify", "keypair.go_live_in_test"]
    used = AuditEntry.objects.get(verb="certificates.key_used")
    assert '"self-sign"' in used.data


def test_production_signs_nothing_itself(as_: Any, request_key: Any, actor: Any, now: datetime) -> None:
    key = request_key(environment="production")
    assert "Make a self-signed" not in text(as_("operator").get(page("change", key.pk)))
    answer = as_("operator").post(act(key, "self_sign"), {"days": "30"})
    assert (answer.status_code, "for the test environment only" in text(answer)) == (409, True)
    with pytest.raises(operations.SelfSigningRefused):
        operations.self_sign_for_test(pk=key.pk, actor=actor, now=now)
    assert "key_used" not in verbs(key)


def test_no_certificate_signs_itself_for_longer_than_the_bank_takes(
    request_key: Any, actor: Any, now: datetime
) -> None:
    with pytest.raises(operations.SelfSigningRefused):
        operations.self_sign_for_test(pk=request_key().pk, days=733, actor=actor, now=now)


def test_a_submission_says_to_whom_and_under_which_reference(
    as_: Any, request_key: Any, now: datetime
) -> None:
    key, client = request_key(), as_("operator")
    assert 'value="J.P. Morgan developer portal"' in text(client.get(act(key, "submit")))
    client.post(act(key, "submit"), {"to": "The bank's desk", "reference": "T-42"})
    row = fresh(key)
    assert (row.state, row.submitted_to, row.submission_reference, row.submitted_at) == (
        "submitted", "The bank's desk", "T-42", now,
    )  # fmt: skip


def test_a_key_gets_an_owner_who_works_here(as_: Any, people: Any, request_key: Any) -> None:
    key, client = request_key(), as_("operator")
    User.objects.create_user("gone", is_staff=True, is_active=False)
    User.objects.create_user("customer")
    offered = client.get(act(key, "owner")).context["form"].fields["owner"].queryset
    assert {"gone", "customer"} & set(offered.values_list("username", flat=True)) == set()
    assert client.post(act(key, "owner"), {"owner": people["approver"].pk}).status_code == 302
    entry = AuditEntry.objects.get(verb="certificates.key_assigned")
    assert (fresh(key).owner, f'"to":"{people["approver"].pk}"' in entry.data) == (people["approver"], True)


@pytest.mark.parametrize("wrong", [{"is_active": False, "is_staff": True}, {"is_staff": False}])
def test_nobody_else_is_made_an_owner(
    request_key: Any, actor: Any, now: datetime, wrong: dict[str, bool]
) -> None:
    key, other = request_key(), User.objects.create_user("other", **wrong)
    with pytest.raises(operations.OwnerRefused):
        operations.assign_owner(pk=key.pk, owner=other, actor=actor, now=now)
    assert (fresh(key).owner, "key_assigned" in verbs(key)) == (None, False)


def test_a_proof_shows_what_the_bank_said(as_: Any, install: Install, harbor: Harbor, now: datetime) -> None:
    key, client = install().key, as_("operator")
    asked = client.get(act(key, "prove"))
    assert ("It may take some seconds" in text(asked), harbor.asked) == (True, 0)
    done = client.post(act(key, "prove"), follow=True)
    assert "Proven: The bank accepted the signature and gave a token." in text(done)
    assert fresh(key).proven_at == now


def test_a_failed_proof_shows_the_reason(as_: Any, install: Install, harbor: Harbor) -> None:
    key = install().key
    harbor.refuses = "The bank does not know this certificate: register it there."
    answer = as_("operator").post(act(key, "prove"))
    assert (answer.status_code, harbor.refuses in text(answer)) == (409, True)
    assert fresh(key).proof_problem == harbor.refuses
