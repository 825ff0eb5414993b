"""``python -m config.demo``: the whole product on one machine, with the bundled bank, from nothing.

Starts the bank simulator, the web server and the worker as processes of their own, loads the demonstration through
real operations, and either stays up until Ctrl-C or (``--once``) checks what it promises and stops. Imports no Django:
each process it starts reads the environment made here.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NoReturn

from config.processes import Child, die_with_parent

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "var" / "demo"
PYTHON = sys.executable


class DemoFailed(Exception):
    """The demonstration cannot go on; the message says why and what to do."""


def main() -> int:
    """Run the demonstration; return the exit code."""
    arguments = _arguments()
    # Set, not trusted to be so: a shell that starts us in the background has SIGINT ignored.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    children: list[Child] = []
    try:
        return _run(arguments, children)
    except DemoFailed as problem:
        print(f"\nmake demo: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopping.")
        return 0 if not arguments.once else 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave a process behind
        for child in reversed(children):
            child.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--once", action="store_true", help="load, check, stop")
    return parser.parse_args()


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _run(arguments: argparse.Namespace, children: list[Child]) -> int:
    began = time.monotonic()
    port = _free_port() if arguments.once else _claim(arguments.port)
    environment = _fresh_home(port)
    say = Progress()
    say("Preparing the database")
    _manage(environment, "migrate", "--verbosity", "0")
    say("Starting the simulated bank")
    bank = _start_bank(environment, children)
    say("Starting the web server and the worker")
    _start_servers(environment, children, port)
    say("Taking customers through the six steps (keys, certificates, approval, first pulls)")
    _manage(environment, "load_demo", "--control", str(bank["urls"]["control"]), stream=True)
    _wait_for(f"http://localhost:{port}/healthz", children)
    if arguments.once:
        say("Checking what the demonstration promises")
        code = _manage_code(environment, "check_demo", "--url", f"http://localhost:{port}")
        print(
            f"{'All promises kept' if code == 0 else 'A promise was broken'} ({time.monotonic() - began:.0f} s)."
        )
        return code
    _show(json.loads((HOME / "summary.json").read_text()), port)
    _stay(children)
    return 0


class Progress:
    """Says what is being done and how long the demonstration has been at it."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, what: str) -> None:
        print(f"[{time.monotonic() - self._began:5.1f} s] {what}", flush=True)


def _fresh_home(port: int) -> dict[str, str]:
    """Empty the demonstration's folder and return the environment its processes run in, with keys made just now."""
    shutil.rmtree(HOME, ignore_errors=True)
    (HOME / "log").mkdir(parents=True, mode=0o700)
    keep = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ
    }
    own = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DJANGO_READ_DOT_ENV": "false",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "KEK_KEYRING": "demo1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "KEK_ACTIVE": "demo1",
        "DATABASE_URL": f"sqlite:///{HOME / 'lockkeeper.sqlite3'}",
        "PUBLIC_URL": f"http://localhost:{port}",
        "EMAIL_URL": f"filemail://{HOME / 'mail'}",
        "OPS_EMAIL": "ops@vendor.example",
        "VENDOR_NAME": "Example Vendor",
        "DEPLOYMENT": "demo",
        "DEMO_HOME": str(HOME),
        "LOG_LEVEL": "WARNING",
        "PYTHONUNBUFFERED": "1",
    }
    lines = "".join(f"export {name}='{value}'\n" for name, value in own.items())
    settings_file = HOME / "environment"
    settings_file.touch(mode=0o600)
    settings_file.write_text(lines)
    return keep | own


def _manage_code(environment: dict[str, str], *arguments: str) -> int:
    command = [PYTHON, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=False, preexec_fn=die_with_parent
    ).returncode


def _manage(environment: dict[str, str], *arguments: str, stream: bool = False) -> None:
    log = HOME / "log" / f"{arguments[0]}.log"
    with log.open("w") as sink:
        stdout: IO[str] | None = None if stream else sink
        command = [PYTHON, "manage.py", *arguments]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdout=stdout,
            stderr=sink,
            check=False,
            preexec_fn=die_with_parent,
        )
    if done.returncode != 0:
        tail = "\n".join(log.read_text().splitlines()[-15:])
        raise DemoFailed(
            f"“manage.py {arguments[0]}” ended with {done.returncode}. The end of {log}:\n{tail}"
        )


def _start_bank(environment: dict[str, str], children: list[Child]) -> dict[str, Any]:
    child = Child(
        "bank",
        [PYTHON, "manage.py", "run_bank_simulator", "--state-dir", str(HOME / "bank")],
        environment,
        HOME,
        pipe=True,
    )
    children.append(child)
    line = child.first_line(timeout=60)
    if not line:
        raise DemoFailed(f"The simulated bank did not start. The end of its log:\n{child.tail()}")
    bank: dict[str, Any] = json.loads(line)
    return bank


def _start_servers(environment: dict[str, str], children: list[Child], port: int) -> None:
    web = [
        PYTHON,
        "-m",
        "gunicorn",
        "config.wsgi",
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        "1",
        "--threads",
        "4",
    ]
    children.append(Child("web", [*web, "--log-level", "warning"], environment, HOME))
    children.append(Child("worker", [PYTHON, "manage.py", "run_worker", "--grace", "5"], environment, HOME))


def _wait_for(url: str, children: list[Child], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        _alive(children)
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise DemoFailed(
        f"The web server did not answer at {url} within {seconds:.0f} s; see {HOME / 'log' / 'web.log'}"
    )


def _alive(children: list[Child]) -> None:
    for child in children:
        if child.ended():
            raise DemoFailed(f"The {child.name} process ended by itself. The end of its log:\n{child.tail()}")


def _stay(children: list[Child], sleep: Callable[[float], None] = time.sleep) -> None:
    while True:
        _alive(children)
        sleep(1)


def _show(summary: dict[str, Any], port: int) -> None:
    print(f"\nConsole   http://localhost:{port}/admin/")
    for login in summary["logins"]:
        print(f"          {login['name']:<10} password {login['password']}   {login['role']}")
    print("\nPortal")
    for link in summary["portals"]:
        print(f"          {link['customer']:<28} {link['url']}   {link['stage']}")
    print(f"\nMails     {HOME / 'mail'}\nLogs      {HOME / 'log'}")
    reconcile = "manage.py reconcile_feeds --connection harbor-kettle-co --format text"
    print(f"Commands  . {HOME / 'environment'} && {Path(PYTHON)} {reconcile}")
    print("\nCtrl-C stops everything.", flush=True)


def _claim(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise DemoFailed(
                f"Port {port} is in use. Stop what uses it, or run: make demo PORT={port + 1}"
            ) from None
    return port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
