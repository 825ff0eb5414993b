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
    PublicFormat,
    pkcs7,
    pkcs12,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates import gate, x509
from certificates.profiles import profile
from tests.certificates import forger
from tests.certificates.authority import BEGINS, Authority, pem
from tests.certificates.disguises import disguises
from tests.detector import leaks, needles


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
    "der, one behind the other": lambda chain: b"".join(item.public_bytes(Encoding.DER) for item in chain),
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


def test_a_private_key_is_named_in_every_disguise_and_dropped(
    rsa_key: Any, chain: list[pyca.Certificate]
) -> None:
    written = disguises(rsa_key, x509.make_key("ec-p256"), chain[0])
    found = {name: x509.parse(content) for name, content in written.items()}
    assert {name: each.problems for name, each in found.items()} == {
        name: [x509.PRIVATE_KEY] for name in written
    }
    holding = {name for name, each in found.items() if each.certificates == [chain[0]]}
    behind = {"behind a certificate", "behind a certificate, bare", "behind a certificate, as DER"}
    assert holding == {"PKCS#12", *behind}
    for each in found.values():
        assert leaks(rsa_key, repr(each).encode() + x509.pem(*each.certificates).encode()) == []


def test_nothing_without_a_private_key_is_taken_for_one(rsa_key: Any, csr: Any, chain: Any) -> None:
    public = rsa_key.public_key()
    innocent = {
        **{form: write(chain) for form, write in FORMS.items()},
        "request": x509.csr_pem(csr).encode(),
        "request as DER": csr.public_bytes(Encoding.DER),
        "request as bare base64": base64.encodebytes(csr.public_bytes(Encoding.DER)),
        "public key": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "public key as DER": public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        "public JWK": b'{"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "d"}',
        "a letter about it": b"Never send us a private key.",
    }
    small = x509.make_csr(
        x509.make_key("ec-p256"), x509.Subject.from_fields({}, common_name="a"), client_auth=False
    )
    innocent["small request as bare base64"] = base64.b64encode(small.public_bytes(Encoding.DER))
    assert {name for name, content in innocent.items() if x509.holds_private_key(content)} == set()


def test_a_locked_bundle_opens_with_its_passphrase_only(rsa_key: Any, chain: list[pyca.Certificate]) -> None:
    lock = BestAvailableEncryption(b"obviously")
    clean = pkcs12.serialize_key_and_certificates(None, None, None, chain, lock)
    loaded = pkcs12.serialize_key_and_certificates(None, rsa_key, chain[0], chain[1:], lock)
    tries: list[tuple[bytes, str | bytes | None]] = [
        (clean, None), (clean, "wrong"), (clean, "obviously"), (clean, b"obviously"), (loaded, "obviously"),
    ]  # fmt: skip
    found = [x509.parse(*each) for each in tries]
    assert [([p.code for p in each.problems], set(each.certificates) == set(chain)) for each in found] == [
        (["pkcs12_locked"], False),
        (["pkcs12_passphrase"], False),
        ([], True),
        ([], True),
        (["private_key"], True),
    ]


def test_a_bundle_made_to_keep_the_machine_busy_is_not_opened(chain: list[pyca.Certificate]) -> None:
    def written(rounds: int) -> bytes:
        cheap = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(rounds).build(b"obviously")
        return pkcs12.serialize_key_and_certificates(None, None, None, chain, cheap)

    costly = written(0x010203).replace(b"\x02\x03\x01\x02\x03", b"\x02\x03\x7f\xff\xff")
    uploads = [written(0x010203), costly, b"\x30\x80" + costly[4:]]
    found = [[problem.code for problem in x509.parse(each, "obviously").problems] for each in uploads]
    assert found == [[], ["pkcs12_costly"], ["pkcs12_costly"]]


def test_a_file_full_of_oddities_names_only_the_first(chain: list[pyca.Certificate]) -> None:
    odd = [f"-----BEGIN ODD {number}-----\nMA==\n-----END ODD {number}-----\n" for number in range(4000)]
    assert len(x509.parse("".join(odd).encode()).problems) == 20


def test_a_file_damaged_by_utf_16_says_so_and_what_is_whole_is_read(chain: list[pyca.Certificate]) -> None:
    whole = pem(*chain).decode().encode("utf-16-le")
    # An ASCII transfer puts a carriage return of one byte before each line feed: all shifts by one byte.
    shifted = whole.replace(b"\n\0", b"\r\n\0")
    found = [x509.parse(each) for each in (whole[:-701], shifted, b"\xff\xfe" + b"D\0e\0a\0r\0")]
    assert [([p.code for p in each.problems], len(each.certificates)) for each in found] == [
        (["utf16"], 2),
        (["utf16"], 0),
        (["utf16"], 0),
    ]


def test_a_bundle_of_every_authority_in_the_world_is_cut_off() -> None:
    many = [Authority(f"Number {number}").certificate for number in range(41)]
    found = x509.parse(pem(*many))
    assert (found.certificates, [p.code for p in found.problems]) == (many[:40], ["too_many"])


@pytest.mark.parametrize("serial", [-1, 0])
def test_a_serial_number_below_one_is_read_without_a_warning(
    csr: Any, issuing: Authority, serial: int
) -> None:
    odd = forger.with_serial(issuing.sign(csr, serial=1), serial, issuing.key)
    found = x509.parse(pem(odd))
    assert (found.certificates, found.problems, x509.serial(odd)) == ([odd], [], f"{serial:x}")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"x" * (x509.LARGEST + 1), "too_large"),
        (b"Dear customer, please find attached", "unreadable"),
        (b"\x30\x82\x01\x00" + b"\0" * 64, "unreadable"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "unreadable"),
        (b"\xfe\xed\xfe\xed" + bytes(30), "keystore"),
        (b"-----BEGIN ", "unreadable"),
        (b"\xff\xfe", "empty"),
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
    assert x509.parse(content, "obviously").problems != []


@settings(max_examples=60, deadline=None)
@given(before=st.binary(max_size=40), after=st.binary(max_size=40), cut=st.integers(0, 30), data=st.data())
def test_whatever_stands_around_a_key_nothing_of_it_is_returned(
    rsa_key: Any, chain: list[pyca.Certificate], before: bytes, after: bytes, cut: int, data: st.DataObject
) -> None:
    forms = disguises(rsa_key, rsa_key, chain[0])
    key = forms[data.draw(st.sampled_from(sorted(forms)))]
    found = x509.parse(before + key[cut:] + after)
    shown = repr(found).encode() + x509.pem(*found.certificates).encode()
    assert not any(needle in shown for needle in needles(rsa_key))


@settings(deadline=None)
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
