"""The bank's rules as data, and names that never collide."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates import profiles
from certificates.profiles import PROFILES, common_name, profile
from certificates.x509 import Subject


def test_what_differs_between_the_environments() -> None:
    test, production = profile("test"), profile("production")
    changed = {
        field.name: (getattr(test, field.name), getattr(production, field.name))
        for field in dataclasses.fields(test)
        if getattr(test, field.name) != getattr(production, field.name)
    }
    rules = changed.pop("name_rules")
    assert [[rule.word for rule in each if rule.at_end] for each in rules] == [
        [".production.lockkeeper", ".production"],
        [".test.lockkeeper", ".test"],
    ]
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
    ("environment", "name", "marks"),
    [
        ("production", "harbor.oauth.test.lockkeeper", ".test.lockkeeper"),
        ("production", "harbor.oauth.TEST.lockkeeper ", ".test.lockkeeper"),
        ("production", "feed.harbor.test", ".test"),
        ("test", "harbor.oauth.production.lockkeeper", ".production.lockkeeper"),
        ("test", "feed.harbor.production", ".production"),
    ],
)
def test_a_name_of_the_other_environment_is_refused(
    subject: Any, environment: str, name: str, marks: str
) -> None:
    other = {"test": "production", "production": "test"}[environment]
    assert profile(environment).subject_defects(dataclasses.replace(subject, common_name=name)) == [
        f"The common name ends in “{marks}”, which marks {other}; this request is for {environment}."
    ]


def test_a_name_in_use_in_the_other_environment_is_refused(subject: Any) -> None:
    shared = dataclasses.replace(subject, common_name="Harbor feeds")
    bank = profile("production")
    assert bank.subject_defects(shared, taken_elsewhere=["harbor.oauth.test.lockkeeper"]) == []
    assert bank.subject_defects(shared, taken_elsewhere=["harbor FEEDS"]) == [
        "The common name “Harbor feeds” is used in another environment: every environment needs its own."
    ]


@given(st.text(max_size=40), st.sampled_from(["test", "production"]), st.sampled_from(profile("test").uses))
def test_the_name_made_here_breaks_no_rule_whatever_the_label(label: str, environment: str, use: str) -> None:
    made = common_name(f"connection:{label}", use, environment)
    firm = {"C": "US", "ST": "New York", "L": "New York", "O": "Harbor Kettle", "OU": "Bank Integrations"}
    assert profile(environment).subject_defects(Subject.from_fields(firm, common_name=made)) == []


def test_a_profile_may_ask_for_fewer_fields(subject: Any) -> None:
    relaxed = dataclasses.replace(profile("test"), required_fields=("O", "CN"))
    without = dataclasses.replace(subject, unit="", locality="")
    assert [each.subject_defects(without) for each in (relaxed, profile("test"))] == [
        [],
        ["The subject field L is empty.", "The subject field OU is empty."],
    ]
    assert "OU=" not in without.name().rfc4514_string()


def test_every_rule_is_explained_in_one_place() -> None:
    said = [(rule.field, rule.sentence) for rule in profile("production").rules()]
    assert [field for field, _ in said] == [
        "C", "ST", "L", "O", "O", "O", "OU", "OU", "OU", "CN", "CN", "CN", "CN", "CN",
        "key", "hash", "validity", "chain", "live", "renewal", "extended_key_usage",
    ]  # fmt: skip
    assert [sentence for field, sentence in said if field in ("C", "CN", "key", "hash", "renewal")] == [
        "The country's code, like US. Required, two capital letters.",
        "The name of this connection, use and environment, shared with no other environment. "
        "Required, 64 printable characters at most.",
        "Never with “J.P. Morgan” in it, in any spelling: the bank refuses such names.",
        "Never with “Expires” in it, in any spelling: the bank refuses such names.",
        "Never ending in “.test.lockkeeper”: that marks test, and no common name is used in both.",
        "Never ending in “.test”: that marks test, and no common name is used in both.",
        "The bank accepts RSA 2048, RSA 3072, RSA 4096. Every request gets a new key, and every use its own.",
        "The request is signed with SHA-256; SHA-1 is refused.",
        "Renewal starts 60 days before the end; the old pair stays on standby for 14 days after the new one "
        "is active.",
    ]
    chains = [rule.sentence for each in PROFILES for rule in profile(each).rules() if rule.field == "chain"]
    assert chains == [
        "A self-signed certificate is enough here, and the chain may be left out.",
        "The certificate comes from an authority the bank approves, with its whole chain.",
    ]


def test_only_transport_asks_for_client_authentication() -> None:
    bank = profile("production")
    assert [(use, bank.client_auth(use)) for use in bank.uses] == [
        ("oauth", False),
        ("transport", True),
        ("signing", False),
    ]


@pytest.mark.parametrize(
    ("organisation", "public"),
    [
        ("DigiCert Inc", True),
        ("digicert, inc.", True),
        ("Let's Encrypt", True),
        ("Let’s Encrypt", True),
        ("GoDaddy.com, Inc.", True),
        ("Google Trust Services LLC", True),
        ("Entrust, Inc.", True),
        ("Entrusted Widgets", False),
        ("Harbor DigiCert Fans", False),
        ("JPMorgan Chase & Co.", False),
        ("Google LLC", False),
        ("", False),
    ],
)
def test_public_authorities_are_known_by_how_their_name_begins(organisation: str, public: bool) -> None:
    assert profile("production").is_public_authority(organisation) == public


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
