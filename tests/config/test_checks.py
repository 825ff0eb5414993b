"""What stands between a configuration and production, each as one sentence; and that secrets stay secret."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage

from config import checks

ROOT = Path(__file__).resolve().parents[2]
KEYRING = "2026a:" + base64.b64encode(bytes(range(32))).decode()
PRODUCTION = {
    "DEBUG": False,
    "PUBLIC_URL": "https://status.vendor.example",
    "ALLOWED_HOSTS": ["status.vendor.example"],
    "SECRET_KEY": "obviously-a-test-key-and-nothing-else-0123456789",
    "SECRET_KEY_IS_SET": True,
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "EMAIL_CONFIG": {"EMAIL_HOST": "mail.vendor.example", "EMAIL_USE_TLS": True},
    "OPS_EMAIL": "ops@vendor.example",
    "DEFAULT_FROM_EMAIL": "Lockkeeper <lockkeeper@vendor.example>",
    "CSR_SUBJECT": {"O": "Harbor Kettle Integrations Inc"},
}


@pytest.fixture
def production(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.postgresql")
    for name, value in PRODUCTION.items():
        setattr(settings, name, value)
    return settings


def ids(found: list[CheckMessage]) -> list[str]:
    return [str(message.id).removeprefix("lockkeeper.") for message in found]


def test_a_sound_configuration_passes(production: Any) -> None:
    assert checks.check_deployment() == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DEBUG", True, "E001"),
        ("PUBLIC_URL", "http://status.vendor.example", "E002"),
        ("ALLOWED_HOSTS", ["*"], "E003"),
        ("ALLOWED_HOSTS", [], "E003"),
        ("ALLOWED_HOSTS", ["localhost", "127.0.0.1"], "E003"),
        ("SECRET_KEY", "short", "E004"),
        ("SECRET_KEY_IS_SET", False, "E009"),
        ("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend", "E005"),
        ("EMAIL_CONFIG", {"EMAIL_HOST": "mail-server-not-set.invalid", "EMAIL_USE_TLS": True}, "E005"),
        ("EMAIL_CONFIG", {"EMAIL_HOST": "mail.vendor.example"}, "W001"),
        ("OPS_EMAIL", "", "E006"),
        ("DEFAULT_FROM_EMAIL", "Lockkeeper <lockkeeper@localhost>", "E007"),
        ("CSR_SUBJECT", {"O": "Example Vendor Inc"}, "E008"),
    ],
)
def test_each_fault_is_named(production: Any, name: str, value: Any, said: str) -> None:
    setattr(production, name, value)
    found = checks.check_deployment()
    assert ids(found) == [said]
    assert found[0].msg.endswith((".", "Integrations", "(smtp+tls:// or smtp+ssl://)."))


def test_sqlite_is_warned_of(production: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(production.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    assert ids(checks.check_deployment()) == ["W002"]


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py with nothing set but what is given."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": os.environ["PATH"], "DJANGO_READ_DOT_ENV": "false", **environment},
    )  # fmt: skip


def test_with_nothing_set_the_deployment_check_says_all_that_is_missing_and_no_traceback() -> None:
    done = manage("check", "--deploy")
    missing = ("SECRET_KEY is not set", "KEK_KEYRING is not set", "PUBLIC_URL", "ALLOWED_HOSTS", "EMAIL_URL",
               "OPS_EMAIL", "DEFAULT_FROM_EMAIL", "CSR_SUBJECT", "DATABASE_URL")  # fmt: skip
    assert [name for name in missing if name not in done.stderr] == []
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


def test_without_a_secret_key_nothing_that_signs_starts() -> None:
    done = manage("migrate", "--check")
    assert (done.returncode, done.stderr.startswith("Configuration: SECRET_KEY is not set.")) == (2, True)


def test_each_secret_is_read_from_the_file_named_for_it(tmp_path: Path) -> None:
    given = {
        "SECRET_KEY": PRODUCTION["SECRET_KEY"],
        "KEK_KEYRING": KEYRING,
        "DATABASE_URL": "postgres://lockkeeper:planted@db.invalid/x",
        "REDIS_URL": "redis://:planted@redis.invalid/0",
        "EMAIL_URL": "smtp+tls://lockkeeper:planted@mail.example:587",
        "METRICS_TOKEN": "planted-token",
    }
    files = {}
    for name, value in given.items():
        path = tmp_path / name
        path.write_text(f"{value}\n")
        files[f"{name}_FILE"] = str(path)
    code = (
        "from config import settings as s;"
        "print(s.SECRET_KEY, s.KEK_KEYRING, s.DATABASES['default']['HOST'], s.DATABASES['default']['PASSWORD'],"
        " s.REDIS_URL, s.EMAIL_HOST, s.EMAIL_HOST_PASSWORD, s.METRICS_TOKEN)"
    )
    environment = {"PATH": os.environ["PATH"], "DJANGO_READ_DOT_ENV": "false", **files}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [
        PRODUCTION["SECRET_KEY"], KEYRING, "db.invalid", "planted", given["REDIS_URL"], "mail.example", "planted",
        "planted-token",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"EMAIL_URL": "smtp://lockkeeper:plan#ted@mail.example"},
        {"DATABASE_URL": "postgres://lockkeeper:plan[ted@db.example/x"},
        {"KEK_KEYRING": "planted-without-its-version"},
    ],
)
def test_a_secret_that_cannot_be_read_is_not_repeated_in_the_refusal(wrong: dict[str, str]) -> None:
    done = manage("check", **{"SECRET_KEY": str(PRODUCTION["SECRET_KEY"]), "KEK_KEYRING": KEYRING,
                              "KEK_ACTIVE": "2026a", **wrong})  # fmt: skip
    said = done.stdout + done.stderr
    assert ("Traceback" in said, "plan" in said.replace("explan", "")) == (False, False)


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL"])
def test_a_secret_s_file_that_is_missing_or_no_text_is_a_sentence(tmp_path: Path, name: str) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00planted")
    for path in (tmp_path / "absent", binary):
        done = manage("check", **{"SECRET_KEY": str(PRODUCTION["SECRET_KEY"]), f"{name}_FILE": str(path)})
        assert (done.returncode, done.stderr.startswith(f"Configuration: {name}_FILE cannot be read")) == (
            2,
            True,
        )
        assert "planted" not in done.stderr


def test_a_secret_that_begins_with_a_dollar_sign_is_taken_as_it_is() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from config import settings as s; print(s.SECRET_KEY)"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "DJANGO_READ_DOT_ENV": "false", "SECRET_KEY": "$dollar"},
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("$dollar\n", 0)


def test_without_a_mail_server_no_mail_is_written_to_the_log() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from config import settings as s; print(s.EMAIL_BACKEND, s.EMAIL_HOST)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"], "DJANGO_READ_DOT_ENV": "false", "SECRET_KEY": "x"},
    )  # fmt: skip
    assert done.stdout.split() == [
        "django.core.mail.backends.smtp.EmailBackend", "mail-server-not-set.invalid"
    ]  # fmt: skip
