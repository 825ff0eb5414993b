"""The keyring from the environment: what it opens and what it refuses to be."""

from __future__ import annotations

import base64
import copy
import hashlib
import pickle
import subprocess
import sys

import pytest

from certificates import kek
from certificates.kek import env

# The same in every process: the tests are named after them, and two processes must agree on the names.
OLD, NEW = (
    hashlib.sha256(b"obviously not a key: old").digest(),
    hashlib.sha256(b"obviously not a key: new").digest(),
)
FACTS = {"table": "t", "row": "1"}


def entry(version: str, key: bytes) -> str:
    return f"{version}:{base64.b64encode(key).decode()}"


BOTH = f"{entry('2026a', OLD)},{entry('2026b', NEW)}"


def test_a_wrapped_key_opens_with_the_same_facts() -> None:
    ring = env.parse(BOTH, "2026b")
    wrapped = ring.wrap(b"d" * 32, FACTS)
    assert (wrapped.provider, wrapped.version, ring.unwrap(wrapped, FACTS)) == ("env", "2026b", b"d" * 32)


def test_other_facts_do_not_open() -> None:
    ring = env.parse(BOTH, "2026b")
    wrapped = ring.wrap(b"d" * 32, FACTS)
    with pytest.raises(kek.WrongKek, match="changed or moved"):
        ring.unwrap(wrapped, {**FACTS, "row": "2"})


def test_a_relabelled_wrap_does_not_open_even_when_both_labels_hold_one_key() -> None:
    wrapped = env.parse(entry("a", OLD), "a").wrap(b"d" * 32, FACTS)
    relabelled = kek.WrappedDek("env", "b", wrapped.nonce, wrapped.blob)
    with pytest.raises(kek.WrongKek):
        env.parse(entry("b", OLD), "b").unwrap(relabelled, FACTS)


def test_an_unknown_version_is_named_and_others_are_not_tried() -> None:
    wrapped = env.parse(BOTH, "2026a").wrap(b"d" * 32, FACTS)
    with pytest.raises(kek.UnknownKekVersion, match="“2026a”"):
        env.parse(entry("2026b", OLD), "2026b").unwrap(wrapped, FACTS)


def test_rewrap_moves_to_the_active_version() -> None:
    wrapped = env.parse(BOTH, "2026a").wrap(b"d" * 32, FACTS)
    ring = env.parse(BOTH, "2026b")
    moved = ring.rewrap(wrapped, FACTS)
    assert (moved.version, ring.unwrap(moved, FACTS)) == ("2026b", b"d" * 32)


@pytest.mark.parametrize(
    ("keyring", "active", "sentence"),
    [
        ("", "a", "KEK_KEYRING is not set. Make a key, keep a copy in a safe place: python -c"),
        (" , ", "a", "KEK_KEYRING is not set"),
        (base64.b64encode(OLD).decode(), "a", "Entry 1 of KEK_KEYRING is not <version>"),
        ("a b:x", "a", "Entry 1 of KEK_KEYRING is not <version>"),
        ("a:not base64!", "a", "Version “a” of KEK_KEYRING is not base64"),
        (entry("a", OLD[:16]), "a", "has 16 bytes, not 32"),
        (entry("a", OLD + b"x"), "a", "has 33 bytes, not 32"),
        (entry("a", b"\0" * 32), "a", "Version “a” of KEK_KEYRING is not random"),
        (entry("a", b"password" * 4), "a", "Version “a” of KEK_KEYRING is not random"),
        (entry("a", bytes(range(128, 160))), "a", "is a key printed in a public document"),
        ("a:cw/0x689RpI+jtRR7oE8h/eQsKImvJapLeSbXpwF4e4=", "a", "is a key printed in a public document"),
        (f"# {entry('a', OLD)}", "a", "KEK_KEYRING is not set"),
        (f"{entry('a', OLD)}\n{entry('b', NEW)[2:]}", "a", "Entry 2 of KEK_KEYRING is not <version>"),
        (f"{entry('a', OLD)},{entry('a', NEW)}", "a", "names version “a” twice"),
        (f"{entry('a', OLD)},{entry('b', OLD)}", "a", "the key of version “b” under two names"),
        (entry("a", OLD), "", "KEK_ACTIVE is not set. Known versions: a."),
        (entry("a", OLD), "b", "KEK_ACTIVE is “b”, which is not in KEK_KEYRING. Known versions: a."),
    ],
)
def test_a_bad_keyring_is_refused_without_quoting_a_key(keyring: str, active: str, sentence: str) -> None:
    with pytest.raises(kek.KekMisconfigured) as refusal:
        env.parse(keyring, active)
    told = refusal.value.sentence
    leaked = [key for key in (OLD, NEW) if base64.b64encode(key).decode()[:12] in told]
    assert (sentence in told, leaked) == (True, [])


def test_a_mounted_file_may_hold_one_entry_a_line_and_comments() -> None:
    text = f"# kept by the platform team\r\n{entry('2026a', OLD)}  # in use until June\n\n{entry('2026b', NEW)},\n"
    ring = env.parse(text, "2026b")
    assert (ring.versions(), ring.current()) == ({"2026a", "2026b"}, "2026b")
    wrapped = env.parse(BOTH, "2026a").wrap(b"d" * 32, FACTS)
    assert ring.unwrap(wrapped, FACTS) == b"d" * 32


def test_the_refusal_of_a_missing_keyring_says_everything_to_do_next() -> None:
    with pytest.raises(kek.KekMisconfigured) as refusal:
        env.parse("", "")
    needed = (env.MAKE_ONE, "KEK_KEYRING_FILE", "KEK_KEYRING", "KEK_ACTIVE=2026a")
    assert [words for words in needed if words not in refusal.value.sentence] == []


def test_the_command_it_prints_makes_an_entry_it_accepts() -> None:
    code = env.MAKE_ONE.removeprefix('python -c "').removesuffix('"')
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert made.endswith("=\n")  # a whole line, fit for a file
    assert env.parse(made, "2026a").versions() == {"2026a"}


def test_a_keyring_shows_no_key_and_does_not_travel() -> None:
    ring = env.parse(BOTH, "2026b")
    assert repr(ring) == "<Keyring of 2 versions, active 2026b>"
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            act(ring)


def test_the_check_has_nothing_left_to_refuse() -> None:
    env.parse(BOTH, "2026b").check()


def test_an_unknown_provider_is_named() -> None:
    with pytest.raises(kek.UnknownKekProvider, match="“abacus”"):
        kek.provider("abacus", {})
