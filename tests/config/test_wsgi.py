"""A server does not start with a keyring that could not open what is sealed in its database."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest

from audit.recording import Actor
from certificates import operations
from tests.config.test_processes import LOOK, linux
from tests.processes import ROOT, environment, manage

pytestmark = pytest.mark.django_db(transaction=True)

WRONG = "test1:" + base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def sealed(now: datetime, actor: Actor) -> None:
    operations.generate_csr(scope="connection:harbor", use="oauth", environment="test", actor=actor, now=now)


def start(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT, env=environment(**more), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_the_web_server_refuses_a_wrong_key_and_names_its_version(sealed: None) -> None:
    done = start("-m", "gunicorn", "config.wsgi", "--bind", "127.0.0.1:0", KEK_KEYRING=WRONG)
    assert done.returncode == 3, done.stderr  # gunicorn's "could not start": it does not try again
    assert "“test1”" in done.stderr
    assert WRONG.partition(":")[2] not in done.stderr


def test_the_worker_refuses_a_wrong_key_and_names_its_version(sealed: None) -> None:
    done = manage("run_worker", KEK_KEYRING=WRONG)
    assert (done.returncode, "“test1”" in done.stderr, "Traceback" in done.stderr) == (2, True, False), (
        done.stderr
    )


@linux
def test_with_the_right_key_it_starts_and_withholds_its_memory(sealed: None) -> None:
    done = start("-c", f"import config.wsgi\n{LOOK}")
    assert (done.returncode, done.stdout) == (0, '{"core": [0, 0], "dumpable": 0}\n'), done.stderr


def test_a_database_that_is_not_there_yet_does_not_stop_it(tmp_path: Any) -> None:
    done = start(
        "-c", "import config.wsgi; print('up')", DATABASE_URL=f"sqlite:///{tmp_path / 'none.sqlite3'}"
    )
    assert (done.returncode, done.stdout) == (0, "up\n"), done.stderr
