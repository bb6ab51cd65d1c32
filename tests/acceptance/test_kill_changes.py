"""A small share of the kills of `kills.py`: other ones than those of its full run."""

import subprocess
import sys

import kills
import pytest

SHARE = ["import", "rename", "set"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_what_a_kill_leaves_is_whole_and_the_next_run_goes_on():
    done = subprocess.run(
        [sys.executable, kills.__file__, "--kills", "1", "--seed", "20", "--only", *SHARE],
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
