"""What a person reads in a certificate."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509 as pyca

from certificates import x509
from certificates.x509 import NameField
from tests.certificates.authority import BEGINS, CLIENT, ENDS, SERVER, Authority, name, pem, usage


def test_a_client_certificate_is_told_field_by_field(
    csr: pyca.CertificateSigningRequest, issuing: Authority
) -> None:
    names = pyca.SubjectAlternativeName([pyca.DNSName("client.example"), pyca.DirectoryName(name("Harbor"))])
    extensions = ((usage(), True), (pyca.ExtendedKeyUsage((*CLIENT, *SERVER)), False), (names, False))
    leaf = issuing.sign(csr, serial=0xBEEF, extensions=extensions)
    told = x509.portrait(leaf)
    assert told == x509.Portrait(
        name="harbor.oauth.test.lockkeeper",
        subject=(
            NameField("C", "Country", "US"),
            NameField("ST", "State", "New York"),
            NameField("L", "Locality", "New York"),
            NameField("O", "Organization", "Harbor Kettle Integrations Inc"),
            NameField("OU", "Unit", "Bank Integrations"),
            NameField("CN", "Common name", "harbor.oauth.test.lockkeeper"),
        ),
        issuer_name="Harbour Test Issuing (not a bank)",
        issuer=(NameField("CN", "Common name", "Harbour Test Issuing (not a bank)"),),
        serial="beef",
        begins=BEGINS,
        ends=ENDS,
        key="RSA, 2048 bits",
        signature="ecdsa-with-SHA256",
        sha1=x509.sha1(leaf),
        sha256=x509.sha256(leaf),
        usages=("digital signature",),
        extended_usages=("client authentication", "server authentication"),
        alternative_names=("client.example", "CN=Harbor"),
        authority=False,
        self_signed=False,
    )


def test_a_root_is_an_authority_that_signs_itself(root: Authority) -> None:
    told = x509.portrait(root.certificate)
    assert (told.authority, told.self_signed, told.key) == (True, True, "EC, P-256")
    assert told.usages == ("digital signature", "signing of certificates")


def test_a_certificate_that_says_nothing_has_empty_lists(csr: Any, issuing: Authority) -> None:
    told = x509.portrait(issuing.sign(csr, extensions=()))
    assert (told.usages, told.extended_usages, told.alternative_names) == ((), (), ())


def test_several_come_in_their_order_and_none_from_nothing(issuing: Authority, root: Authority) -> None:
    text = pem(issuing.certificate, root.certificate).decode()
    assert [told.name for told in x509.portraits(text)] == [
        "Harbour Test Issuing (not a bank)",
        "Harbour Test Root (not a bank)",
    ]
    assert x509.portraits("") == ()
    with pytest.raises(ValueError):
        x509.portraits("no certificate")
