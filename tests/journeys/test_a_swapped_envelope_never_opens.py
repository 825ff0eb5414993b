"""An insider who owns the database swaps parts of sealed rows by hand. Nothing ever opens, and each refusal has a name.

The triggers that would stop most of it are removed first, as the owner of a database can. What is left is the
cryptography: two layers, both bound to the row, to what its key is for, and to its public half.
"""

from __future__ import annotations

import base64
import dataclasses
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.db import connection

from audit.recording import Actor
from certificates import checks, custody, immutability, kek, operations, vault, x509
from certificates.envelopes import envelope_of
from certificates.models import KeyEnvelope, KeyPair

ACTOR = Actor.command("test")
WHOLE = ("format", "provider", "kek_version", "wrapped_dek", "dek_nonce", "nonce", "ciphertext")


@dataclass(frozen=True)
class Vault:
    """Three keys: one customer's two, for different uses, and another customer's."""

    oauth: KeyPair
    transport: KeyPair
    neighbour: KeyPair


@pytest.fixture
def stored(db: None, now: datetime) -> Iterator[Vault]:
    keys = [
        sealed_key("connection:harbor", "oauth", now),
        sealed_key("connection:harbor", "transport", now),
        sealed_key("connection:kettle", "oauth", now),
    ]
    immutability.remove(connection)
    yield Vault(*keys)
    immutability.install(connection)


def sealed_key(scope: str, use: str, now: datetime) -> KeyPair:
    private = x509.make_key("ec-p256")
    key = KeyPair.objects.create(
        scope=scope, use=use, environment="test", algorithm="ec-p256", common_name=f"{use}.{scope[11:]}.example",
        spki_sha256=x509.spki_sha256(private.public_key()), csr_pem="-", created_at=now,
    )  # fmt: skip
    custody.seal(key=key, private=private, now=now)
    return key


def by_hand(statement: str, *values: Any) -> None:
    """Do what somebody with a database prompt does."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount == 1


def swap(columns: tuple[str, ...], *, into: KeyPair, out_of: KeyPair) -> None:
    donor = KeyEnvelope.objects.get(key=out_of)
    assignments = ", ".join(f"{column} = %s" for column in columns)
    values = [value if isinstance(value := getattr(donor, c), str) else bytes(value) for c in columns]
    by_hand(f"UPDATE certificates_keyenvelope SET {assignments} WHERE key_id = %s", *values, sql_id(into))


def relabel(column: str, value: str, key: KeyPair) -> None:
    by_hand(f"UPDATE certificates_keyenvelope SET {column} = %s WHERE key_id = %s", value, sql_id(key))


def sql_id(key: KeyPair) -> Any:
    return key.pk if connection.vendor == "postgresql" else key.pk.hex


def refusal(key: KeyPair, now: datetime) -> tuple[str, str]:
    """Return the names of what custody raises for a row, and of the layer's own error beneath."""
    row = KeyEnvelope.objects.select_related("key").get(pk=key.pk)
    try:
        vault.open_sealed(envelope_of(row), row.facts(), custody.provider(row.provider))
        beneath = ""
    except (vault.VaultError, kek.KekError) as problem:
        beneath = type(problem).__name__
    with pytest.raises(custody.CustodyFailed) as caught:
        custody.unseal(key=key, actor=ACTOR, purpose="test", now=now)
    return type(caught.value).__name__, beneath


PARTS: dict[str, tuple[tuple[str, ...], str]] = {
    "the whole envelope": (WHOLE, "WrongKek"),
    "the data key": (("wrapped_dek", "dek_nonce"), "WrongKek"),
    "the data key without its nonce": (("wrapped_dek",), "WrongKek"),
    "the ciphertext": (("nonce", "ciphertext"), "SealBroken"),
    "the ciphertext without its nonce": (("ciphertext",), "SealBroken"),
    "the nonce": (("nonce",), "SealBroken"),
}


@pytest.mark.parametrize("other", ["transport", "neighbour"])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_another_row(part: str, other: str, stored: Vault, now: datetime) -> None:
    columns, name = PARTS[part]
    swap(columns, into=stored.oauth, out_of=getattr(stored, other))
    assert refusal(stored.oauth, now) == ("CustodyFailed", name)


LABELS = {
    "a version the keyring does not hold": ("kek_version", "test9", "UnknownKekVersion"),
    "another version of the keyring": ("kek_version", "test2", "WrongKek"),
    "a provider nobody knows": ("provider", "abacus", "UnknownKekProvider"),
    "a format nobody reads": ("format", "lk0", "UnknownFormat"),
}


@pytest.mark.parametrize("label", LABELS)
def test_a_changed_label(label: str, stored: Vault, settings: Any, now: datetime) -> None:
    settings.KEK_KEYRING += ",test2:" + base64.b64encode(os.urandom(32)).decode()
    column, value, name = LABELS[label]
    relabel(column, value, stored.oauth)
    assert refusal(stored.oauth, now) == ("CustodyFailed", name)


def test_a_changed_purpose(stored: Vault, now: datetime) -> None:
    by_hand("UPDATE certificates_keypair SET use = 'signing' WHERE id = %s", sql_id(stored.oauth))
    assert refusal(KeyPair.objects.get(pk=stored.oauth.pk), now) == ("CustodyFailed", "WrongKek")


def test_a_changed_public_key(stored: Vault, now: datetime) -> None:
    by_hand("UPDATE certificates_keypair SET spki_sha256 = %s WHERE id = %s", "f" * 64, sql_id(stored.oauth))
    assert refusal(KeyPair.objects.get(pk=stored.oauth.pk), now) == ("CustodyFailed", "WrongKek")


def test_a_key_sealed_for_this_row_by_somebody_with_the_keyring(stored: Vault, now: datetime) -> None:
    """Even a perfect seal over the right row is refused when the key in it is not the public key's half."""
    row = KeyEnvelope.objects.select_related("key").get(key=stored.oauth)
    planted = x509.make_key("ec-p256").private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    custody.seal_into(row, planted, now=now)
    row.save()
    assert refusal(stored.oauth, now) == ("KeyMismatch", "")


def test_whoever_removes_the_triggers_is_noticed_at_the_next_start(stored: Vault) -> None:
    found = checks.what_never_changes_is_guarded(None)
    assert [error.id for error in found] == ["certificates.E004"] * len(immutability.FIXED)


def test_the_proof_of_custody_names_every_swapped_row(stored: Vault, now: datetime) -> None:
    swap(WHOLE, into=stored.oauth, out_of=stored.neighbour)
    found = {proof.row: bool(proof.problem) for proof in operations.verify_custody(actor=ACTOR, now=now)}
    assert found == {
        str(stored.oauth.pk): True,
        str(stored.transport.pk): False,
        str(stored.neighbour.pk): False,
    }


Flip = Callable[[vault.Envelope, bytes], vault.Envelope]
FLIPS: dict[str, tuple[Callable[[vault.Envelope], bytes], Flip, type[Exception]]] = {
    "wrapped_dek": (
        lambda e: e.dek.blob,
        lambda e, b: dataclasses.replace(e, dek=dataclasses.replace(e.dek, blob=b)),
        kek.WrongKek,
    ),
    "dek_nonce": (
        lambda e: e.dek.nonce,
        lambda e, b: dataclasses.replace(e, dek=dataclasses.replace(e.dek, nonce=b)),
        kek.WrongKek,
    ),
    "nonce": (lambda e: e.nonce, lambda e, b: dataclasses.replace(e, nonce=b), vault.SealBroken),
    "ciphertext": (
        lambda e: e.ciphertext, lambda e, b: dataclasses.replace(e, ciphertext=b), vault.SealBroken,
    ),
}  # fmt: skip


@pytest.mark.parametrize("column", FLIPS)
def test_every_single_flipped_bit(column: str, stored: Vault) -> None:
    read, write, expected = FLIPS[column]
    row = KeyEnvelope.objects.select_related("key").get(key=stored.oauth)
    whole, facts, provider = envelope_of(row), row.facts(), custody.provider()
    assert vault.open_sealed(whole, facts, provider)
    content = read(whole)
    for bit in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(expected):
            vault.open_sealed(write(whole, bytes(flipped)), facts, provider)
