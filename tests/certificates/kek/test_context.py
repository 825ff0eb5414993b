"""The canonical bytes are unambiguous."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from certificates.kek.context import canonical

facts = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)


@given(st.text(max_size=8), facts, st.text(max_size=8), facts)
def test_different_inputs_give_different_bytes(
    tag: str, these: dict[str, str], other_tag: str, those: dict[str, str]
) -> None:
    same = (tag, these) == (other_tag, those)
    assert (canonical(tag, these) == canonical(other_tag, those)) is same


@given(facts)
def test_the_order_of_the_facts_does_not_matter(these: dict[str, str]) -> None:
    assert canonical("t", these) == canonical("t", dict(reversed(these.items())))


def test_parts_that_would_join_to_the_same_text_differ() -> None:
    assert canonical("t", {"a|b": "c"}) != canonical("t", {"a": "b|c"})


def test_the_bytes_are_frozen() -> None:
    assert canonical("t", {"b": "2", "a": "ü"}).hex() == (
        "0000000174" + "0000000161" + "00000002c3bc" + "0000000162" + "0000000132"
    )
