from __future__ import annotations

import base64
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bankfeeds.simulator.authority import (
    AUTHORITY_NAME,
    SUBJECT_FIELDS,
    Authority,
    CsrRefused,
    read_csr,
    thumbprint,
)
from tests.bankfeeds.simulator.caller import SUBJECT, kid_of, leaf_of, make_csr
from tests.bankfeeds.simulator.conftest import BuildBank

Keys = list[rsa.RSAPrivateKey]


WEAK_BITS = 1024


def refusal(csr_pem: str) -> list[str]:
    with pytest.raises(CsrRefused) as caught:
        read_csr(csr_pem)
    return caught.value.reasons


def test_a_signed_certificate_is_a_client_certificate_under_the_banks_root(
    keys: Keys, build_bank: BuildBank
) -> None:
    bank = build_bank()
    chain = bank.sign_csr(make_csr(keys[0]), client_id=bank.client.client_id, use="oauth", valid_days=90)
    leaf, root = x509.load_pem_x509_certificates(chain.encode())

    leaf.verify_directly_issued_by(root)
    assert root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == AUTHORITY_NAME
    assert leaf.public_key() == keys[0].public_key()
    assert {attribute.oid: attribute.value for attribute in leaf.subject} == SUBJECT
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=90)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert [known.thumbprint for known in bank.registry.of_client(bank.client.client_id)] == [kid_of(leaf)]


def test_a_thumbprint_is_forty_upper_case_hex_characters() -> None:
    assert thumbprint(b"abc") == "A9993E364706816ABA3E25717850C26C9CD0D89D"


@pytest.mark.parametrize("label", SUBJECT_FIELDS)
def test_each_of_the_six_subject_fields_is_demanded(keys: Keys, label: str) -> None:
    subject = {oid: value for oid, value in SUBJECT.items() if oid != SUBJECT_FIELDS[label]}
    assert refusal(make_csr(keys[0], subject=subject)) == [f"The subject lacks {label}."]


@pytest.mark.parametrize("name", ["J.P. Morgan feed", "j.p. morgan", "vendor Expires 2027"])
def test_forbidden_words_in_the_common_name_are_refused(keys: Keys, name: str) -> None:
    assert len(refusal(make_csr(keys[0], common_name=name))) == 1


def test_a_key_that_is_not_rsa_is_refused() -> None:
    assert refusal(make_csr(ec.generate_private_key(ec.SECP256R1()))) == ["The key must be an RSA key."]


def test_a_small_rsa_key_is_refused_with_every_other_fault_at_once() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=WEAK_BITS)
    assert refusal(make_csr(weak, subject={NameOID.COMMON_NAME: "x Expires"})) == [
        "The RSA key has 1024 bits; at least 2048 are required.",
        "The subject lacks C.",
        "The subject lacks ST.",
        "The subject lacks L.",
        "The subject lacks O.",
        "The subject lacks OU.",
        'The common name must not contain "Expires".',
    ]


def _der(csr_pem: str) -> bytes:
    return base64.b64decode("".join(csr_pem.splitlines()[1:-1]))


def _pem(der: bytes) -> str:
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE REQUEST-----\n"


def test_a_request_whose_own_signature_does_not_verify_is_refused(keys: Keys) -> None:
    der = bytearray(_der(make_csr(keys[0])))
    der[-5] ^= 0xFF
    assert refusal(_pem(bytes(der))) == ["The request's own signature does not verify."]


def test_a_request_for_somebody_elses_key_is_refused(keys: Keys) -> None:
    request = x509.load_pem_x509_csr(make_csr(keys[0]).encode())
    forged = keys[1].sign(request.tbs_certrequest_bytes, padding.PKCS1v15(), hashes.SHA256())
    der = _der(make_csr(keys[0])).replace(request.signature, forged)
    assert refusal(_pem(der)) == ["The request's own signature does not verify."]


def test_a_request_signed_with_sha1_is_refused(keys: Keys) -> None:
    request = x509.load_pem_x509_csr(make_csr(keys[0]).encode())
    sha1 = keys[0].sign(request.tbs_certrequest_bytes, padding.PKCS1v15(), hashes.SHA1())
    sha256_oid, sha1_oid = bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105")
    der = _der(make_csr(keys[0])).replace(sha256_oid, sha1_oid).replace(request.signature, sha1)
    assert "The request must be signed with a SHA-2 hash." in refusal(_pem(der))


def test_text_that_is_no_request_is_refused() -> None:
    assert refusal("hello") == ["The text is not a PEM certificate signing request."]


def test_a_validity_over_two_years_is_refused(keys: Keys, build_bank: BuildBank) -> None:
    bank = build_bank()
    with pytest.raises(CsrRefused, match="at most two years"):
        bank.sign_csr(make_csr(keys[0]), client_id=bank.client.client_id, use="oauth", valid_days=732)
    with pytest.raises(CsrRefused, match="end after it begins"):
        bank.sign_csr(make_csr(keys[0]), client_id=bank.client.client_id, use="oauth", valid_days=0)
    with pytest.raises(CsrRefused, match="is for one of"):
        bank.sign_csr(make_csr(keys[0]), client_id=bank.client.client_id, use="signing")


def test_a_public_key_seen_before_is_refused_even_for_another_client(
    keys: Keys, build_bank: BuildBank
) -> None:
    bank = build_bank(clients=2)
    first, second = bank.clients
    bank.sign_csr(make_csr(keys[0]), client_id=first, use="oauth")
    with pytest.raises(CsrRefused, match="used before"):
        bank.sign_csr(make_csr(keys[0], common_name="another"), client_id=second, use="transport")


def test_two_live_certificates_share_a_common_name_and_a_third_is_refused(
    keys: Keys, build_bank: BuildBank
) -> None:
    bank = build_bank()
    who = bank.client.client_id
    old = bank.sign_csr(make_csr(keys[0]), client_id=who, use="oauth")
    bank.sign_csr(make_csr(keys[1]), client_id=who, use="oauth")
    with pytest.raises(CsrRefused, match="2 live certificates"):
        bank.sign_csr(make_csr(keys[2]), client_id=who, use="oauth")

    bank.revoke_certificate(kid_of(leaf_of(old)))
    bank.sign_csr(make_csr(keys[2]), client_id=who, use="oauth")


def test_expired_certificates_do_not_count_against_the_common_name(keys: Keys, build_bank: BuildBank) -> None:
    bank = build_bank()
    long_ago = datetime.now(UTC) - timedelta(days=100)
    for key in keys[:3]:
        bank.sign_csr(
            make_csr(key), client_id=bank.client.client_id, use="oauth", not_before=long_ago, valid_days=30
        )
    assert [known.live(datetime.now(UTC)) for known in bank.registry.of_client(bank.client.client_id)] == [
        False
    ] * 3


def test_an_authority_kept_in_a_directory_is_the_same_after_a_restart(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    made = Authority.load_or_create(tmp_path / "state", now=now)
    again = Authority.load_or_create(tmp_path / "state", now=now)
    assert again.root_pem == made.root_pem
    assert stat.S_IMODE((tmp_path / "state" / "authority.key").stat().st_mode) == 0o600
