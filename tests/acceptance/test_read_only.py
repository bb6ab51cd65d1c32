"""A catalog that can only be read is searched, listed, exported and shown; a copy is one's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import prepared
import pytest
import toy

PAGE = """
import sys
sys.path.insert(0, sys.argv[2])
from visitor import Visitor
from hamsight_explore import start
with start(sys.argv[1]) as running:
    visitor = Visitor(running)
    print(visitor.get("catalog").json["readOnly"], len(visitor.asked()["rows"]))
    print(visitor.post("actions", action="status", name="a", items=[0], page="p").status)
"""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A catalog of five pictures, made by another process."""
    script = (
        "import sys, hamsight; hamsight.open(sys.argv[1]).ingest(sys.argv[2], model=sys.argv[3])"
    )
    photos, model = toy.photos(tmp_path / "photos", 5), toy.model(tmp_path / "model")
    prepared.run([sys.executable, "-c", script, tmp_path / "made", photos, model], check=True)
    return tmp_path / "made"


@pytest.fixture
def read_only(made: Path, tmp_path: Path) -> Iterator[Path]:
    """The same where nobody may write: for root on a mount, else by its permissions."""
    if sys.platform == "linux" and os.geteuid() == 0:
        mounted = tmp_path / "mounted"
        mounted.mkdir()
        commands = (
            ["mount", "--bind", made, mounted],
            ["mount", "-o", "remount,bind,ro", mounted],
        )
        if any(subprocess.run(one, capture_output=True).returncode for one in commands):
            pytest.skip("root may not mount here")
        yield mounted
        subprocess.run(["umount", mounted], check=True)
        return
    for folder, _, files in os.walk(made):
        for name in files:
            os.chmod(os.path.join(folder, name), 0o444)
        os.chmod(folder, 0o555)
    yield made
    for folder, _, _ in os.walk(made):
        os.chmod(folder, 0o755)


def state(folder: Path) -> dict[str, int]:
    return {
        str(file.relative_to(folder)): file.stat().st_mtime_ns
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_catalog_on_a_read_only_disk(run_cli: Callable, made: Path, read_only: Path) -> None:
    before, mirrors = state(made), set(Path("/tmp").glob("hamsight-read-*"))

    def asked(*words: str) -> str:
        done = run_cli(*words, "--db", read_only, check=True)
        assert done.stderr == "" or words[0] == "export"
        return done.stdout

    found = [
        json.loads(line)
        for line in asked("query", "--item", "001.jpg", "--format", "jsonl").splitlines()
    ]
    assert len(found) == 4
    asked("export", made.parent / "out.csv", "--to", "csv", "--dataset", "photos")
    assert len((made.parent / "out.csv").read_text().splitlines()) == 6
    for words in (
        ["group", "add", "some", "001.jpg"],
        ["ingest", str(made.parent / "photos")],
    ):
        refused = run_cli(*words, "--db", read_only)
        assert refused.returncode == 3 and "can only be read" in refused.stderr
    shown = prepared.run(
        [sys.executable, "-c", PAGE, read_only, Path(__file__).parents[1]],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert shown.stdout.split() == ["True", "5", "403"], shown.stderr
    assert state(made) == before
    assert set(Path("/tmp").glob("hamsight-read-*")) <= mirrors


def test_a_copy_is_a_catalog_of_its_own(run_cli: Callable, made: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(made, tmp_path / "copy", symlinks=True)
    shutil.rmtree(made)
    run_cli("group", "add", "some", "001.jpg", "--db", copy, check=True)
    listed = run_cli("query", "--where", '"some" in groups', "--format", "jsonl", "--db", copy)
    assert json.loads(listed.stdout)["id"] == "001.jpg"
