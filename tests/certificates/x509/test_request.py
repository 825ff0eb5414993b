"""Keys and requests, cross-checked by another implementation."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509 as pyca
from cryptography.hazmat.primitives.serialization import Encoding

from certificates import gate, x509
from certificates.profiles import profile
from tests.conftest import NOON


def openssl(*arguments: str, stdin: bytes) -> str:
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode()


def test_openssl_reads_the_request_as_we_meant_it(csr: pyca.CertificateSigningRequest) -> None:
    # By its text: "openssl req -verify" exits 0 on a forged request too.
    said = openssl(
        "req", "-verify", "-noout", "-text", "-nameopt", "RFC2253", stdin=x509.csr_pem(csr).encode()
    )
    wanted = [
        "self-signature verify OK",
        "Subject: CN=harbor.oauth.test.lockkeeper,OU=Bank Integrations,O=Harbor Kettle Integrations Inc,"
        "L=New York,ST=New York,C=US",
        "Public-Key: (2048 bit)",
        "Signature Algorithm: sha256WithRSAEncryption",
        "TLS Web Client Authentication",
    ]
    assert [text for text in wanted if text not in said] == []


def test_openssl_sees_a_forged_request(csr: pyca.CertificateSigningRequest) -> None:
    der = bytearray(csr.public_bytes(Encoding.DER))
    der[-1] ^= 1
    assert "self-signature verify OK" not in openssl(
        "req", "-verify", "-noout", "-inform", "DER", stdin=bytes(der)
    )


@pytest.mark.parametrize("algorithm", ["ec-p256", "ec-p384"])
def test_other_kinds_of_key_make_valid_requests(algorithm: str, subject: x509.Subject) -> None:
    key = x509.make_key(algorithm)
    request = x509.make_csr(key, subject, client_auth=False)
    said = openssl("req", "-verify", "-noout", stdin=x509.csr_pem(request).encode())
    assert ("self-signature verify OK" in said, x509.algorithm_of(key.public_key())) == (True, algorithm)


def test_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(x509.UnknownAlgorithm, match="“dsa-1024”"):
        x509.make_key("dsa-1024")


def test_the_public_key_fingerprint_is_the_one_openssl_computes(rsa_key: Any, csr: Any) -> None:
    public = openssl("req", "-pubkey", "-noout", stdin=x509.csr_pem(csr).encode())
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"],
        input=public.encode(),
        capture_output=True,
        check=True,
    ).stdout
    digest = subprocess.run(["openssl", "sha256", "-r"], input=der, capture_output=True, check=True).stdout
    assert x509.spki_sha256(rsa_key.public_key()) == digest.decode()[:64]


@pytest.fixture(scope="module")
def alone(rsa_key: Any, subject: x509.Subject) -> pyca.Certificate:
    return x509.self_sign(rsa_key, subject, days=365, now=NOON, client_auth=True)


def test_a_certificate_of_the_keys_own_is_a_clients_and_no_authoritys(
    alone: pyca.Certificate, rsa_key: Any, subject: x509.Subject
) -> None:
    facts = x509.describe(alone)
    assert (facts.self_signed, facts.authority, facts.key_usage, facts.extended_key_usage, facts.key) == (
        True,
        False,
        ("digitalSignature",),
        ("clientAuth",),
        "rsa-2048",
    )
    assert (alone.subject, alone.issuer, x509.spki_sha256(alone.public_key())) == (
        subject.name(),
        subject.name(),
        x509.spki_sha256(rsa_key.public_key()),
    )
    begins = NOON - timedelta(minutes=5)
    assert (facts.begins, facts.ends, len(facts.subject_key_id)) == (begins, begins + timedelta(days=365), 40)


def test_openssl_verifies_it_as_a_client(alone: pyca.Certificate, tmp_path: Path) -> None:
    file = tmp_path / "alone.pem"
    file.write_text(x509.pem(alone))
    moment = str(int(NOON.timestamp()))
    words = ["verify", "-purpose", "sslclient", "-attime", moment, "-CAfile", str(file), str(file)]
    assert openssl(*words, stdin=b"") == f"{file}: OK\n"


def test_the_bank_takes_it_for_testing_only(alone: pyca.Certificate, csr: Any) -> None:
    verdicts = [
        gate.examine(alone, [], csr=csr, profile=profile(each), now=NOON) for each in ("test", "production")
    ]
    assert [[problem.code for problem in each.problems] for each in verdicts] == [[], ["self_signed"]]


def test_every_self_signed_certificate_has_a_number_of_its_own(rsa_key: Any, subject: x509.Subject) -> None:
    made = [x509.self_sign(rsa_key, subject, days=1, now=NOON, client_auth=False) for _ in range(2)]
    assert len({each.serial_number for each in made}) == 2
    assert x509.describe(made[0]).extended_key_usage is None
    with pytest.raises(ValueError, match="one day at least"):
        x509.self_sign(rsa_key, subject, days=0, now=NOON, client_auth=False)
