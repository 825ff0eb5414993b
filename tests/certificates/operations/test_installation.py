"""What may be installed, for whom, and what happens to the key then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from cryptography import x509 as pyca
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7, pkcs12

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import PermissionMissing
from certificates import operations, x509
from certificates.models import Certificate, KeyPair
from tests.certificates.authority import BEGINS, ENDS, Authority, name, pem

MakeKey = Callable[..., KeyPair]
Install = Callable[..., Certificate]
SCOPE = "connection:harbor"


@pytest.fixture
def upload(now: datetime, actor: Actor) -> Callable[..., Certificate]:
    def run(material: bytes, scope: str = SCOPE) -> Certificate:
        return operations.install_certificate(scope=scope, material=material, actor=actor, now=now)

    return run


def refused(act: Callable[[], Any]) -> list[str]:
    with pytest.raises(operations.ImportRefused) as refusal:
        act()
    return [problem.code for problem in refusal.value.problems]


WRITERS: dict[str, Callable[[list[Any]], bytes]] = {
    "pem": lambda chain: pem(*chain),
    "pkcs7": lambda chain: pkcs7.serialize_certificates(chain, Encoding.DER),
    "pkcs12": lambda chain: pkcs12.serialize_key_and_certificates(None, None, None, chain, NoEncryption()),
}


@pytest.mark.parametrize("form", WRITERS)
def test_any_form_in_any_order_installs_the_same(
    form: str, request_key: MakeKey, upload: Any, issuing: Authority, root: Authority
) -> None:
    stored = set()
    for number, order in enumerate(permutations(range(3))):
        scope = f"connection:order-{number}"
        leaf = issuing.sign(request_key(scope).csr_pem)
        chain = [[leaf, issuing.certificate, root.certificate][place] for place in order]
        certificate = upload(WRITERS[form](chain), scope)
        stored.add((certificate.pem == pem(leaf).decode(), certificate.chain_pem, certificate.key.state))
    assert stored == {(True, pem(issuing.certificate).decode(), "active")}


def test_the_facts_are_columns(request_key: MakeKey, upload: Any, issuing: Authority, now: datetime) -> None:
    key = request_key()
    leaf = issuing.sign(key.csr_pem)
    certificate = upload(pem(leaf))
    facts = (
        certificate.key,
        certificate.serial,
        certificate.issuer,
        certificate.not_before,
        certificate.not_after,
    )
    assert facts == (key, f"{leaf.serial_number:x}", "CN=Harbour Test Issuing (not a bank)", BEGINS, ENDS)
    assert (certificate.sha1, certificate.sha256) == (x509.sha1(leaf), x509.sha256(leaf))
    assert (certificate.installed_at, certificate.warnings) == (now, [])


def test_the_same_certificate_again_changes_nothing(
    request_key: MakeKey, upload: Any, issuing: Authority
) -> None:
    leaf = issuing.sign(request_key().csr_pem)
    first = upload(pem(leaf))
    entries = AuditEntry.objects.count()
    again = upload(leaf.public_bytes(Encoding.DER))
    assert (again, Certificate.objects.count(), AuditEntry.objects.count()) == (first, 1, entries)


def test_another_certificate_for_a_key_that_has_one_is_refused(
    request_key: MakeKey, upload: Any, issuing: Authority
) -> None:
    csr = request_key().csr_pem
    upload(pem(issuing.sign(csr)))
    assert refused(lambda: upload(pem(issuing.sign(csr)))) == ["already_certified"]


def test_the_key_decides_whose_certificate_it_is(
    request_key: MakeKey, upload: Any, issuing: Authority
) -> None:
    mine, theirs = request_key(), request_key("connection:kettle")
    leaf = issuing.sign(theirs.csr_pem)
    assert refused(lambda: upload(pem(leaf))) == ["other_owner"]
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.state, theirs.state) == ("csr_issued", "csr_issued")


def test_a_certificate_for_no_request_names_it(
    request_key: MakeKey, upload: Any, issuing: Authority, rsa_key: Any
) -> None:
    request_key()
    stray = issuing.certify(rsa_key.public_key(), subject=name("stray example"))
    with pytest.raises(operations.ImportRefused, match="“stray example”"):
        upload(pem(stray))


def test_two_client_certificates_in_one_file_are_refused(
    request_key: MakeKey, upload: Any, issuing: Authority
) -> None:
    leaves = [issuing.sign(request_key(use=use).csr_pem) for use in ("oauth", "transport")]
    assert "several" in refused(lambda: upload(pem(*leaves)))


def test_every_problem_at_once_and_nothing_stored(
    request_key: MakeKey, upload: Any, issuing: Authority, rsa_key: Any
) -> None:
    key = request_key()
    leaf = issuing.sign(key.csr_pem, begins=BEGINS - timedelta(days=800), ends=BEGINS)
    private = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    stranger = Authority("Stranger").certificate
    assert refused(lambda: upload(private + pem(stranger, leaf))) == [
        "private_key",
        "expired",
        "validity_too_long",
        "unrelated_certificate",
    ]
    key.refresh_from_db()
    assert (key.state, Certificate.objects.count()) == ("csr_issued", 0)


def test_the_refusal_lists_sentences_with_remedies(upload: Any, db: Any) -> None:
    with pytest.raises(operations.ImportRefused) as refusal:
        upload(b"")
    assert refusal.value.sentence == (
        "The certificate was not installed. The file is empty. Upload what the bank returned."
    )


def test_a_closed_request_takes_no_certificate(
    request_key: MakeKey, upload: Any, issuing: Authority, now: datetime, actor: Actor
) -> None:
    key = request_key()
    operations.reject_key(pk=key.pk, actor=actor, now=now)
    assert refused(lambda: upload(pem(issuing.sign(key.csr_pem)))) == ["request_closed"]


def test_a_serial_number_its_issuer_used_before_is_refused(
    request_key: MakeKey, upload: Any, issuing: Authority
) -> None:
    upload(pem(issuing.sign(request_key().csr_pem, serial=77)))
    other = request_key("connection:kettle")
    leaf = issuing.sign(other.csr_pem, serial=77)
    assert refused(lambda: upload(pem(leaf), "connection:kettle")) == ["serial_seen"]


def states(*certificates: Certificate) -> list[str]:
    return [KeyPair.objects.get(pk=each.key_id).state for each in certificates]


def test_in_test_the_first_key_is_used_at_once_and_the_next_waits_for_its_proof(install: Install) -> None:
    old, new = install(waits=True), install(waits=True)
    assert states(old, new) == ["active", "certified"]


@pytest.mark.parametrize("other", [{"use": "transport"}, {"scope": "connection:kettle"}])
def test_a_key_of_another_use_or_owner_is_no_predecessor(install: Install, other: dict[str, Any]) -> None:
    assert states(install(waits=True), install(waits=True, **other)) == ["active", "active"]


def test_in_test_a_key_whose_certificate_ended_is_replaced_at_once(install: Install, now: datetime) -> None:
    old = install(signing={"ends": now + timedelta(days=1)})
    Certificate.objects.filter(pk=old.pk).update(not_after=now)
    new = install(waits=True)
    assert states(old, new) == ["standby", "active"]


def test_a_third_live_certificate_for_one_name_is_refused(
    install: Install, now: datetime, actor: Actor
) -> None:
    first, second = install(), install(waits=True)
    assert refused(install) == ["too_many_live"]  # one is active, one waits for its proof
    operations.record_proof(pk=second.key_id, proven="It was let in.", actor=actor, now=now)
    operations.activate_key(pk=second.key_id, actor=actor, now=now)
    assert states(first, second) == ["standby", "active"]
    assert refused(install) == ["too_many_live"]
    operations.retire_key(pk=first.key_id, actor=actor, now=now)
    assert states(first, second, install(waits=True)) == ["retired", "active", "certified"]


def test_an_expired_one_does_not_count_as_live(install: Install, now: datetime) -> None:
    first, second = install(signing={"ends": now + timedelta(days=1)}), install(waits=True)
    Certificate.objects.filter(pk=first.pk).update(not_after=now)
    third = install(waits=True)
    assert states(first, second, third) == ["standby", "certified", "active"]


def test_in_production_it_waits_for_another_person(install: Install, people: Any) -> None:
    certificate = install(environment="production", by=Actor.user(people["operator"]))
    assert (certificate.key.state, certificate.key.installed_by) == (
        "certified",
        f"user:{people['operator'].pk}",
    )


def test_in_production_a_changed_subject_is_confirmed_by_a_person_or_refused(
    request_key: MakeKey, upload: Any, issuing: Authority, root: Authority, now: datetime, actor: Actor
) -> None:
    key = request_key(environment="production")
    asked = pyca.load_pem_x509_csr(key.csr_pem.encode()).subject
    changed = pyca.Name([*asked.rdns[:-1], *name("bank.chose.this").rdns])
    material = pem(issuing.sign(key.csr_pem, subject=changed), issuing.certificate, root.certificate)
    with pytest.raises(operations.ImportRefused) as refusal:
        upload(material)
    sentence = f"CN was requested as “{key.common_name}” and issued as “bank.chose.this”."
    assert refusal.value.problems == [
        x509.Problem("subject_drift", sentence, "Confirm the difference or have it reissued.")
    ]
    key.refresh_from_db()
    assert (key.state, Certificate.objects.count()) == ("csr_issued", 0)
    certificate = operations.install_certificate(
        scope=SCOPE, material=material, actor=actor, now=now, confirmed_drift=True
    )
    assert (certificate.key.state, sentence in certificate.warnings) == ("certified", True)


def test_drift_is_kept_with_the_certificate(request_key: MakeKey, upload: Any, issuing: Authority) -> None:
    certificate = upload(pem(issuing.sign(request_key().csr_pem, subject=name("bank.chose.this"))))
    assert certificate.warnings[-1] == (
        "CN was requested as “harbor.oauth.test.lockkeeper” and issued as “bank.chose.this”."
    )


def test_a_person_without_the_right_learns_nothing(upload: Any, people: Any, now: datetime) -> None:
    with pytest.raises(PermissionMissing):
        operations.install_certificate(
            scope=SCOPE, material=b"x", actor=Actor.user(people["outsider"]), now=now
        )


def test_the_steps_are_recorded_in_order(install: Install) -> None:
    install()
    verbs = AuditEntry.objects.order_by("number").values_list("verb", flat=True)
    assert [verb.removeprefix("certificates.keypair.") for verb in verbs] == [
        "certificates.keyring_version_admitted",
        "issue_csr",
        "certify",
        "go_live_in_test",
    ]
