"""What a transit engine answers on a bad day, and what the provider refuses to be talked into."""

from __future__ import annotations

import base64
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from certificates import kek
from certificates.kek.vault_transit import Transit
from tests.bankfeeds.jpmorgan.tiny_bank import Authority
from tests.certificates.kek.transit import TOKEN, Key, TransitServer

DEK = b"d" * 32
FACTS = {"table": "t", "row": "1"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def server() -> Iterator[TransitServer]:
    with TransitServer() as running:
        running.keys["harbor"] = Key()
        yield running


def test_the_version_is_the_one_in_vaults_answer(server: TransitServer) -> None:
    provider = Transit(server.options())
    assert provider.wrap(DEK, FACTS).version == "transit/harbor:v1"
    server.keys["harbor"].secrets.append(b"n" * 32)
    assert (provider.current(), provider.wrap(DEK, FACTS).version) == (
        "transit/harbor:v2",
        "transit/harbor:v2",
    )


def test_rewrap_never_asks_for_the_data_key(server: TransitServer) -> None:
    provider = Transit(server.options())
    wrapped = provider.wrap(DEK, FACTS)
    server.asked.clear()
    provider.rewrap(wrapped, FACTS)
    assert server.asked == [("POST", "/v1/transit/rewrap/harbor")]


def test_a_key_that_is_not_derived_is_refused_before_its_first_use(server: TransitServer) -> None:
    server.keys["harbor"].derived = False
    for act in (Transit.check, Transit.current, lambda provider: provider.wrap(DEK, FACTS)):
        with pytest.raises(kek.KekMisconfigured, match=r"“transit/harbor” is not derived.*derived=true"):
            act(Transit(server.options()))
    assert {path for _, path in server.asked} == {"/v1/transit/keys/harbor"}


@pytest.mark.parametrize(
    ("told", "refusal", "sentence"),
    [
        ({"deletion_allowed": True}, kek.KekRefused, "deletion_allowed=false"),
        ({"soft_deleted": True}, kek.KekRefused, "is deleted: restore it"),
        ({"type": "aes128-gcm96"}, kek.KekMisconfigured, "of type “aes128-gcm96”"),
        ({"type": "ed25519", "supports_encryption": False}, kek.KekMisconfigured, "of type “ed25519”"),
        ({"latest_version": None}, kek.KekUnavailable, "does not answer as Vault does"),
    ],
)
def test_the_check_refuses_an_unfit_key(
    server: TransitServer, told: dict[str, Any], refusal: type[kek.KekError], sentence: str
) -> None:
    server.keys["harbor"].told = told
    with pytest.raises(refusal, match=sentence) as named:
        Transit(server.options()).check()
    assert "“transit/harbor”" in named.value.sentence


def test_a_key_that_is_not_there_is_named_and_not_made_in_passing(server: TransitServer) -> None:
    for act in (Transit.check, lambda provider: provider.wrap(DEK, FACTS)):
        with pytest.raises(kek.KekMisconfigured, match="Vault knows no key “transit/typo”"):
            act(Transit(server.options("typo")))
    with pytest.raises(kek.KekMisconfigured, match="Vault knows no key “elsewhere/harbor”"):
        Transit(server.options(vault_mount="elsewhere")).check()
    assert [method for method, _ in server.asked] == ["GET"] * 3


def test_a_label_that_disagrees_with_the_ciphertext_is_refused_without_asking(server: TransitServer) -> None:
    provider = Transit(server.options())
    wrapped = provider.wrap(DEK, FACTS)
    server.keys["harbor"].secrets.append(b"n" * 32)
    server.asked.clear()
    with pytest.raises(kek.WrongKek, match="“transit/harbor:v2”, and its ciphertext does not"):
        provider.unwrap(replace(wrapped, version="transit/harbor:v2"), FACTS)
    assert server.asked == []


@pytest.mark.parametrize("length", [31, 32, 33])  # with two, one or no spare bits in the last character
def test_another_spelling_of_the_same_ciphertext_is_refused(server: TransitServer, length: int) -> None:
    provider = Transit(server.options())
    wrapped = provider.wrap(b"d" * length, FACTS)
    text = wrapped.blob.decode()
    body = text.rstrip("=")
    spelt = {
        body[:-1] + last + "=" * (len(text) - len(body)) for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij"
    }
    for other in (spelt | {text + "\n", " " + text, text.replace(":v1:", ":v01:")}) - {text}:
        with pytest.raises(kek.WrongKek):
            provider.unwrap(replace(wrapped, blob=other.encode()), FACTS)


def test_a_version_newer_than_vault_knows_is_named(server: TransitServer) -> None:
    blob = b"vault:v7:" + base64.b64encode(b"x" * 60)
    with pytest.raises(kek.UnknownKekVersion, match="“transit/harbor:v7”"):
        Transit(server.options()).unwrap(kek.WrappedDek("vault", "transit/harbor:v7", b"", blob), FACTS)


def test_a_refused_token_is_said_and_never_shown(server: TransitServer) -> None:
    server.token = "another"
    with pytest.raises(kek.KekRefused, match="the token has expired, or its policy lacks this") as refusal:
        Transit(server.options()).check()
    assert TOKEN not in refusal.value.sentence


def test_a_token_file_written_anew_is_read_anew(server: TransitServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("expired\n")
    provider = Transit(server.options(vault_token="", vault_token_file=str(file)))
    with pytest.raises(kek.KekRefused):
        provider.check()
    file.write_text(f"{TOKEN}\n")
    provider.check()
    assert server.tokens == ["expired", TOKEN]


@pytest.mark.parametrize(
    ("status", "body", "refusal", "sentence"),
    [
        (503, b'{"errors": ["Vault is sealed"]}', kek.KekUnavailable, "Try again later"),
        (429, b'{"errors": []}', kek.KekUnavailable, "Try again later"),
        (500, b'{"errors": ["internal error"]}', kek.KekUnavailable, "Try again later"),
        (502, b"<html>planted</html>", kek.KekUnavailable, "Try again later"),
        (400, b'{"errors": ["planted"]}', kek.KekRefused, "look into Vault's log"),
        (200, b"<html>planted</html>", kek.KekUnavailable, "does not answer as Vault does"),
        (200, b'{"data": []}', kek.KekUnavailable, "does not answer as Vault does"),
        (200, b'{"data": {"plaintext": 7}}', kek.KekUnavailable, "does not answer as Vault does"),
        (204, b"", kek.KekUnavailable, "does not answer as Vault does"),
    ],
)
def test_a_strange_answer_is_named(
    server: TransitServer, status: int, body: bytes, refusal: type[kek.KekError], sentence: str
) -> None:
    provider = Transit(server.options())
    wrapped = provider.wrap(DEK, FACTS)
    server.instead = (status, JSON, body)
    for act in (provider.unwrap, provider.rewrap):
        with pytest.raises(refusal, match=sentence) as named:
            act(wrapped, FACTS)
        assert ("“transit/harbor”" in named.value.sentence, "planted" in named.value.sentence) == (
            True,
            False,
        )


def test_a_redirect_is_not_followed_and_no_one_else_sees_the_token(server: TransitServer) -> None:
    with TransitServer() as elsewhere:
        elsewhere.keys["harbor"] = Key()
        server.instead = (307, {"Location": f"{elsewhere.address}/v1/transit/keys/harbor"}, b"")
        with pytest.raises(kek.KekMisconfigured, match="a redirect, which is never followed"):
            Transit(server.options()).check()
        assert (len(server.asked), elsewhere.asked) == (1, [])


def test_no_proxy_of_the_environment_sees_the_token(
    server: TransitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TransitServer() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.address)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        Transit(server.options()).check()
        assert (len(server.asked), proxy.asked) == (1, [])


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(kek.KekUnavailable, match=r"“transit/harbor”\. Try again later"):
            Transit({"vault_addr": address, "vault_key": "harbor", "vault_token": TOKEN}).check()


def test_only_the_given_authority_is_trusted(tmp_path: Path) -> None:
    authority, stranger = Authority("Vault Test Root"), Authority("Stranger Test Root")
    roots = {}
    for name, root in (("ours", authority), ("theirs", stranger)):
        roots[name] = str(tmp_path / f"{name}.pem")
        Path(roots[name]).write_text(root.pem)
    certificate = authority.leaf(tmp_path, "server", hosts=("127.0.0.1",))
    with TransitServer(certificate=str(certificate)) as server:
        server.keys["harbor"] = Key()
        Transit(server.options(vault_ca=roots["ours"])).check()
        for wrong in (roots["theirs"], ""):
            with pytest.raises(kek.KekMisconfigured, match="not trusted here: check VAULT_CACERT"):
                Transit(server.options(vault_ca=wrong)).check()
        assert server.tokens == [TOKEN]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"vault_addr": ""}, "VAULT_ADDR is not set"),
        ({"vault_addr": "http://vault.vendor.example:8200"}, "VAULT_ADDR begins with http://"),
        ({"vault_addr": "ftp://vault.vendor.example"}, "VAULT_ADDR is not an address"),
        ({"vault_addr": "https://vault.vendor.example:planted"}, "VAULT_ADDR is not an address"),
        ({"vault_addr": "https://u:planted@vault.vendor.example"}, "VAULT_ADDR holds more than an address"),
        ({"vault_key": ""}, "must name the transit key"),
        ({"vault_key": "../sys"}, "must name the transit key"),
        ({"vault_key": "a b"}, "must name the transit key"),
        ({"vault_mount": "a//b"}, "must name the transit key"),
        ({"vault_key": "k" * 200}, "longer than 180"),
        ({"vault_ca": "/nonexistent"}, "VAULT_CACERT names a file that is not there"),
    ],
)
def test_a_bad_configuration_is_refused(options: dict[str, str], sentence: str) -> None:
    good = {"vault_addr": "https://vault.vendor.example", "vault_key": "harbor", "vault_token": TOKEN}
    with pytest.raises(kek.KekMisconfigured, match=sentence) as refusal:
        Transit({**good, **options})
    assert "planted" not in refusal.value.sentence


@pytest.mark.parametrize("token", [{}, {"vault_token": "a b"}, {"vault_token_file": "/nonexistent"}])
def test_a_missing_token_is_refused(token: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "found-somewhere-else")
    with pytest.raises(kek.KekMisconfigured, match="VAULT_TOKEN"):
        Transit({"vault_addr": "https://vault.vendor.example", "vault_key": "harbor", **token}).check()


def test_without_the_package_the_sentence_says_what_to_install(
    server: TransitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hvac", None)
    with pytest.raises(kek.KekMisconfigured, match=r"requirements-vault\.lock"):
        Transit(server.options())
