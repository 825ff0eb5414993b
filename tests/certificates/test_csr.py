"""Another tool's request is judged by the rules of ours, and a private key is never let in."""

from __future__ import annotations

import base64
import pickle
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, pkcs7, pkcs12
from cryptography.x509.oid import AttributeOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates import csr as checker
from certificates import x509
from certificates.profiles import profile
from tests.certificates import forger
from tests.certificates.authority import SERVER, Authority, pem, usage
from tests.certificates.disguises import disguises
from tests.detector import leaks

TEST = profile("test")


def said(data: bytes, **more: Any) -> list[str]:
    return [problem.code for problem in checker.examine(data, TEST, **more).problems]


def requested(key: Any, name: pyca.Name, *extensions: pyca.ExtensionType, hashed: Any = None) -> bytes:
    builder = pyca.CertificateSigningRequestBuilder().subject_name(name)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashed or hashes.SHA256()).public_bytes(Encoding.PEM)


def test_a_request_of_our_own_is_accepted_with_its_facts(csr: Any, subject: x509.Subject) -> None:
    fields = {
        "C": "US",
        "ST": "New York",
        "L": "New York",
        "O": "Harbor Kettle Integrations Inc",
        "OU": "Bank Integrations",
        "CN": "harbor.oauth.test.lockkeeper",
    }
    assert checker.examine(x509.csr_pem(csr).encode(), TEST) == checker.Examined(
        fields=fields,
        subject=tuple(fields.items()),
        algorithm="rsa-2048",
        public_key=x509.spki_sha256(csr.public_key()),
        hash="sha256",
        requested=x509.Usages(key_usage=("digitalSignature",), extended_key_usage=("clientAuth",)),
        problems=(),
        warnings=(),
    )


FORMS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "PEM": lambda pem, der: pem,
    "PEM with CRLF": lambda pem, der: pem.replace(b"\n", b"\r\n"),
    "PEM with a byte order mark": lambda pem, der: b"\xef\xbb\xbf" + pem,
    "PEM saved as UTF-16": lambda pem, der: pem.decode().encode("utf-16"),
    "PEM saved as UTF-16 without a mark": lambda pem, der: pem.decode().encode("utf-16-le"),
    "PEM, the other name": lambda pem, der: pem.replace(b"CERTIFICATE REQ", b"NEW CERTIFICATE REQ"),
    "PEM in a letter": lambda pem, der: b"Dear bank,\n" + pem + b"Kind regards\n",
    "PEM twice": lambda pem, der: pem + pem,
    "DER": lambda pem, der: der,
    "base64 without armour": lambda pem, der: base64.encodebytes(der),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_request_is_read(form: str, csr: pyca.CertificateSigningRequest) -> None:
    written = FORMS[form](x509.csr_pem(csr).encode(), csr.public_bytes(Encoding.DER))
    assert checker.examine(written, TEST) == checker.examine(x509.csr_pem(csr).encode(), TEST)
    assert checker.der(written) == csr.public_bytes(Encoding.DER)


def test_der_is_what_openssl_makes_of_the_pem(csr: Any) -> None:
    text = x509.csr_pem(csr)
    words = ["openssl", "req", "-outform", "DER"]
    theirs = subprocess.run(words, input=text.encode(), capture_output=True, check=True).stdout
    assert checker.der(text) == theirs
    with pytest.raises(ValueError, match=r"^This is not a signing request"):
        checker.der("nothing of the kind")


def test_what_is_wrong_with_a_request_is_named(
    rsa_key: Any, csr: pyca.CertificateSigningRequest, subject: x509.Subject
) -> None:
    name = subject.name()
    authority = pyca.BasicConstraints(ca=True, path_length=None)
    weak = rsa.generate_private_key(65537, 1024)
    edwards = pyca.CertificateSigningRequestBuilder().subject_name(name)
    found = {
        "weak key": said(requested(weak, name)),
        "EC key": said(requested(x509.make_key("ec-p256"), name)),
        "Edwards key": said(edwards.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(Encoding.PEM)),
        "SHA-1": said(forger.request_with_sha1(csr, rsa_key)),
        "SHA-384": said(requested(rsa_key, name, hashed=hashes.SHA384())),
        "forged": said(forger.broken(csr)),
        "no organisation": said(requested(rsa_key, replace(subject, organization="").name())),
        "nothing": said(requested(rsa_key, pyca.Name([]))),
        "no extensions": said(requested(rsa_key, name)),
        "alternative names": said(
            requested(rsa_key, name, pyca.SubjectAlternativeName([pyca.DNSName("harbor.example")]))
        ),
        "for servers": said(requested(rsa_key, name, pyca.ExtendedKeyUsage(SERVER))),
        "not for signatures": said(requested(rsa_key, name, usage(digital_signature=False, key_cert_sign=True))),
        "an authority's": said(requested(rsa_key, name, authority)),
        "damaged extension": said(requested(rsa_key, name, pyca.UnrecognizedExtension(
            pyca.oid.ExtensionOID.KEY_USAGE, b"\x01\x02"))),
    }  # fmt: skip
    assert found == {
        "weak key": ["key_algorithm"],
        "EC key": ["key_algorithm"],
        "Edwards key": ["key_algorithm", "signature_algorithm"],
        "SHA-1": ["signature_algorithm"],
        "SHA-384": [],
        "forged": ["signature"],
        "no organisation": ["subject"],
        "nothing": ["subject"] * 6,
        "no extensions": [],
        "alternative names": [],
        "for servers": ["extended_key_usage"],
        "not for signatures": ["key_usage"],
        "an authority's": ["is_authority"],
        "damaged extension": ["extensions_unreadable"],
    }


def test_everything_wrong_is_said_at_once(subject: x509.Subject) -> None:
    bad = replace(
        subject, organization="JPMorgan Friends", common_name="harbor.production.lockkeeper", country="us"
    )
    request = requested(
        rsa.generate_private_key(65537, 1024), bad.name(), pyca.ExtendedKeyUsage(SERVER)
    )  # fmt: skip
    assert [str(problem) for problem in checker.examine(request, TEST).problems] == [
        "The key is rsa-1024; the bank accepts rsa-2048, rsa-3072, rsa-4096. Make the request with another key.",
        "The subject field C must be a country code of two capital letters. "
        "Make the request again with another value.",
        "The subject must not contain “J.P. Morgan”: the bank refuses it. "
        "Make the request again with another value.",
        "The common name ends in “.production.lockkeeper”, which marks production; this request is for test. "
        "Make the request again with another value.",
        "The extended key usage it asks for has no client authentication. "
        "Ask for clientAuth, or leave extended key usage out.",
    ]


def test_a_common_name_of_the_other_environment_is_refused(csr: Any) -> None:
    written = x509.csr_pem(csr).encode()
    assert said(written, taken_elsewhere=["Harbor.OAuth.test.lockkeeper"]) == ["subject"]
    assert said(written, taken_elsewhere=["somebody.else"]) == []


def test_openssl_and_the_checker_agree_on_who_signed(
    csr: pyca.CertificateSigningRequest, rsa_key: Any
) -> None:
    # By its text: "openssl req -verify" exits 0 on a forged request too.
    cases = {
        "good": csr.public_bytes(Encoding.DER),
        "SHA-1": forger.request_with_sha1(csr, rsa_key),
        "forged": forger.broken(csr),
    }
    words = ["openssl", "req", "-verify", "-noout", "-inform", "DER"]
    theirs = {
        name: b"self-signature verify OK" in subprocess.run(words, input=der, capture_output=True).stderr
        for name, der in cases.items()
    }
    ours = {name: "signature" not in said(der) for name, der in cases.items()}
    assert ours == theirs == {"good": True, "SHA-1": True, "forged": False}


def test_what_the_bank_does_not_ask_for_is_a_warning_and_the_password_is_not_repeated(
    rsa_key: Any, subject: x509.Subject
) -> None:
    unit = pyca.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Second")
    mail = pyca.NameAttribute(NameOID.EMAIL_ADDRESS, "ops@vendor.example")
    request = (
        pyca.CertificateSigningRequestBuilder()
        .subject_name(pyca.Name([*subject.name(), unit, mail]))
        .add_attribute(AttributeOID.CHALLENGE_PASSWORD, b"obviously-a-password")
        .sign(rsa_key, hashes.SHA256())
    )
    found = checker.examine(x509.csr_pem(request).encode(), TEST)
    assert (found.problems, found.warnings, "obviously" in repr(found)) == (
        (),
        (
            "The request gives OU 2 times; the bank asks for one.",
            "The request also gives emailAddress, which the bank does not ask for.",
            "The request carries a challenge password, readable by anyone: leave it out next time.",
        ),
        False,
    )


def test_what_is_no_request_is_told_apart(
    csr: Any, rsa_key: Any, issuing: Authority, subject: x509.Subject
) -> None:
    leaf = issuing.sign(csr)
    other = requested(rsa_key, replace(subject, unit="Other").name())
    chain = [leaf, issuing.certificate]
    found = {
        "certificate": said(pem(leaf)),
        "certificate as DER": said(leaf.public_bytes(Encoding.DER)),
        "PKCS#7": said(pkcs7.serialize_certificates(chain, Encoding.DER)),
        "PKCS#12": said(pkcs12.serialize_key_and_certificates(None, None, None, chain, NoEncryption())),
        "nothing": said(b" \r\n"),
        "a letter": said(b"Dear customer, please find attached"),
        "too large": said(b"x" * (checker.LARGEST + 1)),
        "two requests": said(x509.csr_pem(csr).encode() + other),
        "one of two damaged": said(other + b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END X-----"),
        "UTF-16 damaged": said(x509.csr_pem(csr).encode("utf-16")[:-900]),
        "keystore": said(b"\xfe\xed\xfe\xed" + bytes(40)),
    }
    assert found == {
        "certificate": ["certificate"],
        "certificate as DER": ["certificate"],
        "PKCS#7": ["certificate"],
        "PKCS#12": ["certificate"],
        "nothing": ["empty"],
        "a letter": ["unreadable"],
        "too large": ["too_large"],
        "two requests": ["several"],
        "one of two damaged": ["unreadable"],
        "UTF-16 damaged": ["unreadable"],
        "keystore": ["keystore"],
    }


def test_a_private_key_is_refused_in_every_disguise_and_nothing_of_it_comes_back(
    rsa_key: Any, csr: Any, issuing: Authority
) -> None:
    written = disguises(rsa_key, x509.make_key("ec-p256"), issuing.sign(csr))
    request = x509.csr_pem(csr).encode()
    found = {name: checker.examine(content, TEST) for name, content in written.items()}
    beside = {name: checker.examine(request + content, TEST) for name, content in written.items()}
    assert {name: each.problems for name, each in found.items()} == dict.fromkeys(
        written, (x509.PRIVATE_KEY,)
    )
    # Behind a request, a PKCS#12 file's bytes are not looked for: nobody can paste those.
    missed = {name for name, each in beside.items() if each.problems != (x509.PRIVATE_KEY,)}
    assert missed <= {"PKCS#12"}
    for each in (*found.values(), *beside.values()):
        assert leaks(rsa_key, repr(each).encode() + pickle.dumps(each)) == []


def test_a_key_in_what_der_is_asked_for_is_refused_without_repeating_it(rsa_key: Any, csr: Any) -> None:
    key = disguises(rsa_key, rsa_key, Authority("any", key=rsa_key).certificate)["PKCS#8 PEM"]
    with pytest.raises(ValueError) as refusal:
        checker.der(x509.csr_pem(csr).encode() + key)
    assert (str(refusal.value), refusal.value.__cause__, refusal.value.__suppress_context__) == (
        "The file contains a private key. Nothing of it was kept.",
        None,
        True,
    )


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"-----BEGIN CERTIFICATE REQUEST-----\n", b"\x30\x82\x01"])
)
def test_nonsense_never_raises(content: bytes, start: bytes) -> None:
    assert checker.examine(start + content, TEST).problems != ()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_request_is_judged_without_raising(
    csr: pyca.CertificateSigningRequest, data: st.DataObject
) -> None:
    content = bytearray(csr.public_bytes(Encoding.DER))
    where, value = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(1, 255))
    content[where] ^= value
    assert checker.examine(bytes(content), TEST).problems != ()
