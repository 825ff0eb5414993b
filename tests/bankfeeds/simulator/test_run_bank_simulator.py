from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from tests.bankfeeds.simulator.caller import call, tls

ROOT = Path(__file__).resolve().parents[3]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", "run_bank_simulator", *arguments]


def environment() -> dict[str, str]:
    return os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}


@contextmanager
def running_bank(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    process = subprocess.Popen(
        command(*arguments),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def refused(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_says_where_the_bank_is_and_keeps_its_state(tmp_path: Path) -> None:
    state = tmp_path / "state"
    arguments = (
        "--scenario",
        "not-approved",
        "--today",
        "2026-06-03",
        "--seed",
        "11",
        "--state-dir",
        str(state),
    )
    with running_bank(*arguments) as (process, about):
        assert {**about, "urls": sorted(about["urls"])} == {
            "scenario": "not-approved",
            "today": "2026-06-03",
            "pid": process.pid,
            "urls": ["control", "mtls", "oauth", "token"],
            "roots": str(state / "roots.pem"),
            "client_id": "CC-900001-Z100001-200001-UAT",
            "resource": "JPMC:URI:RS-900001-90001-SimBankFeed-UAT",
            "accounts": ["000000700100200", "000000700100201"],
        }
        roots = Path(about["roots"]).read_text()
        assert call(tls(roots), "GET", about["urls"]["oauth"]).status == 404
        with build_opener(ProxyHandler({})).open(about["urls"]["control"] + "/state") as response:
            assert json.loads(response.read())["urls"] == about["urls"]
    assert process.returncode == 0

    with running_bank(*arguments) as (process, about):
        assert Path(about["roots"]).read_text() == roots
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert errors.splitlines() == [
        "The simulated bank is open. Ctrl-C closes it.",
        "The simulated bank is closed.",
    ]


def test_a_taken_port_is_exit_2_with_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, errors = refused("--port", str(port))
    assert (code, out) == (2, "")
    assert f"Port {port} on 127.0.0.1 cannot be used for the bank's oauth listener" in errors
    assert "Traceback" not in errors


def test_an_unknown_scenario_or_day_is_exit_2_with_a_sentence() -> None:
    code, out, errors = refused("--scenario", "nope")
    assert (code, out) == (2, "")
    assert "There is no scenario called nope" in errors
    code, out, errors = refused("--today", "yesterday")
    assert (code, out) == (2, "")
    assert "yesterday is not a date of the form yyyy-mm-dd" in errors
