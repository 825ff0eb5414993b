"""What a person reads of a certificate, and what openssl reads in the same bytes."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from cryptography import x509 as pyca
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from certificates import x509
from tests.certificates.authority import BEGINS, CLIENT, ENDS, Authority, name, pem, usage


def openssl(certificate: pyca.Certificate, *words: str) -> str:
    done = subprocess.run(
        ["openssl", "x509", "-noout", *words], input=pem(certificate), capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def leaf(csr: Any, issuing: Authority, root: Authority) -> pyca.Certificate:
    names = [
        pyca.DNSName("harbor.example"),
        pyca.RFC822Name("ops@harbor.example"),
        pyca.UniformResourceIdentifier("https://harbor.example/"),
        pyca.DirectoryName(name("other")),
        pyca.RegisteredID(pyca.ObjectIdentifier("1.2.3")),
        pyca.OtherName(pyca.ObjectIdentifier("1.2.4"), b"\x05\x00"),
    ]
    return issuing.sign(
        csr,
        serial=0x4711,
        extensions=(
            (usage(), True),
            (
                pyca.ExtendedKeyUsage(
                    [*CLIENT, ExtendedKeyUsageOID.SERVER_AUTH, pyca.ObjectIdentifier("1.2.5")]
                ),
                False,
            ),
            (pyca.SubjectAlternativeName(names), False),
            (pyca.SubjectKeyIdentifier(b"\x01\x02"), False),
            (pyca.AuthorityKeyIdentifier(b"\x03\x04", None, None), False),
        ),
    )


def test_every_fact_is_there(leaf: pyca.Certificate) -> None:
    assert x509.describe(leaf) == x509.Facts(
        common_name="harbor.oauth.test.lockkeeper",
        subject=(
            ("C", "US"),
            ("ST", "New York"),
            ("L", "New York"),
            ("O", "Harbor Kettle Integrations Inc"),
            ("OU", "Bank Integrations"),
            ("CN", "harbor.oauth.test.lockkeeper"),
        ),
        issuer=(("CN", "Harbour Test Issuing (not a bank)"),),
        serial="4711",
        begins=BEGINS,
        ends=ENDS,
        key="rsa-2048",
        signature_algorithm="ecdsa-with-SHA256",
        sha1=openssl(leaf, "-fingerprint", "-sha1").split("=")[1].replace(":", ""),
        sha256=openssl(leaf, "-fingerprint", "-sha256").split("=")[1].replace(":", "").lower(),
        self_signed=False,
        authority=False,
        key_usage=("digitalSignature",),
        extended_key_usage=("clientAuth", "serverAuth", "1.2.5"),
        alternative_names=(
            "DNS:harbor.example",
            "email:ops@harbor.example",
            "URI:https://harbor.example/",
            "name:CN=other",
            "RID:1.2.3",
            "other:",
        ),
        subject_key_id="0102",
        authority_key_id="0304",
        extensions_readable=True,
    )
    assert openssl(leaf, "-serial") == "serial=4711"


def test_what_is_absent_is_not_made_up(csr: Any, issuing: Authority) -> None:
    bare = x509.describe(issuing.sign(csr, extensions=()))
    assert (bare.key_usage, bare.extended_key_usage, bare.alternative_names, bare.subject_key_id) == (
        None,
        None,
        (),
        "",
    )


def test_damaged_extensions_hide_themselves_and_nothing_else(csr: Any, issuing: Authority) -> None:
    damaged = pyca.UnrecognizedExtension(ExtensionOID.KEY_USAGE, b"\x01\x02")
    facts = x509.describe(issuing.sign(csr, extensions=((damaged, True),)))
    assert (facts.extensions_readable, facts.key_usage, facts.common_name) == (
        False,
        None,
        "harbor.oauth.test.lockkeeper",
    )


def test_the_chain_is_drawn_from_the_leaf_upwards(csr: Any, issuing: Authority, root: Authority) -> None:
    leaf = x509.pem(issuing.sign(csr))
    both = x509.pem(root.certificate, issuing.certificate)
    drawn = [x509.chain_of(leaf, each) for each in (both, x509.pem(issuing.certificate), "")]
    short = [[(facts.common_name.split()[0], facts.self_signed) for facts in chain] for chain in drawn]
    assert short == [
        [("harbor.oauth.test.lockkeeper", False), ("Harbour", False), ("Harbour", True)],
        [("harbor.oauth.test.lockkeeper", False), ("Harbour", False)],
        [("harbor.oauth.test.lockkeeper", False)],
    ]
