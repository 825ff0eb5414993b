"""Providers by name: made once per configuration and process, and remembered without a secret."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from certificates import kek
from tests.certificates.kek.test_env import NEW, OLD, entry

OPTIONS = {"keyring": entry("a", OLD), "active": "a"}
ROOT = Path(__file__).resolve().parents[3]


def test_the_same_options_give_the_same_provider_and_others_another() -> None:
    first = kek.provider("env", OPTIONS)
    assert kek.provider("env", dict(reversed(OPTIONS.items()))) is first
    assert kek.provider("env", {**OPTIONS, "keyring": entry("a", NEW)}) is not first
    kek.forget()
    assert kek.provider("env", OPTIONS) is not first


def test_only_a_few_are_kept() -> None:
    first = kek.provider("env", OPTIONS)
    for number in range(20):
        kek.provider("env", {**OPTIONS, "unused": str(number)})
    assert kek.provider("env", OPTIONS) is not first


def test_what_is_remembered_holds_no_option_in_words() -> None:
    kek.forget()
    kek.provider("env", OPTIONS)
    shown = repr(vars(kek))
    assert (OPTIONS["keyring"][2:] in shown, "<Keyring of 1 versions, active a>" in shown) == (False, True)


def test_a_refusal_is_not_remembered() -> None:
    for _ in range(2):
        with pytest.raises(kek.KekMisconfigured):
            kek.provider("env", {})


def test_a_forked_process_makes_its_own() -> None:
    code = f"""
import os
from certificates import kek
options = {OPTIONS!r}
ours = kek.provider("env", options)
child = os.fork()
if child == 0:
    os._exit(0 if kek.provider("env", options) is not ours else 1)
print(os.waitpid(child, 0)[1], kek.provider("env", options) is ours)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.stdout == "0 True\n"
