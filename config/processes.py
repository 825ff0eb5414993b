"""What our processes do before they work, and child processes that are stopped as a group. No Django here."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4


def withhold_core_dumps() -> None:
    """Have no core dump written of this process and its children, and let no other process of this user read it.

    The second part is Linux's own and ends with an exec: each program calls this for itself. Core files are
    limited wherever there are such limits; elsewhere nothing happens.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The limit alone does not bind a system that pipes its dumps to a program.
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def die_with_parent() -> None:
    """Ask the kernel (Linux) to end this process when its parent dies, however that happens."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One process in a group of its own; its output goes to ``<home>/log/<name>.log`` (stdout to us with ``pipe``)."""

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], home: Path, *, pipe: bool = False
    ) -> None:
        self.name = name
        self.log = home / "log" / f"{name}.log"
        with self.log.open("w") as sink:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=home.parent.parent,
                stdout=subprocess.PIPE if pipe else sink,
                stderr=sink,
                stdin=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def ended(self) -> bool:
        """Say whether the process is gone."""
        return self._process.poll() is not None

    def first_line(self, *, timeout: float) -> str:
        """Return the first line of its output, or "" when none came within ``timeout`` seconds."""
        assert self._process.stdout is not None  # noqa: S101 - made with pipe=True
        ready, _, _ = select.select([self._process.stdout], [], [], timeout)
        return self._process.stdout.readline() if ready else ""

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text().splitlines()[-lines:])

    def stop(self, grace: float = 15.0) -> None:
        """End it politely, then its whole group for certain."""
        if not self.ended():
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
