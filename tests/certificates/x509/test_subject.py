"""The six fields and how they drift."""

from __future__ import annotations

import dataclasses

import pytest

from certificates.x509 import Subject, common_name_of, drift


def test_a_whole_subject_has_no_defects(subject: Subject) -> None:
    assert subject.defects() == []


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("country", "", "The subject field C is empty."),
        ("unit", "  ", "The subject field OU is empty."),
        ("common_name", "x" * 65, "The subject field CN is longer than 64 characters."),
        ("organization", "A\nB", "The subject field O holds characters that cannot be printed."),
        ("country", "us", "The subject field C must be a country code of two capital letters."),
        ("country", "ÄÖ", "The subject field C must be a country code of two capital letters."),
    ],
)
def test_each_defect_is_one_sentence(subject: Subject, field: str, value: str, sentence: str) -> None:
    assert dataclasses.replace(subject, **{field: value}).defects() == [sentence]


def test_settings_give_a_subject_and_absent_fields_are_defects() -> None:
    made = Subject.from_fields({"C": "US", "ST": "New York", "L": "New York", "O": "Kettle"}, common_name="k")
    assert (made.organization, made.defects()) == ("Kettle", ["The subject field OU is empty."])


def test_drift_names_only_what_changed(subject: Subject) -> None:
    issued = dataclasses.replace(subject, organization="Other Inc", common_name="other")
    assert drift(subject.name(), issued.name()) == [
        "O was requested as “Harbor Kettle Integrations Inc” and issued as “Other Inc”.",
        "CN was requested as “harbor.oauth.test.lockkeeper” and issued as “other”.",
    ]
    assert common_name_of(issued.name()) == "other"


def test_a_name_gives_its_fields_back(subject: Subject) -> None:
    assert Subject.from_name(subject.name()) == subject
    assert Subject.from_fields(subject.fields(), common_name=subject.common_name) == subject
