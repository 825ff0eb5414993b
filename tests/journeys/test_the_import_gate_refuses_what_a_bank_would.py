"""Whatever form the bank's answer comes in, it is read; whatever is wrong with it is named, all at once.

Every certificate here is real and minted for the purpose. The openssl command is the second opinion; it is
judged by what it says, because it exits 0 on some things it found wrong.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509 as pyca
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, pkcs7, pkcs12
from cryptography.x509.oid import AuthorityInformationAccessOID

from audit.recording import Actor
from certificates import gate, operations, x509
from certificates.models import Certificate, KeyPair
from certificates.profiles import Profile, profile
from tests.certificates import forger
from tests.certificates.authority import BEGINS, CLIENT, SERVER, Authority, pem, usage
from tests.conftest import NOON

OPENSSL = "/usr/bin/openssl"
SCOPE = "connection:harbor"
SUBJECT = x509.Subject(
    country="US",
    state="New York",
    locality="New York",
    organization="Harbor Kettle Integrations Inc",
    unit="Bank Integrations",
    common_name="harbor.oauth.production.lockkeeper",
)


@dataclass(frozen=True)
class World:
    """One vendor's request, and an authority with its root that answers it."""

    root: Authority
    issuing: Authority
    key: Any
    csr: pyca.CertificateSigningRequest

    @property
    def chain(self) -> tuple[pyca.Certificate, pyca.Certificate]:
        return (self.issuing.certificate, self.root.certificate)


@pytest.fixture(scope="module")
def world() -> World:
    root = Authority("Harbour Test Root (not a bank)")
    key = x509.make_key("rsa-2048")
    csr = x509.make_csr(key, SUBJECT, client_auth=True)
    return World(root, Authority("Harbour Test Issuing (not a bank)", root), key, csr)


def openssl(*words: str, stdin: bytes = b"") -> tuple[str, str]:
    """Return what openssl says on its two outputs. Its absence is a failure: nothing is skipped here."""
    assert shutil.which(OPENSSL), "the second opinion is missing: install openssl"
    done = subprocess.run([OPENSSL, *words], input=stdin, capture_output=True, check=False)
    return done.stdout.decode(), done.stderr.decode()


def judged(upload: bytes, csr: pyca.CertificateSigningRequest, bank: Profile) -> gate.Verdict:
    """Return the gate's verdict on an upload, of which the leaf is the one that is no authority's."""
    parsed = x509.parse(upload)
    ours = x509.spki_sha256(csr.public_key())
    leaves = [item for item in parsed.certificates if x509.spki_sha256(item.public_key()) == ours]
    if not leaves:
        leaves = [item for item in parsed.certificates if not x509.usages(item).authority]
    if not leaves:
        return gate.Verdict((), tuple(parsed.problems), ())
    verdict = gate.examine(leaves[0], parsed.certificates, csr=csr, profile=bank, now=NOON)
    return replace(verdict, problems=(*parsed.problems, *verdict.problems))


def codes(verdict: gate.Verdict) -> list[str]:
    return [problem.code for problem in verdict.problems]


# --- every form, every order -------------------------------------------------------------------------------

Chain = list[pyca.Certificate]


def with_attributes(chain: Chain) -> bytes:
    bag = "Bag Attributes\n    friendlyName: härbor\n    localKeyID: 01 02\nsubject=CN = harbor\n\n"
    return b"".join(bag.encode("latin-1") + pem(item) for item in chain)


def as_pkcs12(chain: Chain) -> bytes:
    return pkcs12.serialize_key_and_certificates(None, None, None, chain, NoEncryption())


FORMS: dict[str, Callable[[Chain], bytes]] = {
    "PEM": lambda chain: pem(*chain),
    "PEM with CRLF": lambda chain: pem(*chain).replace(b"\n", b"\r\n"),
    "PEM with a byte order mark": lambda chain: b"\xef\xbb\xbf" + pem(*chain),
    "PEM saved as UTF-16": lambda chain: pem(*chain).decode().encode("utf-16"),
    "PEM saved as UTF-16 without a mark": lambda chain: pem(*chain).decode().encode("utf-16-be"),
    "PEM with bag attributes": with_attributes,
    "DER, one behind the other": lambda chain: b"".join(item.public_bytes(Encoding.DER) for item in chain),
    "PKCS#7 as PEM": lambda chain: pkcs7.serialize_certificates(chain, Encoding.PEM),
    "PKCS#7 as DER": lambda chain: pkcs7.serialize_certificates(chain, Encoding.DER),
    "PKCS#12 without a key": as_pkcs12,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_in_every_order(form: str, world: World) -> None:
    leaf = world.issuing.sign(world.csr)
    good = gate.Verdict((world.issuing.certificate,), (), ())
    found = [
        judged(FORMS[form](list(order) * times), world.csr, profile("production"))
        for order in permutations([leaf, *world.chain])
        for times in (1, 2)
    ]
    assert found == [good] * 12


def test_one_certificate_as_der_lacks_its_chain_where_the_bank_wants_it(world: World) -> None:
    der = world.issuing.sign(world.csr).public_bytes(Encoding.DER)
    found = {each: codes(judged(der, world.csr, profile(each))) for each in ("test", "production")}
    assert found == {"test": [], "production": ["issuer_missing"]}


READERS: dict[str, tuple[str, ...]] = {
    "PEM": ("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin"),
    "PEM with CRLF": ("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin"),
    "PEM with bag attributes": ("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin"),
    "PKCS#7 as PEM": ("pkcs7", "-print_certs"),
    "PKCS#7 as DER": ("pkcs7", "-print_certs", "-inform", "DER"),
    "PKCS#12 without a key": ("pkcs12", "-nokeys", "-passin", "pass:"),
}


@pytest.mark.parametrize("form", READERS)
def test_openssl_finds_the_same_certificates_in_the_same_file(form: str, world: World) -> None:
    upload = FORMS[form]([world.issuing.sign(world.csr), *world.chain])
    said, _ = openssl(*READERS[form], stdin=upload)
    if READERS[form][0] == "crl2pkcs7":
        said, _ = openssl("pkcs7", "-print_certs", stdin=said.encode())
    assert set(x509.parse(said.encode()).certificates) == set(x509.parse(upload).certificates)


def test_openssl_reads_the_same_name_and_fingerprints(world: World) -> None:
    leaf = world.issuing.sign(world.csr)
    facts = x509.describe(leaf)
    said, _ = openssl(
        "x509", "-inform", "DER", "-noout", "-subject", "-nameopt", "RFC2253", "-serial", "-fingerprint", "-sha256",
        stdin=leaf.public_bytes(Encoding.DER),
    )  # fmt: skip
    assert said.splitlines() == [
        "subject=" + ",".join(f"{short}={value}" for short, value in reversed(facts.subject)),
        f"serial={leaf.serial_number:040X}"[-len(said.splitlines()[1]) :],
        "sha256 Fingerprint=" + bytes.fromhex(facts.sha256).hex(":").upper(),
    ]


# --- every defect ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Defect:
    """How the leaf is spoilt, what we say, and what openssl says of the leaf beneath the good chain."""

    leaf: Callable[[World, Any], pyca.Certificate]
    codes: list[str]
    openssl: str = "OK"
    own_key: Callable[[], Any] | None = None


def signed(**how: Any) -> Callable[[World, Any], pyca.Certificate]:
    return lambda world, csr: world.issuing.sign(csr, **how)


def another_key(world: World, csr: pyca.CertificateSigningRequest) -> pyca.Certificate:
    return world.issuing.certify(x509.make_key("ec-p256").public_key(), subject=csr.subject)


def forged(world: World, csr: pyca.CertificateSigningRequest) -> pyca.Certificate:
    return pyca.load_der_x509_certificate(forger.broken(world.issuing.sign(csr)))


def numbered(serial: int) -> Callable[[World, Any], pyca.Certificate]:
    return lambda world, csr: forger.with_serial(world.issuing.sign(csr, serial=1), serial, world.issuing.key)


NO_PURPOSE = "unsuitable certificate purpose"
AUTHORITY = (pyca.BasicConstraints(ca=True, path_length=None), True)
DEFECTS = {
    "none": Defect(signed(), []),
    "no extensions at all": Defect(signed(extensions=()), []),
    "expired": Defect(
        signed(begins=BEGINS - timedelta(days=300), ends=BEGINS), ["expired"], "certificate has expired"
    ),
    "not yet valid": Defect(
        signed(begins=NOON + timedelta(days=9)), ["not_yet_valid"], "certificate is not yet valid"
    ),
    "valid for too long": Defect(signed(ends=BEGINS + timedelta(days=733)), ["validity_too_long"]),
    "signed with SHA-1": Defect(
        lambda world, csr: forger.with_sha1(world.issuing.sign(csr), world.issuing.key),
        ["signature_algorithm"],
        "CA signature digest algorithm too weak",
    ),
    "for servers only": Defect(
        signed(extensions=((usage(), True), (pyca.ExtendedKeyUsage(SERVER), False))),
        ["extended_key_usage"],
        NO_PURPOSE,
    ),
    "an authority's": Defect(signed(extensions=(AUTHORITY,)), ["is_authority"]),
    "not for signatures": Defect(
        signed(extensions=((usage(digital_signature=False, key_cert_sign=True), True),)),
        ["key_usage"],
        NO_PURPOSE,
    ),
    "signature forged": Defect(forged, ["chain_signature"], "certificate signature failure"),
    "for another key": Defect(another_key, ["wrong_key", "key_algorithm"]),
    "weak RSA key": Defect(
        signed(), ["key_algorithm"], "EE certificate key too weak", lambda: rsa.generate_private_key(65537, 1024)
    ),
    "EC key": Defect(signed(), ["key_algorithm"], own_key=lambda: x509.make_key("ec-p256")),
    "negative serial number": Defect(numbered(-1), ["serial_number"]),
    "serial number zero": Defect(numbered(0), ["serial_number"]),
    "everything": Defect(
        signed(
            begins=BEGINS - timedelta(days=800),
            ends=BEGINS,
            extensions=(
                AUTHORITY,
                (usage(digital_signature=False, key_cert_sign=True), True),
                (pyca.ExtendedKeyUsage(SERVER), False),
            ),
        ),
        ["expired", "validity_too_long", "is_authority", "key_usage", "extended_key_usage"],
        NO_PURPOSE,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def requests(world: World) -> dict[str, pyca.CertificateSigningRequest]:
    """The request behind each defect: the one request, unless the key itself is the defect."""
    return {
        name: x509.make_csr(defect.own_key(), SUBJECT, client_auth=True) if defect.own_key else world.csr
        for name, defect in DEFECTS.items()
    }


def test_each_defect_is_named_and_nothing_else(world: World, requests: dict[str, Any]) -> None:
    found = {
        name: codes(
            judged(
                pem(defect.leaf(world, requests[name]), *world.chain), requests[name], profile("production")
            )
        )
        for name, defect in DEFECTS.items()
    }
    assert found == {name: defect.codes for name, defect in DEFECTS.items()}


def test_openssl_agrees_where_it_has_an_opinion(
    world: World, requests: dict[str, Any], tmp_path: Path
) -> None:
    for name, defect in DEFECTS.items():
        (tmp_path / name).write_bytes(pem(defect.leaf(world, requests[name])))
    for name, authority in (("issuing", world.issuing), ("root", world.root)):
        (tmp_path / f"{name}.pem").write_bytes(pem(authority.certificate))
    out, err = openssl(
        "verify", "-purpose", "sslclient", "-auth_level", "2", "-attime", str(int(NOON.timestamp())),
        "-CAfile", str(tmp_path / "root.pem"), "-untrusted", str(tmp_path / "issuing.pem"),
        *(str(tmp_path / name) for name in DEFECTS),
    )  # fmt: skip
    assert opinions(out, err) == {name: defect.openssl for name, defect in DEFECTS.items()}


def opinions(out: str, err: str) -> dict[str, str]:
    """Return what ``openssl verify`` says of each file: OK, or its first reason."""
    found = {Path(line.removesuffix(": OK")).name: "OK" for line in out.splitlines() if line.endswith(": OK")}
    reasons: list[str] = []
    for line in err.splitlines():
        if " depth lookup: " in line:
            reasons.append(line.split(" depth lookup: ")[1])
        elif line.endswith(": verification failed"):
            file = line.removeprefix("error ").removesuffix(": verification failed")
            found[Path(file).name] = reasons[0]
            reasons = []
    return found


def test_what_is_wrong_with_the_chain_is_named(world: World) -> None:
    leaf = world.issuing.sign(world.csr)
    issuing, root = world.chain
    impostor = Authority("Harbour Test Issuing (not a bank)", world.root).certificate
    stranger = Authority("Somebody Else").certificate
    ended = Authority("Harbour Ended (not a bank)", world.root, ends=BEGINS)
    layman = Authority("Harbour Layman (not a bank)", world.root, ca=False)
    forged = pyca.load_der_x509_certificate(forger.broken(issuing))
    old = forger.with_sha1(issuing, world.root.key)
    uploads = {
        "no intermediate": [leaf, root],
        "no root": [leaf, issuing],
        "a foreign certificate": [leaf, issuing, root, stranger],
        "an impostor of the issuer": [leaf, impostor, root],
        "the issuer's signature forged": [leaf, forged, root],
        "the issuer signed with SHA-1": [leaf, old, root],
        "the issuer ended": [ended.sign(world.csr), ended.certificate, root],
        "the issuer no authority": [layman.sign(world.csr), layman.certificate, root],
    }
    found = {
        name: codes(judged(pem(*each), world.csr, profile("production"))) for name, each in uploads.items()
    }
    assert found == {
        "no intermediate": ["unrelated_certificate", "issuer_missing"],
        "no root": ["issuer_missing"],
        "a foreign certificate": ["unrelated_certificate"],
        "an impostor of the issuer": ["chain_signature"],
        "the issuer's signature forged": ["chain_signature"],
        "the issuer signed with SHA-1": ["signature_algorithm"],
        "the issuer ended": ["issuer_dates"],
        "the issuer no authority": ["issuer_not_authority"],
    }


def test_the_missing_certificate_is_named(world: World, tmp_path: Path) -> None:
    leaf = world.issuing.sign(world.csr)
    verdict = judged(pem(leaf), world.csr, profile("production"))
    assert [str(problem) for problem in verdict.problems] == [
        "The certificate of the issuer “CN=Harbour Test Issuing (not a bank)” is missing from the file. "
        "Add it: the bank wants the whole chain with its root."
    ]
    (tmp_path / "leaf").write_bytes(pem(leaf))
    (tmp_path / "root").write_bytes(pem(world.root.certificate))
    out, err = openssl("verify", "-CAfile", str(tmp_path / "root"), str(tmp_path / "leaf"))
    assert opinions(out, err) == {"leaf": "unable to get local issuer certificate"}


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda der: der[: len(der) // 2],
    "a length changed": lambda der: der[:3] + bytes([der[3] ^ 0x40]) + der[4:],
    "zeroed in the middle": lambda der: der[:40] + bytes(80) + der[120:],
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_bytes_are_unreadable_here_and_to_openssl(how: str, world: World) -> None:
    damaged = DAMAGE[how](world.issuing.sign(world.csr).public_bytes(Encoding.DER))
    said, _ = openssl("x509", "-inform", "DER", "-noout", "-subject", stdin=damaged)
    assert (codes(judged(damaged, world.csr, profile("test"))), said) == (["unreadable"], "")


def test_alternative_names_and_key_identifiers_are_missed_only_where_a_profile_asks(world: World) -> None:
    strict = replace(profile("production"), alternative_names_required=True, authority_key_id_required=True)
    upload = pem(world.issuing.sign(world.csr), *world.chain)
    found = [codes(judged(upload, world.csr, each)) for each in (profile("production"), strict)]
    assert found == [[], ["alternative_names", "authority_key_id"]]


# --- through the door ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_door_refuses_for_the_same_reasons_and_keeps_nothing(
    world: World, now: datetime, actor: Actor
) -> None:
    key = operations.generate_csr(scope=SCOPE, use="oauth", environment="production", actor=actor, now=now)
    csr = pyca.load_pem_x509_csr(key.csr_pem.encode())
    refused: dict[str, list[str]] = {}
    for name, defect in DEFECTS.items():
        if defect.codes and not defect.own_key:
            upload = pem(defect.leaf(world, csr), *world.chain)
            with pytest.raises(operations.ImportRefused) as refusal:
                operations.install_certificate(scope=SCOPE, material=upload, actor=actor, now=now)
            refused[name] = [problem.code for problem in refusal.value.problems]
    # Whose key it is, is settled before the gate: a certificate for no request made here has no owner.
    wanted = {name: each.codes for name, each in DEFECTS.items() if each.codes and not each.own_key}
    assert refused == {**wanted, "for another key": ["no_matching_request"]}
    assert (Certificate.objects.count(), KeyPair.objects.get().state) == (0, key.state)
    leaf = world.issuing.sign(csr)
    mail = pkcs7.serialize_certificates([*world.chain, leaf], Encoding.DER)
    certificate = operations.install_certificate(scope=SCOPE, material=mail, actor=actor, now=now)
    assert (certificate.pem, certificate.chain_pem) == (
        pem(leaf).decode(),
        pem(world.issuing.certificate).decode(),
    )


def test_addresses_in_a_certificate_are_never_called(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        here = pyca.UniformResourceIdentifier(f"http://127.0.0.1:{port}/obviously-a-trap")
        access = [
            pyca.AccessDescription(kind, here)
            for kind in (AuthorityInformationAccessOID.CA_ISSUERS, AuthorityInformationAccessOID.OCSP)
        ]
        points = [pyca.DistributionPoint([here], None, None, None)]
        leaf = world.issuing.sign(
            world.csr,
            extensions=(
                (pyca.ExtendedKeyUsage(CLIENT), False),
                (pyca.AuthorityInformationAccess(access), False),
                (pyca.CRLDistributionPoints(points), False),
            ),
        )
        verdict = judged(pem(leaf), world.csr, profile("production"))
        x509.describe(leaf)
        assert (codes(verdict), called(listener)) == (["issuer_missing"], False)
        # The trap works: one who calls is seen.
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        assert called(listener)


def called(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True
