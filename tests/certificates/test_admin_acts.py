"""Acting on keys in the console: requesting, checking, installing, and the two guides."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from cryptography import x509 as pyca
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from audit.models import AuditEntry
from audit.recording import Actor
from certificates import holders, operations, x509
from certificates.admin import forms
from certificates.holders import ProofFailed, Whereabouts
from certificates.models import Act, Certificate, KeyPair
from tests.certificates.authority import Authority, pem
from tests.certificates.two_people import ask, prove
from tests.detector import leaks

Install = Callable[..., Certificate]
SCOPE = "connection:harbor"


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[None]:
    with time_machine.travel(now, tick=False):
        yield


@dataclass
class Harbor:
    """Somebody who owns keys; ``refuses`` is what the bank says, empty where it lets us in."""

    refuses: str = ""
    asked: int = 0

    def prove(self, *, key: KeyPair, actor: Actor, clock: Callable[[], datetime]) -> str:
        self.asked += 1
        if self.refuses:
            raise ProofFailed(self.refuses)
        return "The bank accepted the signature and gave a token."

    def whereabouts(self, scope: str) -> Whereabouts | None:
        if scope == "connection:nowhere":
            return None
        return Whereabouts(
            name=scope.partition(":")[2], url="/admin/", at_stake="2 accounts, pulled since 2026-01-05"
        )


@pytest.fixture
def harbor(monkeypatch: pytest.MonkeyPatch) -> Harbor:
    holder = Harbor()
    monkeypatch.setitem(holders._HOLDERS, "connection", holder)
    return holder


def page(name: str, *args: Any, **query: str) -> str:
    tail = "?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else ""
    return reverse(f"admin:certificates_keypair_{name}", args=args) + tail


def act(key: KeyPair, name: str) -> str:
    return page("do", key.pk, name)


def fresh(key: KeyPair) -> KeyPair:
    return KeyPair.objects.get(pk=key.pk)


def text(answer: Any) -> str:
    return str(answer.content.decode())


def verbs(key: KeyPair) -> list[str]:
    found = AuditEntry.objects.filter(subject_key=str(key.pk)).order_by("number")
    return [entry.verb.removeprefix("certificates.") for entry in found]


# A new request

WANTED = {"scope": SCOPE, "use": "oauth", "environment": "test"}
FIELDS = {
    "country": "US", "state": "New York", "locality": "New York", "organization": "Harbor Kettle Integrations Inc",
    "unit": "Bank Integrations", "common_name": "harbor.oauth.test.lockkeeper", "algorithm": "rsa-3072",
}  # fmt: skip


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
    request_key(environment="production", subject=x509.Subject(**_subject("harbor.shared")))
    answer = as_("operator").post(
        page("request", **WANTED), FIELDS | {"common_name": "harbor.shared", "step": "make"}
    )
    assert "is used in another environment" in answer.context["form"].errors["common_name"][0]


def _subject(common_name: str) -> dict[str, str]:
    return {name: value for name, value in FIELDS.items() if name != "algorithm"} | {
        "common_name": common_name
    }


def test_nobody_requests_for_an_owner_nobody_knows(as_: Any, harbor: Harbor) -> None:
    answer = as_("operator").post(
        page("request", **WANTED | {"scope": "connection:nowhere"}), FIELDS | {"step": "make"}
    )
    assert (answer.context["stage"], KeyPair.objects.count()) == ("which", 0)


def test_a_renewal_keeps_owner_use_environment_and_subject(as_: Any, install: Install) -> None:
    old = install(subject=x509.Subject(**_subject("harbor.kept"))).key
    answer = as_("operator").get(page("request", renews=str(old.pk)))
    assert answer.context["form"].initial == _subject("harbor.kept") | {"algorithm": "rsa-2048"}
    assert (answer.context["wanted"].scope, answer.context["wanted"].environment) == (SCOPE, "test")


def test_a_request_under_way_is_shown_instead_of_a_second_one(as_: Any, request_key: Any) -> None:
    key = request_key()
    answer = as_("operator").post(page("request", **WANTED), FIELDS | {"step": "make"})
    assert (answer.context["stage"], answer.context["under_way"], KeyPair.objects.count()) == (
        "under_way",
        key,
        1,
    )


# Files


@pytest.mark.parametrize(
    ("name", "tail"),
    [("request_pem", "csr.pem"), ("request_der", "csr.der"), ("certificate_pem", "certificate.pem")],
)
def test_public_files_are_fetched_under_a_safe_name(as_: Any, install: Install, name: str, tail: str) -> None:
    subject = x509.Subject(**_subject('harbor";é/..kettle'))
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


# The checker


def test_a_good_request_of_another_tool_would_be_taken(as_: Any, csr: Any) -> None:
    answer = as_("auditor").post(page("check"), {"environment": "test", "text": x509.csr_pem(csr)})
    assert (answer.status_code, "The bank would take it." in text(answer)) == (200, True)
    assert "Extended key usage: clientAuth" in text(answer)
    assert "BEGIN CERTIFICATE REQUEST" not in text(answer)


def test_a_bad_request_is_told_every_problem_with_its_remedy(as_: Any, subject: Any) -> None:
    bad = x509.make_csr(x509.make_key("ec-p256"), x509.Subject(**_subject("Expires soon")), client_auth=True)
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


# Installing


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


# One click in the test environment


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


# Submission, owner, proof


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


# A key that somebody else may hold


def _states(answer: Any) -> list[tuple[str, str]]:
    return [(stop.title.split(",")[0], stop.state) for stop in answer.context["guide"].stops]


def test_the_page_says_what_a_key_touches_before_it_is_marked(
    as_: Any, install: Install, harbor: Harbor
) -> None:
    certificate = install()
    answer = as_("operator").get(act(certificate.key, "compromise"))
    for said in (
        "2 accounts, pulled since 2026-01-05", certificate.sha1, certificate.serial, certificate.sha256,
        "The feed stops until a new certificate is active", page("request", renews=str(certificate.key.pk)),
    ):  # fmt: skip
        assert said in text(answer)
    assert fresh(certificate.key).state == "active"


def test_marking_leads_to_what_is_left_and_rows_move_it_on(
    as_: Any, people: Any, install: Install, request_key: Any, harbor: Harbor, now: datetime
) -> None:
    key, client = install().key, as_("operator")
    unexplained = client.post(act(key, "compromise"), {"reason": ""})
    assert (unexplained.status_code, fresh(key).state) == (400, "active")
    marked = client.post(act(key, "compromise"), {"reason": "A laptop was stolen."})
    assert (marked["Location"], fresh(key).state) == (page("compromised", key.pk), "compromised")
    left = client.get(page("compromised", key.pk))
    assert _states(left) == [
        ("Tell the bank", "ready"), ("Request a new certificate", "ready"), ("Take another key into use", "not_ready"),
        ("Look at its recent uses", "ready"), ("Destroy it later", "not_ready"),
    ]  # fmt: skip
    successor = request_key()
    assert _said(client, key, 1) == ("ready", "Under way", page("change", successor.pk))
    operations.self_sign_for_test(pk=successor.pk, actor=Actor.command("test"), now=now)
    assert _said(client, key, 1) == ("done", "Done", page("change", successor.pk))
    assert _said(client, key, 2)[0] == "done"
    ask(Act.DESTROY, fresh(key), by=people["operator"], now=now)
    assert _said(client, key, 4)[:2] == ("ready", "Asked for")


def _said(client: Any, key: KeyPair, number: int) -> tuple[str, str, str]:
    stop = client.get(page("compromised", key.pk)).context["guide"].stops[number]
    return stop.state, stop.state_words, stop.url


def test_only_those_who_read_the_record_are_led_to_it(
    as_: Any, install: Install, harbor: Harbor, now: datetime
) -> None:
    key = install().key
    operations.mark_compromised(pk=key.pk, actor=Actor.command("test"), now=now, reason="test")
    record = reverse("admin:audit_auditentry_changelist") + f"?q={key.pk}"
    seen = {who: record in text(as_(who).get(page("compromised", key.pk))) for who in ("operator", "auditor")}
    assert seen == {"operator": False, "auditor": True}


def test_a_key_that_was_never_active_stops_no_feed(
    as_: Any, request_key: Any, harbor: Harbor, now: datetime
) -> None:
    key, client = request_key(), as_("operator")
    operations.mark_compromised(pk=key.pk, actor=Actor.command("test"), now=now, reason="test")
    assert "It is not in use: no feed stops." in text(client.get(page("compromised", key.pk)))


def test_a_key_that_is_not_compromised_has_no_such_list(as_: Any, install: Install) -> None:
    assert as_("operator").get(page("compromised", install().key.pk)).status_code == 404


# Renewal


def _now_at(client: Any, key: KeyPair) -> tuple[int, str]:
    stops = client.get(page("renewal", key.pk)).context["guide"].stops
    number = next(n for n, stop in enumerate(stops, start=1) if stop.state == "ready")
    return number, stops[number - 1].url


def test_a_renewal_goes_step_by_step_to_an_active_proven_successor(
    as_: Any, people: Any, install: Install, request_key: Any, issuing: Authority, root: Authority, harbor: Harbor,
    now: datetime,
) -> None:  # fmt: skip
    soon = now + timedelta(days=40)
    old = install(environment="production", signing={"ends": soon}).key
    approver, operator = Actor.user(people["approver"]), Actor.user(people["operator"])
    prove(old, now=now)
    operations.approve(pk=ask(Act.ACTIVATE, old, by=people["operator"], now=now).pk, actor=approver, now=now)
    client = as_("operator")
    assert _now_at(client, old) == (1, page("request", renews=str(old.pk)))
    new = request_key(environment="production")
    assert _now_at(client, old) == (2, act(new, "submit"))
    operations.mark_submitted(pk=new.pk, actor=operator, now=now)
    assert _now_at(client, old) == (3, act(new, "install"))
    material = pem(issuing.sign(new.csr_pem), issuing.certificate, root.certificate)
    operations.install_for_request(pk=new.pk, material=material, actor=operator, now=now)
    assert _now_at(client, old) == (4, act(new, "prove"))
    operations.prove_key(pk=new.pk, actor=operator, now=now)
    assert _now_at(client, old) == (5, act(new, "ask_activate"))
    asked = ask(Act.ACTIVATE, new, by=people["operator"], now=now)
    assert _now_at(client, old) == (5, reverse("admin:certificates_approval_changelist"))
    operations.approve(pk=asked.pk, actor=approver, now=now)
    guide = client.get(page("renewal", old.pk)).context["guide"]
    assert [stop.state for stop in guide.stops] == ["done"] * 5 + ["not_ready"]
    assert f"retires on {now + timedelta(days=14):%Y-%m-%d}" in guide.stops[5].words


def test_a_renewal_says_when_it_begins(as_: Any, install: Install) -> None:
    answer = as_("operator").get(page("renewal", install().key.pk))
    assert ("332 days left" not in text(answer), answer.context["guide"].begun) == (True, False)
    assert "The renewal is due from 2 Mar 2027, 60 days before the end." in text(answer)


def test_an_ended_certificate_takes_the_manual_path(as_: Any, install: Install, now: datetime) -> None:
    certificate = install(signing={"ends": now + timedelta(days=1)})
    with time_machine.travel(now + timedelta(days=3), tick=False):
        answer = as_("admin").get(page("renewal", certificate.key.pk))
    assert "Call the bank" in text(answer)
    assert dict(answer.context["guide"].to_tell)["Fingerprint (kid)"] == certificate.sha1
    assert answer.context["guide"].stops[0].url == page("request", renews=str(certificate.key.pk))


# Who may, and that reading changes nothing

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
