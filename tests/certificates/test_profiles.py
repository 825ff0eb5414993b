"""The bank's rules as data, and names that never collide."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates import profiles
from certificates.profiles import common_name, profile


def test_what_differs_between_the_environments() -> None:
    test, production = profile("test"), profile("production")
    changed = {
        field.name: (getattr(test, field.name), getattr(production, field.name))
        for field in dataclasses.fields(test)
        if getattr(test, field.name) != getattr(production, field.name)
    }
    assert changed == {
        "environment": ("test", "production"),
        "chain_required": (False, True),
        "self_signed_allowed": (True, False),
    }


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(profiles.UnknownProfile):
        profile("staging")


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("common_name", "feed.J.P. Morgan.test", "J.P. Morgan"),
        ("organization", "JPMorgan Friends Inc", "J.P. Morgan"),
        ("unit", "jp-morgan feeds", "J.P. Morgan"),
        ("common_name", "harbor expires 2027", "Expires"),
    ],
)
def test_names_the_bank_refuses(subject: Any, field: str, value: str, word: str) -> None:
    defects = profile("test").subject_defects(dataclasses.replace(subject, **{field: value}))
    assert defects == [f"The subject must not contain “{word}”: the bank refuses it."]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("connection:harbor", "harbor.oauth.test.lockkeeper"),
        ("connection:HK-01", "HK-01.oauth.test.lockkeeper"),
        ("connection:harbor kettle", "harbor-kettle-93f493bc1e.oauth.test.lockkeeper"),
        ("connection:jp-morgan-main", "2041f61c07.oauth.test.lockkeeper"),
    ],
)
def test_a_plain_label_stands_in_the_name(scope: str, expected: str) -> None:
    assert common_name(scope, "oauth", "test") == expected


SCOPES = st.builds("{}:{}".format, st.sampled_from(["connection", "other"]), st.text(max_size=40))


@given(SCOPES, SCOPES, st.sampled_from(["oauth", "transport"]), st.sampled_from(["test", "production"]))
def test_names_are_short_printable_allowed_and_not_shared(
    one: str, two: str, use: str, environment: str
) -> None:
    made = common_name(one, use, environment)
    rules = (
        len(made) <= 64,
        made.isascii() and made.isprintable(),
        (made == common_name(two, use, environment)) == (one == two),
    )
    assert rules == (True, True, True)
    assert common_name(one, use, "test") != common_name(one, use, "production")
