"""What every key provider must do. One suite, run on each of them."""

from __future__ import annotations

import base64
import copy
import logging
import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from certificates import kek, vault
from tests.certificates.kek import rigs

DEK = bytes(range(100, 132))
FACTS = {"table": "t", "row": "1", "purpose": "oauth"}

PROVIDERS: list[Any] = [rigs.env, rigs.aws_kms, rigs.vault]
if os.environ.get("VAULT_ADDR") and os.environ.get("VAULT_TOKEN"):
    PROVIDERS.append(pytest.param(rigs.vault_server, marks=pytest.mark.vault))


@pytest.fixture(params=PROVIDERS, ids=lambda rig: rig.__name__)
def rig(request: pytest.FixtureRequest) -> Iterator[rigs.Rig]:
    with request.param() as made:
        yield made
    kek.forget()


def test_what_was_wrapped_opens_and_says_who_wrapped_it(rig: rigs.Rig) -> None:
    provider = rig.start()
    wrapped = provider.wrap(DEK, FACTS)
    assert provider.unwrap(wrapped, FACTS) == DEK
    assert (wrapped.provider, wrapped.version) == (provider.name, provider.current())
    assert provider.versions() == {wrapped.version}
    assert DEK not in wrapped.blob


def test_a_version_fits_its_column(rig: rigs.Rig) -> None:
    assert 0 < len(rig.start().current()) <= 200


def test_its_check_passes(rig: rigs.Rig) -> None:
    rig.start().check()
    rig.rotate().check()


def test_other_facts_do_not_open(rig: rigs.Rig) -> None:
    provider = rig.start()
    wrapped = provider.wrap(DEK, FACTS)
    a_fact_less = {"table": "t", "row": "1"}
    for other in (
        {**FACTS, "row": "2"},
        {**FACTS, "more": ""},
        a_fact_less,
        {**FACTS, "purpose": "OAUTH"},
        {},
    ):
        with pytest.raises(kek.WrongKek, match="changed"):
            provider.unwrap(wrapped, other)
        with pytest.raises(kek.WrongKek, match="changed"):
            provider.rewrap(wrapped, other)


def test_every_flipped_bit_is_refused(rig: rigs.Rig) -> None:
    provider = rig.start()
    wrapped = provider.wrap(DEK, FACTS)
    opened = []
    for bit in range(0, len(wrapped.blob) * 8, rig.every):
        try:
            provider.unwrap(replace(wrapped, blob=flipped(wrapped.blob, bit)), FACTS)
            opened.append(bit)
        except rig.moved_blob_is:
            pass
    assert opened == []


def test_a_changed_nonce_is_refused(rig: rigs.Rig) -> None:
    provider = rig.start()
    wrapped = provider.wrap(DEK, FACTS)
    other = flipped(wrapped.nonce, 0) if wrapped.nonce else b"x"
    with pytest.raises(kek.WrongKek):
        provider.unwrap(replace(wrapped, nonce=other), FACTS)


def test_a_cut_or_empty_blob_is_refused(rig: rigs.Rig) -> None:
    provider = rig.start()
    wrapped = provider.wrap(DEK, FACTS)
    for blob in (wrapped.blob[:-1], wrapped.blob[:20], wrapped.blob + b"A", b""):
        with pytest.raises(kek.KekError):
            provider.unwrap(replace(wrapped, blob=blob), FACTS)


def test_rewrap_keeps_the_data_key_and_moves_the_version(rig: rigs.Rig) -> None:
    wrapped = rig.start().wrap(DEK, FACTS)
    provider = rig.rotate()
    moved = provider.rewrap(wrapped, FACTS)
    assert moved.version == provider.current() != wrapped.version
    assert provider.versions() == {wrapped.version, moved.version}
    assert [provider.unwrap(each, FACTS) for each in (wrapped, moved)] == [DEK, DEK]


def test_a_swapped_version_label_is_refused(rig: rigs.Rig) -> None:
    wrapped = rig.start().wrap(DEK, FACTS)
    provider = rig.rotate()
    for relabelled in (
        replace(wrapped, version=provider.current()),
        replace(provider.wrap(DEK, FACTS), version=wrapped.version),
    ):
        with pytest.raises(rig.moved_blob_is):
            provider.unwrap(relabelled, FACTS)
        with pytest.raises(rig.moved_blob_is):
            provider.rewrap(relabelled, FACTS)


def test_a_version_that_is_gone_is_named_and_no_other_is_tried(rig: rigs.Rig) -> None:
    wrapped = rig.start().wrap(DEK, FACTS)
    rig.rotate()
    provider = rig.drop()
    assert wrapped.version not in provider.versions()
    for act in (provider.unwrap, provider.rewrap):
        with pytest.raises(kek.UnknownKekVersion) as refusal:
            act(wrapped, FACTS)
        assert f"“{wrapped.version}”" in refusal.value.sentence


def test_the_record_of_another_provider_or_key_is_named(rig: rigs.Rig) -> None:
    provider = rig.start()
    wrapped = provider.wrap(DEK, FACTS)
    for change in ({"provider": "abacus"}, {"version": "never:v1"}, {"version": ""}):
        with pytest.raises(kek.UnknownKekVersion, match=f"“{next(iter(change.values()))}”"):
            provider.unwrap(replace(wrapped, **change), FACTS)  # type: ignore[arg-type]


def test_nothing_secret_is_shown_logged_or_carried_away(
    rig: rigs.Rig, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        provider = rig.start()
        wrapped = provider.wrap(DEK, FACTS)
        provider.check()
        provider.unwrap(wrapped, FACTS)
        moved = rig.rotate().rewrap(wrapped, FACTS)
        with pytest.raises(kek.WrongKek) as refusal:
            provider.unwrap(wrapped, {"row": "2"})
    shown = "\n".join(
        [
            caplog.text,
            repr(provider),
            str(provider),
            repr(wrapped),
            repr(moved),
            str(refusal.value),
            repr(kek.__dict__),
        ]
    )
    encodings = (base64.b64encode(DEK).decode(), DEK.hex(), repr(DEK)[2:-1])
    assert [needle for needle in (*rig.withheld, *encodings) if needle in shown] == []
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not serialisable"):
            act(provider)


def test_one_provider_serves_many_threads(rig: rigs.Rig) -> None:
    provider = rig.start()

    def turn(number: int) -> bool:
        facts = {**FACTS, "row": str(number)}
        return provider.unwrap(provider.wrap(DEK, facts), facts) == DEK

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(turn, range(12))) == [True] * 12


def test_an_envelope_changes_its_key_and_keeps_its_ciphertext(rig: rigs.Rig) -> None:
    old = rig.start()
    sealed = vault.seal(b"obviously not a private key", FACTS, old)
    new = rig.rotate()
    moved = vault.rewrap(sealed, FACTS, held_by=new, to=new)
    assert vault.open_sealed(moved, FACTS, new) == b"obviously not a private key"
    assert (moved.nonce, moved.ciphertext) == (sealed.nonce, sealed.ciphertext)
    assert moved.dek.version == new.current() != sealed.dek.version


def flipped(raw: bytes, bit: int) -> bytes:
    return bytes(byte ^ (1 << bit % 8) if bit // 8 == index else byte for index, byte in enumerate(raw))
