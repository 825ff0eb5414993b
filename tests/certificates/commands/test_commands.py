"""The custody commands: rows on standard output, words on standard error, exit codes people script."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import call_command
from django.core.management.base import OutputWrapper
from django.utils import timezone

from certificates import tasks
from certificates.management.progress import Progress
from certificates.models import Certificate, KeyEnvelope, KeyPair, Notice
from tests.certificates.operations.sealed import seal_key
from tests.onboarding.roads import begin

MakeKey = Callable[..., KeyPair]


@pytest.fixture
def run(capsys: Any) -> Callable[..., tuple[int, str, str]]:
    def command(name: str, *arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            call_command(name, *arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_rotate_keks_prints_rows_per_version(run: Any, request_key: MakeKey, settings: Any) -> None:
    request_key("connection:one")
    request_key("connection:two")
    settings.KEK_KEYRING += ",test2:" + base64.b64encode(os.urandom(32)).decode()
    settings.KEK_ACTIVE = "test2"
    assert run("rotate_keks", "--batch", "1") == (0, "env\ttest2\t2\n", "2 re-wrapped, 0 left\n")
    assert run("rotate_keks") == (0, "env\ttest2\t2\n", "0 re-wrapped, 0 left\n")


def test_rotate_keks_names_what_failed(run: Any, request_key: MakeKey, settings: Any) -> None:
    key = request_key()
    KeyEnvelope.objects.update(dek_nonce=os.urandom(12))
    settings.KEK_KEYRING += ",test2:" + base64.b64encode(os.urandom(32)).decode()
    settings.KEK_ACTIVE = "test2"
    code, out, err = run("rotate_keks")
    assert (code, out, f"{key.pk}: Version “test1” of the keyring does not open" in err) == (
        1,
        "env\ttest1\t1\n",
        True,
    )


@pytest.mark.parametrize("command", ["rotate_keks", "verify_custody"])
def test_a_missing_keyring_is_a_wrong_configuration(run: Any, db: Any, settings: Any, command: str) -> None:
    settings.KEK_KEYRING = ""
    code, out, err = run(command)
    assert (code, out, "KEK_KEYRING is not set" in err) == (2, "", True)


@pytest.mark.parametrize("arguments", [("rotate_keks", "--batch", "0"), ("verify_custody", "--sample", "0")])
def test_a_wrong_number_is_a_wrong_call(run: Any, db: Any, arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[:2] == (2, "")


def test_verify_custody_prints_one_row_a_key(run: Any, request_key: MakeKey) -> None:
    keys = sorted(str(request_key(f"connection:{n}").pk) for n in range(2))
    assert run("verify_custody") == (
        0,
        "".join(f"{key}\ttest1\topens\n" for key in keys),
        "certificates.keyenvelope: 2 open, 0 do not\nenv “test1” must stay: it seals 2\n",
    )
    assert len(run("verify_custody", "--sample", "1")[1].splitlines()) == 1


def test_verify_custody_names_what_does_not_open(run: Any, request_key: MakeKey, settings: Any) -> None:
    key = request_key()
    settings.KEK_KEYRING = "test1:" + base64.b64encode(os.urandom(32)).decode()
    code, out, err = run("verify_custody")
    assert (code, out.startswith(f"{key.pk}\ttest1\tVersion “test1”"), err.startswith("Version “test1”")) == (
        1,
        True,
        True,
    )


def test_verify_custody_says_how_versions_and_recovery_wraps_stand(run: Any, db: None, settings: Any) -> None:
    now = timezone.now()
    seal_key(now)
    begin(now)
    settings.KEK_KEYRING += ",test2:" + base64.b64encode(os.urandom(32)).decode()
    settings.KEK_ACTIVE = "test2"
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072).public_key()
    settings.RECOVERY_PUBLIC_KEY = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    code, out, err = run("verify_custody")
    assert (code, len(out.splitlines())) == (1, 1)
    assert "onboarding.contactdetails: 1 open, 0 do not\nonboarding.portallink: 1 open, 0 do not\n" in err
    assert "env “test1” must stay: it seals 3\n" in err
    assert "0 rows have its wrap, 3 have none, 0 are for another key\nRun rotate_keks" in err

    assert run("rotate_keks") == (
        0, "env\ttest2\t3\n", "3 re-wrapped, 3 given a recovery wrap, 0 left\n",
    )  # fmt: skip
    code, out, err = run("verify_custody")
    assert (code, "“test1” may leave" in err, "3 rows have its wrap, 0 have none" in err) == (0, True, True)


def test_progress_is_told_once_a_second() -> None:
    said = io.StringIO()
    times = iter([0.0, 0.5, 2.0, 2.5, 4.0])
    watch = Progress(OutputWrapper(said), "re-wrapped", clock=lambda: next(times))
    for done in (100, 4000, 5000, 9000):
        watch(done, 8000)
    assert said.getvalue() == "4,000 of 8,000 re-wrapped, 2,000/s\n9,000 of 9,000 re-wrapped, 2,250/s\n"


def test_warn_expiring_certificates_speaks_once(run: Any, install: Any) -> None:
    certificate = install()
    Certificate.objects.filter(pk=certificate.pk).update(not_after=timezone.now() + timedelta(days=5))
    code, out, err = run("warn_expiring_certificates")
    assert (code, out.startswith("connection:harbor oauth test: ends ")) == (1, True)
    assert err == "1 new, 0 escalated, 2 mails sent\n"  # the notice, and the digest of the week
    assert run("warn_expiring_certificates") == (0, "", "0 new, 0 escalated, 0 mails sent\n")


def test_the_scheduled_tasks_do_the_same(install: Any) -> None:
    ended = timezone.now() - timedelta(days=1)
    install()
    install()
    Certificate.objects.update(not_after=ended)
    assert (tasks.warn_expiring_certificates(), tasks.warn_expiring_certificates()) == (2, 0)
    assert (tasks.retire_expired_keys(), tasks.retire_expired_keys()) == (1, 0)
    assert Notice.objects.filter(superseded_by=None).count() == 2
