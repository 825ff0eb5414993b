"""Envelopes: what was sealed opens for its row, and for nothing else."""

from __future__ import annotations

import base64
import dataclasses
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates import kek, vault
from certificates.kek import env

KEYS = {version: os.urandom(32) for version in ("a", "b")}
FACTS = {
    "table": "keys",
    "row": "11111111-1111-4111-8111-111111111111",
    "purpose": "oauth",
    "spki_sha256": "f" * 64,
}
SECRET = b"obviously not a key" * 60


def ring(active: str = "a", *, only: str = "ab") -> env.Keyring:
    entries = [f"{version}:{base64.b64encode(KEYS[version]).decode()}" for version in only]
    return env.parse(",".join(entries), active)


RING = ring()
SEALED = vault.seal(SECRET, FACTS, RING)
words = st.text(max_size=12)


def opens(envelope: vault.Envelope, facts: dict[str, str] = FACTS) -> bool:
    try:
        return vault.open_sealed(envelope, facts, RING) == SECRET
    except (vault.VaultError, kek.KekError):
        return False


@given(st.binary(max_size=4096), st.dictionaries(words, words, max_size=5))
def test_what_was_sealed_opens(plaintext: bytes, facts: dict[str, str]) -> None:
    assert vault.open_sealed(vault.seal(plaintext, facts, RING), facts, RING) == plaintext


@given(st.dictionaries(words, words, max_size=5))
def test_any_other_facts_are_refused(facts: dict[str, str]) -> None:
    assert not opens(SEALED, facts)


@pytest.mark.parametrize("fact", FACTS)
def test_each_fact_alone_is_bound(fact: str) -> None:
    missing = {name: value for name, value in FACTS.items() if name != fact}
    assert [opens(SEALED, {**FACTS, fact: "x"}), opens(SEALED, missing)] == [False, False]


def test_every_record_has_a_data_key_and_nonces_of_its_own() -> None:
    one, two = vault.seal(SECRET, FACTS, RING), vault.seal(SECRET, FACTS, RING)
    assert len({one.ciphertext, two.ciphertext, one.nonce, two.nonce, one.dek.nonce, two.dek.nonce}) == 6
    assert RING.unwrap(one.dek, {**FACTS, "format": "lk1"}) != RING.unwrap(
        two.dek, {**FACTS, "format": "lk1"}
    )


def flipped(content: bytes, bit: int) -> bytes:
    return content[: bit // 8] + bytes([content[bit // 8] ^ (1 << bit % 8)]) + content[bit // 8 + 1 :]


def test_every_flipped_bit_of_the_wrapped_data_key_and_its_nonce_is_refused() -> None:
    dek = SEALED.dek
    changed = [dataclasses.replace(dek, blob=flipped(dek.blob, bit)) for bit in range(len(dek.blob) * 8)]
    changed += [dataclasses.replace(dek, nonce=flipped(dek.nonce, bit)) for bit in range(len(dek.nonce) * 8)]
    assert [item for item in changed if opens(dataclasses.replace(SEALED, dek=item))] == []


def test_flipped_bits_of_the_ciphertext_and_its_nonce_are_refused() -> None:
    sample = [*range(0, 512), *range(len(SEALED.ciphertext) * 8 - 256, len(SEALED.ciphertext) * 8)]
    changed = [dataclasses.replace(SEALED, ciphertext=flipped(SEALED.ciphertext, bit)) for bit in sample]
    changed += [dataclasses.replace(SEALED, nonce=flipped(SEALED.nonce, bit)) for bit in range(96)]
    assert [item for item in changed if opens(item)] == []


@pytest.mark.parametrize("part", ["dek", "nonce", "ciphertext"])
def test_parts_of_two_records_of_one_row_do_not_mix(part: str) -> None:
    other = vault.seal(SECRET, FACTS, RING)
    assert not opens(dataclasses.replace(SEALED, **{part: getattr(other, part)}))


@pytest.mark.parametrize("field", ["provider", "version"])
def test_a_label_of_the_data_key_cannot_be_exchanged(field: str) -> None:
    relabelled = dataclasses.replace(SEALED.dek, **{field: "b"})
    assert not opens(dataclasses.replace(SEALED, dek=relabelled))


def test_truncated_parts_are_refused_by_name() -> None:
    with pytest.raises(vault.SealBroken):
        vault.open_sealed(dataclasses.replace(SEALED, ciphertext=b"short"), FACTS, RING)
    with pytest.raises(vault.SealBroken):
        vault.open_sealed(dataclasses.replace(SEALED, nonce=b""), FACTS, RING)


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(vault.UnknownFormat, match="“lk9”"):
        vault.open_sealed(dataclasses.replace(SEALED, format="lk9"), FACTS, RING)


def test_rotation_changes_the_wrap_and_nothing_else() -> None:
    to = ring("b")
    moved = vault.rewrap(SEALED, FACTS, held_by=to, to=to)
    assert (moved.dek.version, moved.nonce, moved.ciphertext) == ("b", SEALED.nonce, SEALED.ciphertext)
    assert vault.open_sealed(moved, FACTS, ring("b", only="b")) == SECRET


def test_rotation_between_two_providers() -> None:
    to = ring("b", only="b")
    moved = vault.rewrap(SEALED, FACTS, held_by=ring("a", only="a"), to=to)
    assert vault.open_sealed(moved, FACTS, to) == SECRET


def test_rotation_under_other_facts_is_refused() -> None:
    with pytest.raises(kek.WrongKek):
        vault.rewrap(SEALED, {**FACTS, "row": "x"}, held_by=RING, to=RING)


def test_an_envelope_shows_no_bytes() -> None:
    shown = repr(SEALED)
    assert [
        part for part in (SEALED.ciphertext, SEALED.nonce, SEALED.dek.blob) if repr(part)[2:10] in shown
    ] == []


def test_an_envelope_written_by_an_earlier_release_still_opens() -> None:
    """Frozen: format lk1 under a key of the bytes 0…31."""
    frozen = env.parse("test1:" + base64.b64encode(bytes(range(32))).decode(), "test1")
    dek = kek.WrappedDek("env", "test1", bytes.fromhex(FROZEN["dek_nonce"]), bytes.fromhex(FROZEN["dek"]))
    envelope = vault.Envelope("lk1", dek, bytes.fromhex(FROZEN["nonce"]), bytes.fromhex(FROZEN["ciphertext"]))
    assert vault.open_sealed(envelope, FACTS, frozen) == b"a record of long ago"


FROZEN = {
    "dek_nonce": "43ca035becd2b995a6103bb9",
    "dek": "b29f616f8609f8232c7efd131a69c3825042fed66f86a04572511e5856470f15091024498da153fac694ef08d3582dc8",
    "nonce": "7576e991a5d4b5bd36a31372",
    "ciphertext": "3d86f29fa9f7fdad065c122d0001de6b947312202950ab6a154903198c2771feb1e3bcb9",
}
