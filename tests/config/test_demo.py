"""The demonstration's own mechanics: what stands in its way is said in a sentence, and it leaves no process behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from config.processes import Child
from tests.processes import ROOT, alive, until


def bare_environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}


def test_a_port_in_use_is_a_sentence_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "config.demo", "--port", str(port)],
            cwd=ROOT, env=bare_environment(tmp_path), capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
    sentence = f"\nmake demo: Port {port} is in use. Stop what uses it, or run: make demo PORT={port + 1}\n"
    assert (done.returncode, done.stderr) == (1, sentence)


def test_a_child_and_its_own_children_are_gone_after_stop(tmp_path: Path) -> None:
    home = tmp_path / "var" / "demo"
    (home / "log").mkdir(parents=True)
    script = "import subprocess, time; c = subprocess.Popen(['sleep', '60']); print(c.pid, flush=True); time.sleep(60)"
    child = Child("sleeper", [sys.executable, "-c", script], bare_environment(tmp_path), home, pipe=True)
    grandchild = int(child.first_line(timeout=20))
    child.stop(grace=1)
    assert child.ended()
    until(lambda: not alive(grandchild), seconds=10, what="the grandchild's end")


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    home = tmp_path / "var" / "demo"
    (home / "log").mkdir(parents=True)
    parent_script = (
        "import sys, time, pathlib; from config.processes import Child; "
        f"c = Child('sleeper', ['sleep', '60'], {{'PATH': {os.environ['PATH']!r}}}, pathlib.Path({str(home)!r})); "
        "print(c._process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", parent_script],
        cwd=ROOT,
        env=bare_environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until(lambda: not alive(child), seconds=10, what="the child's end")
