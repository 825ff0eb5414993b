"""Fresh machine: cloned into an empty folder, in an empty environment, the README's two commands work."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.fresh

# Where every test has just run in a fresh clone anyway, a part is enough to show that the command works in another one.
PART = "tests/audit tests/config/test_health.py tests/onboarding/test_road.py" if "CI" in os.environ else ""
ROOT = Path(__file__).resolve().parents[2]
REACHES_THE_INDEX = (
    "PIP_",
    "SSL_CERT",
    "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
)


def bare(home: Path) -> dict[str, str]:
    """Return a newcomer's environment: a path to python, git and make, and the way to the package index."""
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if name.startswith(REACHES_THE_INDEX)}
    system = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if ".venv" not in part)
    return {**kept, "PATH": system, "HOME": str(home)}


def run(folder: Path, environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
        stdin=subprocess.DEVNULL,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-6000:]
    return output


def test_make_demo_and_make_test_work_in_a_new_clone(tmp_path: Path) -> None:
    environment = bare(tmp_path / "home")
    clone = tmp_path / "clone"
    run(tmp_path, environment, "git", "clone", "--quiet", str(ROOT), str(clone))

    demo = run(clone, environment, "make", "demo", "ONCE=1")
    outcomes = [line for line in demo.splitlines() if line.startswith(("kept", "BROKEN"))]
    assert len(outcomes) == 8
    assert [line for line in outcomes if not line.startswith("kept")] == []

    tests = run(clone, environment, "make", "test", f"ARGS={PART}")
    assert " passed" in tests
    assert run(clone, environment, "git", "status", "--porcelain") == ""
