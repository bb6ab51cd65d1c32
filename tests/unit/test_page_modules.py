"""The page's pure modules, by vitest (explore/web/tests)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "explore" / "web"
VITEST = WEB / "node_modules" / "vitest" / "vitest.mjs"


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node is here to run vitest")
@pytest.mark.skipif(not VITEST.is_file(), reason="vitest is not here: `make setup` brings it")
def test_the_pages_pure_modules() -> None:
    command = ["node", VITEST, "run", "--no-color"]
    done = subprocess.run(
        command, cwd=WEB, capture_output=True, text=True, encoding="utf-8", timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
