"""Requests, files and the checker in the console, and who may do what there."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from cryptography import x509 as pyca
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from audit.models import AuditEntry
from audit.recording import Actor
from certificates import holders, operations, x509
from certificates.models import Act, KeyPair, Notice
from tests.certificates.acting import (
    FIELDS,
    SCOPE,
    WANTED,
    Harbor,
    Install,
    act,
    page,
    subject_fields,
    text,
)
from tests.certificates.two_people import ask, prove
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


def test_a_request_is_looked_at_before_it_is_made(as_: Any, harbor: Harbor) -> None:
    client = as_("operator")
    asked = client.get(page("request", **WANTED))
    assert asked.status_code == 200
    assert 'value="harbor.oauth.test.lockkeeper"' in text(asked)
    assert "Never with “J.P. Morgan” in it, in any spelling" in text(asked)
    looked = client.post(page("request", **WANTED), FIELDS | {"step": "look"})
    assert (looked.status_code, KeyPair.objects.count()) == (200, 0)
    for said in ("RSA, 3072 bits", "SHA-256", "Key usage: digital signature", "It never leaves"):
        assert said in text(looked)
    made = client.post(page("request", **WANTED), FIELDS | {"step": "make"})
    key = KeyPair.objects.get()
    assert (made.status_code, made["Location"]) == (302, page("change", key.pk))
    request = pyca.load_pem_x509_csr(key.csr_pem.encode())
    assert (key.scope, key.algorithm, key.state) == (SCOPE, "rsa-3072", "csr_issued")
    assert x509.algorithm_of(request.public_key()) == "rsa-3072"
    assert x509.Subject.from_name(request.subject).fields()["O"] == FIELDS["organization"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("country", "us", "country code of two capital letters"),
        ("unit", "", "The subject field OU is empty."),
        ("organization", "J P Morgan helpers", "must not contain “J.P. Morgan”"),
        ("common_name", "harbor.oauth.production.lockkeeper", "which marks production"),
    ],
)
def test_a_broken_rule_stands_beside_its_field(
    as_: Any, harbor: Harbor, field: str, value: str, said: str
) -> None:
    answer = as_("operator").post(page("request", **WANTED), FIELDS | {field: value, "step": "make"})
    wrong = answer.context["form"].errors
    assert (answer.status_code, list(wrong), KeyPair.objects.count()) == (400, [field], 0)
    assert said in " ".join(wrong[field])


def test_a_name_of_the_other_environment_is_refused(
    as_: Any, harbor: Harbor, request_key: Any, actor: Any
) -> None:
    request_key(environment="production", subject=x509.Subject(**subject_fields("harbor.shared")))
    answer = as_("operator").post(
        page("request", **WANTED), FIELDS | {"common_name": "harbor.shared", "step": "make"}
    )
    assert "is used in another environment" in answer.context["form"].errors["common_name"][0]


def test_nobody_requests_for_an_owner_nobody_knows(as_: Any, harbor: Harbor) -> None:
    answer = as_("operator").post(
        page("request", **WANTED | {"scope": "connection:nowhere"}), FIELDS | {"step": "make"}
    )
    assert (answer.context["stage"], KeyPair.objects.count()) == ("which", 0)


def test_a_renewal_keeps_owner_use_environment_andsubject_fields(as_: Any, install: Install) -> None:
    old = install(subject=x509.Subject(**subject_fields("harbor.kept"))).key
    answer = as_("operator").get(page("request", renews=str(old.pk)))
    assert answer.context["form"].initial == subject_fields("harbor.kept") | {"algorithm": "rsa-2048"}
    assert (answer.context["wanted"].scope, answer.context["wanted"].environment) == (SCOPE, "test")


def test_a_request_under_way_is_shown_instead_of_a_second_one(as_: Any, request_key: Any) -> None:
    key = request_key()
    answer = as_("operator").post(page("request", **WANTED), FIELDS | {"step": "make"})
    assert (answer.context["stage"], answer.context["under_way"], KeyPair.objects.count()) == (
        "under_way",
        key,
        1,
    )


@pytest.mark.parametrize(
    ("name", "tail"),
    [("request_pem", "csr.pem"), ("request_der", "csr.der"), ("certificate_pem", "certificate.pem")],
)
def test_public_files_are_fetched_under_a_safe_name(as_: Any, install: Install, name: str, tail: str) -> None:
    subject = x509.Subject(**subject_fields('harbor";é/..kettle'))
    certificate = install(subject=subject)
    answer = as_("auditor").get(page(name, certificate.key.pk))
    assert answer["Content-Disposition"] == f'attachment; filename="harbor_.._kettle.{tail}"'.replace(
        "_.._", "_.."
    )
    expected = {
        "request_pem": certificate.key.csr_pem.encode(),
        "request_der": pyca.load_pem_x509_csr(certificate.key.csr_pem.encode()).public_bytes(Encoding.DER),
        "certificate_pem": certificate.pem.encode(),
    }
    assert answer.content == expected[name]


def test_a_request_without_a_certificate_has_no_certificate_to_fetch(as_: Any, request_key: Any) -> None:
    assert as_("operator").get(page("certificate_pem", request_key().pk)).status_code == 404


def test_a_good_request_of_another_tool_would_be_taken(as_: Any, csr: Any) -> None:
    answer = as_("auditor").post(page("check"), {"environment": "test", "text": x509.csr_pem(csr)})
    assert (answer.status_code, "The bank would take it." in text(answer)) == (200, True)
    assert "Extended key usage: clientAuth" in text(answer)
    assert "BEGIN CERTIFICATE REQUEST" not in text(answer)


def test_a_bad_request_is_told_every_problem_with_its_remedy(as_: Any, subject: Any) -> None:
    bad = x509.make_csr(
        x509.make_key("ec-p256"), x509.Subject(**subject_fields("Expires soon")), client_auth=True
    )
    file = SimpleUploadedFile("request.der", bad.public_bytes(Encoding.DER))
    answer = as_("operator").post(page("check"), {"environment": "production", "file": file})
    codes = [problem.code for problem in answer.context["found"].problems]
    assert (len(codes) >= 2, "key_algorithm" in codes) == (True, True)
    assert all(problem.remedy in answer.content.decode() for problem in answer.context["found"].problems)


@pytest.mark.parametrize("field", ["text", "file"])
def test_a_pasted_private_key_is_refused_and_is_nowhere_afterwards(
    as_: Any, rsa_key: Any, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    secret = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    given: Any = secret.decode() if field == "text" else SimpleUploadedFile("key.pem", secret)
    client = as_("operator")
    before = dict(client.session.items())
    with caplog.at_level(logging.DEBUG):
        answer = client.post(page("check"), {"environment": "test", field: given})
    assert "That was a private key." in text(answer)
    assert "treat it as exposed" in text(answer)
    assert leaks(rsa_key, answer.content) == []
    assert leaks(rsa_key, caplog.text.encode()) == []
    assert (dict(client.session.items()), AuditEntry.objects.count()) == (before, 0)


def test_the_checker_hides_what_was_posted_from_error_reports(as_: Any, rf: Any, people: Any) -> None:
    answer = as_("operator").post(page("check"), {"environment": "test", "text": "x"})
    assert answer.wsgi_request.sensitive_post_parameters == "__ALL__"


READING = ["request_pem", "request_der", "certificate_pem", "renewal"]


@pytest.mark.parametrize(
    ("who", "status"), [("operator", 200), ("approver", 200), ("auditor", 200), ("outsider", 403)]
)
def test_the_pages_are_read_by_those_who_may_view_keys(
    as_: Any, install: Install, who: str, status: int
) -> None:
    key, client = install().key, as_(who)
    answers = {name: client.get(page(name, key.pk)).status_code for name in READING}
    assert answers | {"check": client.get(page("check")).status_code} == dict.fromkeys(
        [*READING, "check"], status
    )
    written = {name: client.post(page(name, key.pk)).status_code for name in READING}
    assert written == dict.fromkeys(READING, 405 if status == 200 else 403)


@pytest.mark.parametrize(
    ("who", "may"), [("operator", True), ("approver", True), ("auditor", False), ("outsider", False)]
)
def test_the_acts_are_taken_by_those_who_may(
    as_: Any, people: Any, request_key: Any, harbor: Harbor, who: str, may: bool
) -> None:
    key, client = request_key(), as_(who)
    for name in ("install", "self_sign", "owner", "compromise", "submit"):
        entries = AuditEntry.objects.count()
        assert (name, client.get(act(key, name)).status_code) == (name, 200 if may else 403)
        assert AuditEntry.objects.count() == entries
    assert client.get(page("request")).status_code == (200 if may else 403)
    assert client.post(
        page("request", **WANTED | {"use": "signing"}), FIELDS | {"step": "make"}
    ).status_code == (302 if may else 403)
    for name, values in (("owner", {"owner": people["admin"].pk}), ("self_sign", {"days": 5}), ("prove", {})):
        assert client.post(act(key, name), values).status_code == (302 if may else 403)


@pytest.mark.parametrize(("who", "shown"), [("operator", True), ("auditor", False)])
def test_the_list_leads_to_what_this_person_may_do(as_: Any, people: Any, who: str, shown: bool) -> None:
    answer = text(as_(who).get(reverse("admin:certificates_keypair_changelist")))
    assert (page("request") in answer, page("check") in answer) == (shown, True)


def test_what_leads_on_is_the_first_thing_offered(
    as_: Any, people: Any, install: Install, now: datetime
) -> None:
    key, client = (
        install(environment="production", signing={"ends": now + timedelta(days=20)}).key,
        as_("operator"),
    )

    def offered() -> list[str]:
        answer = client.get(page("change", key.pk))
        lead = answer.context["lead"]
        return [lead["label"] if lead else "", answer.context["transition_buttons"][0]["button"].label]

    said = [offered()]
    prove(key, now=now)
    said.append(offered())
    asked = ask(Act.ACTIVATE, key, by=people["operator"], now=now)
    said.append(offered())
    operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now)
    said.append(offered())
    assert said == [
        ["", "Prove at the bank"],
        ["", "Ask for activation"],
        ["See what was asked for", "Prove at the bank"],
        ["Renew", "Prove at the bank"],
    ]


def test_a_notice_says_its_moment_and_who_takes_care_of_it(
    as_: Any, people: Any, install: Install, now: datetime
) -> None:
    certificate = install(signing={"ends": now + timedelta(days=1)})
    notice = Notice.objects.create(
        certificate=certificate, threshold=1, recorded_at=now, acknowledged_at=now,
        acknowledged_by=f"user:{people['operator'].pk}",
    )  # fmt: skip
    said = text(as_("auditor").get(reverse("admin:certificates_notice_change", args=[notice.pk])))
    missing = [
        word
        for word in ("1 day before the end", "3 Jun 2026, 12:00 UTC", ">operator<")
        if word not in said.replace("\n", "")
    ]
    assert missing == []
