"""The README's commands and its Python block, run as they are written.

They run in a folder with spaces in its name beside a script called query.py, with the interpreter
of HAMSIGHT_TEST_PYTHON where it names one. Left out is what needs a network or a container.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from hamsight.demo.scenes import draw_scene

PYTHON = os.environ.get("HAMSIGHT_TEST_PYTHON", sys.executable)
REPO = Path(__file__).resolve().parents[2]
README = (REPO / "README.md").read_text("utf-8")
NOT_HERE = ("pip install", "models pull", "clip-vit", "openssl", "docker", "export HAMSIGHT_DB")


def commands() -> list[str]:
    """Return the commands of the console blocks, of several lines where a quote is open."""
    found: list[str] = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(line.removeprefix("$ "))
            elif found and found[-1].count('"') % 2:
                found[-1] += f"\n{line}"
    return [command for command in found if not any(word in command for word in NOT_HERE)]


def test_the_readme_works_as_written(tmp_path: Path) -> None:
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
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block
    (folder / "example.py").write_text(block[1] + "matches._repr_html_().index('<img')\n")

    answered = [one.replace("hamsight delete", "hamsight delete --yes") for one in commands()]
    script = ["set -e -o pipefail", *answered, '"$PYTHON" example.py']
    path = os.pathsep.join((str(Path(PYTHON).parent), os.environ["PATH"]))
    done = subprocess.run(
        ["bash", "-xc", "\n".join(script)],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHON": PYTHON, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert len(commands()) > 15
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "sunflowers.png").stat().st_size > 10_000
    assert "nothing differs" in done.stderr
