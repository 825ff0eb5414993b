"""The installation's own provider: from the settings as they stand, and keys move from one to another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core import checks

from audit.recording import Actor
from certificates import custody, kek, operations, providers, queries
from certificates.models import KeyEnvelope, KeyPair
from config.errors import AlwaysCutting
from onboarding import sealing
from onboarding.models import ContactDetails
from tests.certificates.kek.transit import TOKEN, Key, TransitServer
from tests.onboarding.roads import begin

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server(settings: Any) -> Iterator[TransitServer]:
    with TransitServer() as running:
        running.keys["harbor"] = Key()
        settings.KEK_OPTIONS = running.options()
        yield running
    kek.forget()


def test_the_settings_are_read_at_every_call(settings: Any) -> None:
    assert providers.configured().current() == "test1"
    settings.KEK_ACTIVE = ""
    with pytest.raises(kek.KekMisconfigured, match="KEK_ACTIVE is not set"):
        providers.configured()


def test_custody_and_contacts_share_one_provider(
    server: TransitServer, settings: Any, db: None, now: datetime
) -> None:
    settings.KEK_PROVIDER = "vault"
    assert custody.provider() is providers.configured("vault")
    contact = begin(now).operator
    assert ContactDetails.objects.get(contact=contact).provider == "vault"
    assert sealing.details_of(contact) is not None
    assert custody.provider("env").name == "env"


def test_keys_move_from_the_keyring_to_vault_and_back_while_they_are_used(
    server: TransitServer, request_key: Callable[..., KeyPair], settings: Any, now: datetime, actor: Actor
) -> None:
    key = request_key()
    before = bytes(KeyEnvelope.objects.get().ciphertext)
    for name, version in (("vault", "transit/harbor:v1"), ("env", "test1")):
        settings.KEK_PROVIDER = name
        moved = operations.rotate_keks(actor=actor, now=now)
        assert (moved.failed, queries.envelopes_per_version()) == ({}, {(name, version): 1})
        with custody.unseal(key=key, actor=actor, purpose="test", now=now) as private:
            assert private.key_size > 0
    assert bytes(KeyEnvelope.objects.get().ciphertext) == before


def test_a_rotated_vault_key_is_followed(
    server: TransitServer, request_key: Callable[..., KeyPair], settings: Any, now: datetime, actor: Actor
) -> None:
    settings.KEK_PROVIDER = "vault"
    request_key()
    server.keys["harbor"].secrets.append(b"n" * 32)
    server.asked.clear()
    operations.rotate_keks(actor=actor, now=now)
    assert queries.envelopes_per_version() == {("vault", "transit/harbor:v2"): 1}
    assert [path for _, path in server.asked if "rewrap" in path] == ["/v1/transit/rewrap/harbor"]


def test_a_key_service_that_refuses_stops_the_start(server: TransitServer, settings: Any, db: Any) -> None:
    settings.KEK_PROVIDER = "vault"
    assert checks.run_checks(tags=["certificates"]) == []
    server.keys["harbor"].derived = False
    kek.forget()
    (found,) = checks.run_checks(tags=["certificates"])
    assert (found.id, "“transit/harbor” is not derived" in found.msg) == ("certificates.E001", True)


def test_a_key_service_that_is_away_fails_the_use_in_a_sentence(
    server: TransitServer, request_key: Callable[..., KeyPair], settings: Any, now: datetime, actor: Actor
) -> None:
    settings.KEK_PROVIDER = "vault"
    key = request_key()
    server.instead = (503, {"Content-Type": "application/json"}, b'{"errors": ["Vault is sealed"]}')
    with pytest.raises(custody.CustodyFailed, match="Try again later") as refusal:
        custody.unseal(key=key, actor=actor, purpose="test", now=now)
    assert TOKEN not in str(refusal.value)


def test_the_options_come_from_the_environment_and_the_token_file_is_left_for_later() -> None:
    given = {
        "KEK_AWS_KEY": "alias/a", "KEK_AWS_OLDER_KEYS": "b,c", "KEK_AWS_REGION": "d", "KEK_AWS_ENDPOINT": "e",
        "VAULT_ADDR": "f", "VAULT_NAMESPACE": "g", "VAULT_CACERT": "h", "KEK_VAULT_MOUNT": "i", "KEK_VAULT_KEY": "j",
    }  # fmt: skip
    file = {"VAULT_TOKEN_FILE": "/nonexistent", "VAULT_TOKEN": "not read"}
    assert options_with(**given, **file) == {
        "aws_key": "alias/a", "aws_older_keys": "b,c", "aws_region": "d", "aws_endpoint": "e", "vault_addr": "f",
        "vault_namespace": "g", "vault_ca": "h", "vault_mount": "i", "vault_key": "j",
        "vault_token_file": "/nonexistent", "vault_token": "",
    }  # fmt: skip
    assert options_with(VAULT_TOKEN="$k")["vault_token"] == "$k"


def test_the_error_page_shows_no_token(settings: Any) -> None:
    settings.KEK_OPTIONS = {"vault_addr": "https://vault.vendor.example", "vault_token": TOKEN}
    assert TOKEN not in repr(AlwaysCutting().get_safe_settings())


def options_with(**environment: str) -> dict[str, str]:
    """Return KEK_OPTIONS as a process with nothing but ``environment`` set reads them."""
    code = "import json; from config import settings; print(json.dumps(settings.KEK_OPTIONS))"
    bare = {"PATH": os.environ["PATH"], "DJANGO_READ_DOT_ENV": "false", "SECRET_KEY": "obviously-a-test-key"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=bare | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    read: dict[str, str] = json.loads(done.stdout)
    return read
