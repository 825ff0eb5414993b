"""Real processes for tests: our commands against this test's database, and a look at process groups."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.db import connection

ROOT = Path(__file__).resolve().parent.parent


def environment(**more: str) -> dict[str, str]:
    """Return the environment in which a process uses this test's database and the project's real settings."""
    keep = ("PATH", "HOME", "LANG", "SECRET_KEY", "KEK_KEYRING", "KEK_ACTIVE", "PUBLIC_URL", "OPS_EMAIL",
            "REDIS_URL", "QUEUE_BROKER", "PGPASSWORD")  # fmt: skip
    return {
        **{name: os.environ[name] for name in keep if name in os.environ},
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DJANGO_READ_DOT_ENV": "false",
        "DATABASE_URL": database_url(),
        "EMAIL_URL": "consolemail://",
        "LOG_LEVEL": "INFO",
        **more,
    }


def database_url() -> str:
    """Return the address of the database this test runs on."""
    facts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{facts['NAME']}"
    user = facts["USER"] or "root"
    return f"postgres://{user}@{facts['HOST'] or '127.0.0.1'}:{facts['PORT'] or 5432}/{facts['NAME']}"


def manage(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one of our commands to its end."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(**more), capture_output=True, text=True, check=False, timeout=120
    )


@contextlib.contextmanager
def running(*arguments: str, log: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of our commands in the background, in a group of its own; end it and its group afterwards."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=environment(**more), stdout=sink, stderr=sink, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(condition: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """Wait until ``condition`` gives something true and return it; fail with ``what`` otherwise."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"after {seconds} s still not: {what}")


def descendants(pid: int) -> list[int]:
    """Return the living processes below ``pid``, nearest first."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                if fields[0] != "Z":
                    parents.setdefault(int(fields[1]), []).append(int(folder.name))
    found, queue = [], [pid]
    while queue:
        below = parents.get(queue.pop(0), [])
        found += below
        queue += below
    return found


def alive(pid: int) -> bool:
    """Say whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
