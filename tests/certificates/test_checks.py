"""A configuration that could lose keys does not start."""

from __future__ import annotations

import base64
import os
from importlib import metadata
from typing import Any

import pytest
from django.core import checks

from certificates.kek import env


def found() -> list[tuple[str | None, str]]:
    return [(message.id, message.msg) for message in checks.run_checks(tags=["certificates"])]


def test_a_sound_keyring_passes(db: Any) -> None:
    assert found() == []


def test_a_missing_keyring_is_refused_with_the_command_that_makes_one(settings: Any, db: Any) -> None:
    settings.KEK_KEYRING = ""
    ((code, sentence),) = found()
    assert (code, env.MAKE_ONE in sentence) == ("certificates.E001", True)


@pytest.mark.parametrize(
    "keyring", ["test1:c2hvcnQ=", "test1", "test1:" + base64.b64encode(b"a" * 32).decode()]
)
def test_a_bad_keyring_is_refused(settings: Any, db: Any, keyring: str) -> None:
    settings.KEK_KEYRING = keyring
    assert [code for code, _ in found()] == ["certificates.E001"]


def test_an_unknown_provider_is_refused(settings: Any, db: Any) -> None:
    settings.KEK_PROVIDER = "abacus"
    assert [code for code, _ in found()] == ["certificates.E001"]


def test_another_key_under_a_known_version_is_refused(settings: Any, request_key: Any) -> None:
    request_key()
    settings.KEK_KEYRING = "test1:" + base64.b64encode(os.urandom(32)).decode()
    assert [code for code, _ in found()] == ["certificates.E002"]


def test_a_missing_version_that_seals_keys_is_refused(settings: Any, request_key: Any) -> None:
    request_key()
    settings.KEK_KEYRING, settings.KEK_ACTIVE = "new:" + base64.b64encode(os.urandom(32)).decode(), "new"
    assert [code for code, _ in found()] == ["certificates.E002"]


def test_both_state_machine_packages_at_once_are_refused(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "distribution", lambda name: name)
    assert [code for code, _ in found()] == ["certificates.E003"]
