"""A key is renewed by script: request, install, prove; the exit code says whether the bank let us in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from bankfeeds import operations
from bankfeeds.models import Connection
from certificates import queries
from certificates.models import KeyPair
from tests.bankfeeds.feeds import ACTOR, TODAY, Feed, command, feed, new_connection
from tests.bankfeeds.renewal import register, signed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def harbor() -> Iterator[Feed]:
    with feed() as found:
        yield found


def write(folder: Path, found: Feed, **more: bool) -> tuple[KeyPair, str]:
    """Request a key and write what the bank signed into a file."""
    key, material = signed(found, "oauth", **more)
    path = folder / "leaf.pem"
    path.write_bytes(material)
    return key, str(path)


def install(path: str, *more: str) -> tuple[int, str, str]:
    said = command("install_certificate", "--connection", "harbor-kettle", *more, path)
    return said.code, said.out, said.err.strip()


def prove(*more: str) -> tuple[int, str, str]:
    said = command("prove_key", "--connection", "harbor-kettle", *more)
    return said.code, said.out.strip(), said.err.strip()


def test_a_successor_the_bank_lets_in_is_active_at_once(harbor: Feed, tmp_path: Path) -> None:
    key, path = write(tmp_path, harbor)
    code, out, err = install(path)
    assert (code, out) == (0, "")
    assert err.startswith("Installed; the key is active. Valid until ")
    assert queries.usable(scope=key.scope, use="oauth", now=timezone.now()) == key


def test_a_successor_the_bank_refuses_is_exit_3_and_the_old_key_goes_on(harbor: Feed, tmp_path: Path) -> None:
    key, path = write(tmp_path, harbor, registered=False)
    code, out, err = install(path)
    kid = KeyPair.objects.get(pk=key.pk).certificate.sha1
    assert (code, out) == (3, "")
    assert "Installed; the key is certified." in err
    assert err.endswith(
        "The key before it goes on. The bank does not accept a signature under the certificate "
        f"{kid}: register it there, then try again. Then repeat this command."
    )
    assert command("pull_feeds", "--connection", "harbor-kettle", "--today", str(TODAY)).code == 0

    key.refresh_from_db()
    register(harbor, key)
    assert install(path)[0] == 0
    key.refresh_from_db()
    assert key.state == "active"


def test_the_proof_by_script_says_what_the_bank_said(harbor: Feed, tmp_path: Path) -> None:
    old = KeyPair.objects.get().certificate.sha1
    assert prove() == (0, f"The bank let us in with the oauth key {old}; it is active.", "")
    key, path = write(tmp_path, harbor, registered=False)
    install(path)
    key.refresh_from_db()
    new = key.certificate.sha1
    code, out, err = prove("--use", "oauth")
    assert (code, out) == (3, "")
    assert err.startswith("The bank does not accept a signature under the certificate " + new)
    register(harbor, key)
    assert prove() == (0, f"The bank let us in with the oauth key {new}; it is active.", "")
    harbor.running.stop()
    code, out, err = prove()
    assert (code, out) == (3, "")
    assert err.startswith("The bank could not be reached")


def test_a_proof_that_cannot_be_tried_is_a_wrong_call(harbor: Feed) -> None:
    assert prove("--use", "transport") == (
        2,
        "",
        "harbor-kettle has no certificate to try: install what the bank signed first.",
    )
    assert command("prove_key", "--connection", "nobody").code == 2
    KeyPair.objects.update(state="certified")
    Connection.objects.update(state="closed")
    code, _out, err = prove()
    assert (code, "There is no connection any more" in err) == (2, True)


def test_in_production_the_key_is_proven_and_waits_for_another_person(harbor: Feed, tmp_path: Path) -> None:
    facts = new_connection(harbor.bank, harbor.running, label="marble-otter", environment="production")
    harbor.bank.client.environment = "production"
    harbor.connection = operations.create_connection(facts=facts, actor=ACTOR, now=timezone.now())
    key, path = write(tmp_path, harbor)
    said = command("install_certificate", "--connection", "marble-otter", path)
    assert said.code == 0
    assert said.err.endswith(
        "Prove it at the bank (prove_key); then an approver activates it in the console.\n"
    )
    said = command("prove_key", "--connection", "marble-otter")
    key.refresh_from_db()
    assert (said.code, key.state, key.proven_at is not None) == (0, "certified", True)
