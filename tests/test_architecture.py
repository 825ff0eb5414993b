"""The shape of the project, held by tests: foreign keys point one way, modules keep their words."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ["config", "onboarding", "bankfeeds", "certificates", "audit"]  # top first
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "services", "manager", "managers", "misc"}


def sources() -> Iterable[Path]:
    for app in LAYERS:
        yield from (p for p in (ROOT / app).rglob("*.py") if "migrations" not in p.parts)


def upward_keys(classes: Iterable[type[models.Model]]) -> list[str]:
    """Return every relation that points from a lower app to an upper one."""
    found = []
    for model in classes:
        for field in model._meta.get_fields():
            if not isinstance(field, models.ForeignKey | models.ManyToManyField):
                continue
            here, there = model._meta.app_label, field.related_model._meta.app_label
            if here in LAYERS and there in LAYERS and LAYERS.index(there) < LAYERS.index(here):
                found.append(f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}")
    return found


def test_foreign_keys_point_downwards_only() -> None:
    assert upward_keys(apps.get_models()) == []


@isolate_apps("audit", "onboarding")
def test_a_seeded_foreign_key_pointing_upwards_is_caught() -> None:
    class Upper(models.Model):  # noqa: DJ008
        class Meta:
            app_label = "onboarding"

    class Lower(models.Model):  # noqa: DJ008
        upper = models.ForeignKey(Upper, models.CASCADE)

        class Meta:
            app_label = "audit"

    assert upward_keys([Upper, Lower]) == ["audit.Lower.upper -> onboarding.Upper"]


def test_the_import_contracts_hold() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("audit/chain.py", "import certificates.apps", "One arrow"),
        ("bankfeeds/money.py", "import django.db", "Pure modules know no Django"),
        ("bankfeeds/simulator/bank.py", "import bankfeeds.money", "shares no line with the client"),
        ("audit/surprise.py", "", "Layers inside audit"),
        ("onboarding/portal.py", "import onboarding.models", "Interfaces make one call"),
    ],
)
def test_a_seeded_breach_of_a_contract_is_caught(
    tmp_path: Path, module: str, line: str, contract: str
) -> None:
    copy = tmp_path / "project"
    copy.mkdir()
    for app in LAYERS:
        subprocess.run(["cp", "-r", str(ROOT / app), str(copy / app)], check=True)
    subprocess.run(["cp", str(ROOT / "pyproject.toml"), str(copy)], check=True)
    target = copy / module
    target.write_text((target.read_text() if target.exists() else "") + f"\n{line}\n")
    result = lint_imports(copy)
    broken = [row for row in result.stdout.splitlines() if row.rstrip().endswith("BROKEN")]
    assert (result.returncode, any(contract in row for row in broken)) == (1, True), result.stdout


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [str(p.relative_to(ROOT)) for p in sources() if p.stem in SAYS_NOTHING] == []


def test_no_module_below_the_edges_reads_the_clock() -> None:
    edges = (
        "admin",
        "tasks",
        "portal",
        "management",
        "simulator",
        "health",
        "metrics",
        "worker",
        "demo",
        "transitions",
        "console",
    )
    found = []
    for path in sources():
        relative = path.relative_to(ROOT)
        if any(edge in str(relative) for edge in edges):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "timezone.now", "datetime.now", "date.today", "datetime.utcnow", "datetime.today", "timezone.localdate",
            }:  # fmt: skip
                found.append(f"{relative}:{node.lineno}")
    assert found == []


def test_files_and_functions_stay_readable() -> None:
    found = []
    for path in sources():
        text = path.read_text()
        if text.count("\n") > 300:
            found.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno + 1 > 60:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert found == []
