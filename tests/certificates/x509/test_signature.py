"""An old hash is told apart from a forgery, in certificates and in requests."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509 as pyca

from certificates import x509
from tests.certificates import forger
from tests.certificates.authority import Authority


@pytest.mark.parametrize("kind", ["ec-p256", "rsa"])
def test_a_sha1_signature_is_verified_though_nobody_accepts_it(
    kind: str, csr: Any, other_rsa_key: Any
) -> None:
    authority = Authority("Old", key=other_rsa_key if kind == "rsa" else x509.make_key(kind))
    old = forger.with_sha1(authority.sign(csr), authority.key)
    spoilt = pyca.load_der_x509_certificate(forger.broken(old))
    stranger = Authority("Old").certificate
    found = [x509.hash_name(old), *(x509.issued_by(each, authority.certificate) for each in (old, spoilt))]
    assert [*found, x509.issued_by(old, stranger)] == ["sha1", True, False, False]


def test_the_right_key_under_another_name_is_no_issuer(csr: Any) -> None:
    authority = Authority("Old")
    renamed = Authority("New", key=authority.key).certificate
    leaves = [authority.sign(csr), forger.with_sha1(authority.sign(csr), authority.key)]
    assert [x509.issued_by(leaf, renamed) for leaf in leaves] == [False, False]


def test_an_old_root_is_its_own_issuer(root: Authority) -> None:
    old = forger.with_sha1(root.certificate, root.key)
    assert (x509.self_signed(old), x509.path_from(old, []).complete) == (True, True)


def test_a_request_proves_that_its_key_is_there(csr: pyca.CertificateSigningRequest, rsa_key: Any) -> None:
    written = {
        "good": csr,
        "with SHA-1": pyca.load_der_x509_csr(forger.request_with_sha1(csr, rsa_key)),
        "forged": pyca.load_der_x509_csr(forger.broken(csr)),
        "forged with SHA-1": pyca.load_der_x509_csr(
            forger.broken(pyca.load_der_x509_csr(forger.request_with_sha1(csr, rsa_key)))
        ),
    }
    assert {name: x509.proves_possession(each) for name, each in written.items()} == {
        "good": True,
        "with SHA-1": True,
        "forged": False,
        "forged with SHA-1": False,
    }


def test_an_algorithm_nobody_knows_goes_by_its_number(issuing: Authority, csr: Any) -> None:
    der = forger.broken(issuing.sign(csr)).replace(forger.EC_SHA256, forger.EC_SHA256[:-1] + b"\x7f")
    unknown = pyca.load_der_x509_certificate(der)
    found = (
        x509.hash_name(unknown),
        x509.algorithm_name(unknown),
        x509.issued_by(unknown, issuing.certificate),
    )
    assert found == ("1.2.840.10045.4.3.127", "1.2.840.10045.4.3.127", False)
