"""Uploads as people really send them."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509 as pyca
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)
from hypothesis import given
from hypothesis import strategies as st

from certificates import gate, x509
from certificates.profiles import profile
from tests.certificates.authority import BEGINS, Authority, pem


@pytest.fixture(scope="module")
def chain(csr: Any, issuing: Authority, root: Authority) -> list[pyca.Certificate]:
    return [issuing.sign(csr), issuing.certificate, root.certificate]


def attributed(chain: list[pyca.Certificate]) -> bytes:
    bag = "Bag Attributes\n    friendlyName: härbor\n    localKeyID: 01 02\nsubject=CN = harbor\n"
    return b"".join(bag.encode("latin-1") + pem(item) for item in chain)


def indented(chain: list[pyca.Certificate]) -> bytes:
    return textwrap.indent(pem(*chain).decode(), "  > ").replace("> ", "  ").encode()


def unclosed(chain: list[pyca.Certificate]) -> bytes:
    return pem(*chain).rstrip().removesuffix(b"-----END CERTIFICATE-----")


FORMS: dict[str, Callable[[list[pyca.Certificate]], bytes]] = {
    "pem": lambda chain: pem(*chain),
    "pem with CRLF": lambda chain: pem(*chain).replace(b"\n", b"\r\n"),
    "pem with old Mac ends": lambda chain: pem(*chain).replace(b"\n", b"\r"),
    "pem with UTF-8 mark": lambda chain: b"\xef\xbb\xbf" + pem(*chain),
    "pem as UTF-16 with mark": lambda chain: pem(*chain).decode().encode("utf-16"),
    "pem as UTF-16 LE": lambda chain: pem(*chain).decode().encode("utf-16-le"),
    "pem as UTF-16 BE": lambda chain: pem(*chain).decode().encode("utf-16-be"),
    "pem with bag attributes": attributed,
    "pem indented": indented,
    "pem without its last line": unclosed,
    "pem twice": lambda chain: pem(*chain, *chain),
    "pkcs7 pem": lambda chain: pkcs7.serialize_certificates(chain, Encoding.PEM),
    "pkcs7 der": lambda chain: pkcs7.serialize_certificates(chain, Encoding.DER),
    "pkcs12": lambda chain: pkcs12.serialize_key_and_certificates(None, None, None, chain, NoEncryption()),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", ["leaf first", "root first"])
def test_every_form_in_any_order_gives_every_certificate_once(
    form: str, order: str, chain: list[pyca.Certificate]
) -> None:
    given_order = chain if order == "leaf first" else chain[::-1]
    found = x509.parse(FORMS[form](given_order))
    assert (set(found.certificates), len(found.certificates), found.problems) == (set(chain), 3, [])


def test_one_certificate_as_der_or_bare_base64(chain: list[pyca.Certificate]) -> None:
    der = chain[0].public_bytes(Encoding.DER)
    bare = base64.encodebytes(der)
    assert [x509.parse(der).certificates, x509.parse(bare).certificates] == [[chain[0]], [chain[0]]]


def der_key(key: Any) -> bytes:
    der: bytes = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return der


KEYS: dict[str, Callable[[Any, list[pyca.Certificate]], bytes]] = {
    "pkcs8 pem": lambda key, chain: key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    "pkcs1 pem": lambda key, chain: key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    ),
    "encrypted pem": lambda key, chain: key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"obviously")
    ),
    "beside certificates": lambda key, chain: (
        pem(*chain) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    ),
    "der": lambda key, chain: der_key(key),
    "encrypted der": lambda key, chain: key.private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"obviously")
    ),
    "bare base64": lambda key, chain: base64.b64encode(der_key(key)),
    "pkcs12": lambda key, chain: pkcs12.serialize_key_and_certificates(
        None, key, chain[0], chain[1:], NoEncryption()
    ),
    "utf-16": lambda key, chain: (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().encode("utf-16")
    ),
}


@pytest.mark.parametrize("form", KEYS)
def test_a_private_key_in_any_form_is_named(form: str, rsa_key: Any, chain: list[pyca.Certificate]) -> None:
    assert [problem.code for problem in x509.parse(KEYS[form](rsa_key, chain)).problems] == ["private_key"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"x" * (x509.LARGEST + 1), "too_large"),
        (b"Dear customer, please find attached", "unreadable"),
        (b"\x30\x82\x01\x00" + b"\0" * 64, "unreadable"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "unreadable"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "unknown_block"),
    ],
)
def test_what_is_no_certificate_is_named(content: bytes, code: str) -> None:
    found = x509.parse(content)
    assert ([problem.code for problem in found.problems], found.certificates) == ([code], [])


def test_the_request_itself_and_a_locked_bundle_are_named(csr: Any, rsa_key: Any, chain: Any) -> None:
    locked = pkcs12.serialize_key_and_certificates(
        None, rsa_key, chain[0], None, BestAvailableEncryption(b"obviously")
    )
    uploads = [x509.csr_pem(csr).encode(), csr.public_bytes(Encoding.DER), locked]
    codes = [[problem.code for problem in x509.parse(upload).problems] for upload in uploads]
    assert codes == [["signing_request"], ["signing_request"], ["pkcs12_locked"]]


@given(st.binary(max_size=300))
def test_nonsense_never_raises(content: bytes) -> None:
    assert x509.parse(content).problems != []


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(data=st.data())
def test_a_damaged_upload_is_judged_without_raising(
    chain: list[pyca.Certificate], csr: Any, data: st.DataObject
) -> None:
    content = bytearray(FORMS[data.draw(st.sampled_from(sorted(FORMS)))](chain))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    found = x509.parse(bytes(content))
    for leaf in found.certificates:
        verdict = gate.examine(
            leaf, found.certificates, csr=csr, profile=profile("production"), now=BEGINS + timedelta(days=30)
        )
        untouched = leaf in chain
        assert untouched or verdict.problems
