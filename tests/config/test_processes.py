"""Where keys are opened, memory stays withheld: no core file, and nothing for another process of the same user."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.processes import ROOT, environment, manage

LOOK = """
import ctypes, json, resource
print(json.dumps({
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
}))
"""

# As an ordinary user: root may read everything, and the files below /proc/self are root's once memory is withheld.
UNPRIVILEGED = """
import ctypes, json, os, subprocess
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
django.setup()
from certificates import identity, x509
from config.processes import withhold_core_dumps
from tests.certificates.authority import Authority, name

private = x509.make_key("ec-p256")
root = Authority("Harbour Test Root (not a bank)")
chain = [root.certify(private.public_key(), subject=name("harbor"), begins=root.certificate.not_valid_before_utc,
                      ends=root.certificate.not_valid_after_utc)]
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)

def neighbour_reads() -> bool:
    return subprocess.run(["cat", f"/proc/{os.getpid()}/environ"], capture_output=True).returncode == 0

ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
before = neighbour_reads()
withhold_core_dumps()
context = identity._bare_context(root.certificate.public_bytes(identity.Encoding.PEM).decode())
identity._load(context, private, chain)
print(json.dumps({
    "before": before,
    "after": neighbour_reads(),
    "owner of /proc/self/fd": os.stat("/proc/self/fd").st_uid,
    "in memory": identity._nameless_file()[1].startswith("/proc/self/fd/"),
}))
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="prctl and /proc are Linux's")


@linux
def test_every_command_withholds_its_memory() -> None:
    done = manage("shell", "-v", "0", "-c", LOOK)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"core": [0, 0], "dumpable": 0}), done.stderr


@linux
def test_a_key_still_loads_where_neighbours_cannot_read_any_more() -> None:
    assert run(UNPRIVILEGED) == {
        "before": True,
        "after": False,
        "owner of /proc/self/fd": 0,
        "in memory": True,
    }


def test_withholding_works_without_the_systems_calls() -> None:
    """Elsewhere than on Linux there is no prctl, and on Windows there are no limits."""
    elsewhere = (
        "import ctypes, sys\n"
        "class Library:\n    pass\n"
        "ctypes.CDLL = lambda name: Library()\n"
        "sys.modules['resource'] = None\n"
        "from config.processes import withhold_core_dumps\n"
        "withhold_core_dumps()\nprint('{}')"
    )
    assert run(elsewhere) == {}


def run(script: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT, env=environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
