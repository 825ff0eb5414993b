"""The gate names every problem at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from certificates import gate, x509
from certificates.profiles import profile
from tests.certificates.authority import BEGINS, SERVER, Authority, usage

Judge = Callable[..., gate.Verdict]


@pytest.fixture
def judge(csr: Any, issuing: Authority, root: Authority, now: datetime) -> Judge:
    def run(
        leaf: pyca.Certificate, *others: pyca.Certificate, environment: str = "production", at: datetime = now
    ) -> gate.Verdict:
        heap = others or (root.certificate, issuing.certificate)
        return gate.examine(leaf, heap, csr=csr, profile=profile(environment), now=at)

    return run


def codes(verdict: gate.Verdict) -> list[str]:
    return [problem.code for problem in verdict.problems]


def test_a_good_certificate_passes_with_its_intermediates_in_order(
    judge: Judge, csr: Any, issuing: Authority
) -> None:
    assert judge(issuing.sign(csr)) == gate.Verdict((issuing.certificate,), (), ())


def test_extensions_the_authority_left_out_are_not_missed(judge: Judge, csr: Any, issuing: Authority) -> None:
    assert codes(judge(issuing.sign(csr, extensions=()))) == []


CA_LEAF = (pyca.BasicConstraints(ca=True, path_length=None), True)
DEFECTS: dict[str, dict[str, Any]] = {
    "expired": {"begins": BEGINS - timedelta(days=300), "ends": BEGINS},
    "not_yet_valid": {"begins": BEGINS + timedelta(days=90)},
    "validity_too_long": {"ends": BEGINS + timedelta(days=733)},
    "is_authority": {"extensions": (CA_LEAF,)},
    "key_usage": {"extensions": ((usage(digital_signature=False, key_cert_sign=True), True),)},
    "extended_key_usage": {"extensions": ((pyca.ExtendedKeyUsage(SERVER), False),)},
}


@pytest.mark.parametrize("code", DEFECTS)
def test_each_defect_of_the_leaf_is_named(judge: Judge, csr: Any, issuing: Authority, code: str) -> None:
    assert codes(judge(issuing.sign(csr, **DEFECTS[code]))) == [code]


def test_every_problem_is_named_at_once(judge: Judge, csr: Any, issuing: Authority) -> None:
    leaf = issuing.sign(
        csr,
        begins=BEGINS - timedelta(days=800),
        ends=BEGINS,
        extensions=(CA_LEAF, (usage(digital_signature=False), True), (pyca.ExtendedKeyUsage(SERVER), False)),
    )
    stranger = Authority("Stranger").certificate
    assert codes(judge(leaf, stranger)) == [
        "expired",
        "validity_too_long",
        "is_authority",
        "key_usage",
        "extended_key_usage",
        "unrelated_certificate",
        "issuer_missing",
    ]


def test_the_longest_validity_still_passes(judge: Judge, csr: Any, issuing: Authority) -> None:
    assert codes(judge(issuing.sign(csr, ends=BEGINS + timedelta(days=732)))) == []


@pytest.mark.parametrize("minutes", [4, 6])
def test_an_authority_whose_clock_is_a_little_ahead(
    judge: Judge, csr: Any, issuing: Authority, now: datetime, minutes: int
) -> None:
    leaf = issuing.sign(csr, begins=now + timedelta(minutes=minutes))
    assert codes(judge(leaf)) == ([] if minutes < 5 else ["not_yet_valid"])


def test_the_chain_is_wanted_in_production_and_not_in_test(
    judge: Judge, csr: Any, issuing: Authority
) -> None:
    leaf = issuing.sign(csr)
    missing = [problem.sentence for problem in judge(leaf, issuing.certificate).problems]
    assert missing == [
        "The certificate of the issuer “CN=Harbour Test Root (not a bank)” is missing from the file."
    ]
    assert codes(judge(leaf, leaf, environment="test")) == []


def test_a_self_signed_certificate_is_for_testing_only(rsa_key: Any, judge: Judge) -> None:
    alone = Authority(
        "alone", key=rsa_key, ca=False, begins=BEGINS, ends=BEGINS + timedelta(days=365)
    ).certificate
    assert [codes(judge(alone, alone, environment=each)) for each in ("test", "production")] == [
        [],
        ["self_signed"],
    ]


def test_issuers_must_be_authorities_in_date(judge: Judge, csr: Any, root: Authority) -> None:
    ended = Authority("Ended", root, ends=BEGINS)
    layman = Authority("Layman", root, ca=False)
    found = [codes(judge(each.sign(csr), each.certificate, root.certificate)) for each in (ended, layman)]
    assert found == [["issuer_dates"], ["issuer_not_authority"]]


@pytest.mark.parametrize("deepest", [0, 1])
def test_an_issuer_signs_only_as_deep_as_it_may(
    judge: Judge, csr: Any, issuing: Authority, root: Authority, deepest: int
) -> None:
    limits = (
        (pyca.BasicConstraints(ca=True, path_length=deepest), True),
        (usage(key_cert_sign=True), True),
    )
    limited = root.certify(root.key.public_key(), subject=root.name, extensions=limits)
    found = codes(judge(issuing.sign(csr), issuing.certificate, limited))
    assert found == ([] if deepest else ["issuer_not_authority"])


def test_an_issuer_with_a_weak_key_is_named(judge: Judge, csr: Any, root: Authority) -> None:
    weak = Authority("Weak", root, key=rsa.generate_private_key(65537, 1024))
    assert codes(judge(weak.sign(csr), weak.certificate, root.certificate)) == ["issuer_key"]


def test_a_key_the_bank_does_not_take_is_named(
    judge: Judge, issuing: Authority, subject: x509.Subject
) -> None:
    csr = x509.make_csr(x509.make_key("ec-p256"), subject, client_auth=False)
    assert codes(judge(issuing.sign(csr))) == ["wrong_key", "key_algorithm"]


def test_a_signature_hash_outside_the_profile_is_named(
    csr: Any, issuing: Authority, root: Authority, now: datetime
) -> None:
    # Nothing here signs with SHA-1 any more, so the profile is narrowed instead.
    narrow = dataclasses.replace(profile("test"), signature_hashes=("sha512",))
    good = issuing.sign(csr, algorithm=hashes.SHA512())
    poor = issuing.sign(csr)
    found = [codes(gate.examine(leaf, [], csr=csr, profile=narrow, now=now)) for leaf in (good, poor)]
    assert found == [[], ["signature_algorithm"]]


def test_a_drifted_subject_is_shown_field_by_field_and_not_refused(
    judge: Judge, csr: Any, issuing: Authority, subject: x509.Subject
) -> None:
    issued = pyca.Name(
        [
            *dataclasses.replace(subject, organization="Harbor Kettle Inc", unit="").name(),
            pyca.NameAttribute(NameOID.SERIAL_NUMBER, "4711"),
        ]
    )
    verdict = judge(issuing.sign(csr, subject=issued))
    assert (codes(verdict), verdict.drift, verdict.warnings) == (
        [],
        (
            gate.Drift("O", "Harbor Kettle Integrations Inc", "Harbor Kettle Inc"),
            gate.Drift("OU", "Bank Integrations", ""),
            gate.Drift("serialNumber", "", "4711"),
        ),
        (
            "O was requested as “Harbor Kettle Integrations Inc” and issued as “Harbor Kettle Inc”.",
            "OU was requested as “Bank Integrations” and issued as “”.",
            "serialNumber was requested as “” and issued as “4711”.",
        ),
    )


def test_the_same_subject_in_another_order_and_encoding_is_no_drift(
    judge: Judge, csr: Any, issuing: Authority
) -> None:
    shuffled = [
        pyca.NameAttribute(each.oid, each.value, pyca.name._ASN1Type.T61String)
        if each.oid == NameOID.ORGANIZATION_NAME
        else each
        for each in reversed(list(csr.subject))
    ]
    assert judge(issuing.sign(csr, subject=pyca.Name(shuffled))).drift == ()


LAST = datetime(2027, 3, 15, tzinfo=UTC)
DIGICERT = pyca.Name([pyca.NameAttribute(NameOID.ORGANIZATION_NAME, "DigiCert Inc")])
PUBLIC = (
    "“DigiCert Inc” is a public authority and the certificate runs until 2027-03-15: some trust stores reject "
    "client authentication from public authorities from 2027-03-15. "
    "Ask for a certificate of the bank's private authority."
)


def from_digicert(csr: Any, ends: datetime, *, extensions: Any = None) -> tuple[pyca.Certificate, Authority]:
    """Return a certificate as if from a public authority; the key behind it is this test's."""
    authority = Authority("obviously not DigiCert")
    authority.name = DIGICERT
    return authority.sign(csr, ends=ends, extensions=extensions), authority


def test_client_authentication_by_a_public_authority_is_warned_of_when_it_runs_too_long(
    judge: Judge, csr: Any, issuing: Authority
) -> None:
    said = {
        "until the last day": judge(from_digicert(csr, LAST)[0]).warnings,
        "a second longer": judge(from_digicert(csr, LAST + timedelta(seconds=1))[0]).warnings,
        "not for clients": judge(from_digicert(csr, LAST + timedelta(days=9), extensions=())[0]).warnings,
        "a private authority": judge(issuing.sign(csr, ends=LAST + timedelta(days=9))).warnings,
    }
    assert said == {
        "until the last day": (),
        "a second longer": (PUBLIC,),
        "not for clients": (),
        "a private authority": (),
    }


def test_a_public_root_behind_an_issuer_of_another_name_is_seen(judge: Judge, csr: Any) -> None:
    leaf_authority = Authority("Harbour Reseller", public := Authority("Let's Encrypt"))
    verdict = judge(
        leaf_authority.sign(csr, ends=LAST + timedelta(days=9)),
        leaf_authority.certificate,
        public.certificate,
    )
    assert [warning.split(" is ")[0] for warning in verdict.warnings] == ["“Let's Encrypt”"]
