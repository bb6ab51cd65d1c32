"""The README's commands, and the Python of README and docs, run as they are written.

They run in a folder with spaces in its name beside a script called query.py, with the interpreter
and the command of HAMSIGHT_TEST_PYTHON where it names one, else with a command that is forked (see
`prepared`). Left out is what needs a network or a container, and what serves until Ctrl-C.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import prepared
import pytest

from hamsight.demo.scenes import draw_scene

PYTHON = os.environ.get("HAMSIGHT_TEST_PYTHON", sys.executable)
REPO = Path(__file__).resolve().parents[2]
README = (REPO / "README.md").read_text("utf-8")
NOT_HERE = (
    *("pip install", "models pull", "clip-vit", "openssl", "docker", "export HAMSIGHT_DB"),
    "hamsight explore",
)


def commands() -> list[str]:
    """Return the commands of the console blocks, of several lines where a quote is open."""
    found: list[str] = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(line.removeprefix("$ "))
            elif found and found[-1].count('"') % 2:
                found[-1] += f"\n{line}"
    return [one for one in found if not any(word in one for word in NOT_HERE)]


def python_blocks(page: str) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))


def run_script(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    forked = None if "HAMSIGHT_TEST_PYTHON" in os.environ else prepared.folder_of_command()
    path = os.pathsep.join((str(forked or Path(PYTHON).parent), os.environ["PATH"]))
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHON": PYTHON, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder: photos in folders of two kinds, one as the README names it."""
    folder = tmp_path / "my work"
    photos = folder / "photos"
    random = np.random.default_rng(0)
    for kind in ("roses", "tulips"):
        (photos / kind).mkdir(parents=True)
        for number in range(12):
            draw_scene(random).image.save(photos / kind / f"{number}.jpg")
    named = re.search(r"photos/(roses/\w+\.jpg)", README)
    assert named
    (photos / "roses/0.jpg").rename(photos / named[1])
    (folder / "query.py").write_text('raise SystemExit("a script of the user was imported")')
    return folder


def test_the_readme_works_as_written(folder: Path) -> None:
    answered = [one.replace("hamsight delete", "hamsight delete --yes") for one in commands()]
    # 1 is the status where nothing is found
    answered = [f"{one} || [ $? = 1 ]" if "hamsight find" in one else one for one in answered]
    assert len(answered) > 15
    (folder / "example.py").write_text(
        python_blocks(README) + "matches._repr_html_().index('<img')\n"
    )
    done = run_script(folder, "\n".join([*answered, '"$PYTHON" example.py']))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "sunflowers.png").stat().st_size > 10_000
    assert "nothing differs" in done.stderr


def test_the_python_page_works_as_written(folder: Path) -> None:
    page = (REPO / "docs/python.md").read_text("utf-8")
    (folder / "example.py").write_text(python_blocks(page))
    done = run_script(folder, '"$PYTHON" example.py')
    assert done.returncode == 0, done.stdout + done.stderr
    assert "added=24" in done.stdout
    assert "Change(selected=12, changed=12)" in done.stdout
    assert "the nearest is width" in done.stdout
