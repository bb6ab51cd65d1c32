"""Nothing that a user names can take the place of a module of Hamsight.

The interpreter is the one that runs the tests, or that of HAMSIGHT_TEST_PYTHON, so that `.ci/run`
asks the same of the installed wheel.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = os.environ.get("HAMSIGHT_TEST_PYTHON", sys.executable)
NAMES = ("query", "ingest", "curate", "sql", "core", "analyze", "explore", "docs", "tests")
SCRIPT = """
import sys
import hamsight
with hamsight.open(sys.argv[1]) as catalog:
    try:
        catalog.query(text="a dog")
    except hamsight.EmptyCatalogError as error:
        print("asked:", error)
"""
LOAD_ALL = """
import importlib, pkgutil
packages = [one.name for one in pkgutil.iter_modules() if one.name.startswith("hamsight")]
for package in packages:
    path = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(path, f"{package}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print("loaded", len(packages) > 4)
"""


def said(folder: Path, *arguments: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [PYTHON, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """A folder with spaces in its name, beside which lie files and folders of these names."""
    folder = tmp_path / "a user's own"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(SCRIPT, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_script_of_any_name_imports_hamsight(named: Path, name: str) -> None:
    assert said(named, f"{name}.py", "none").startswith("asked: there is no catalog at")


def test_no_module_is_shadowed_by_files_of_these_names(named: Path) -> None:
    assert said(named, "-c", LOAD_ALL) == "loaded True\n"


@pytest.mark.parametrize("with_init", [False, True], ids=["folders", "packages"])
def test_the_command_runs_beside_folders_of_these_names(tmp_path: Path, with_init: bool) -> None:
    for name in NAMES:
        (tmp_path / name).mkdir()
        if with_init:
            (tmp_path / name / "__init__.py").write_text("raise SystemExit('shadowed')")
    assert "Find, compare and clean" in said(tmp_path, "-m", "hamsight", "--help")
    assert said(tmp_path, "-c", LOAD_ALL) == "loaded True\n"
