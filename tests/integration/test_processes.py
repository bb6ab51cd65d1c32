"""One process for long, and its forked children: nothing piles up, nothing hangs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import toy

HERE = Path(__file__).parent
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and forks")


def script(name, *args, **options):
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, str(HERE / name), *map(str, args)]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=60, env=env, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@LINUX
def test_a_session_that_asks_and_ingests_for_long_stays_as_small_as_it_was(tmp_path):
    model = toy.model(tmp_path / "toy")
    (tmp_path / "photos").mkdir()
    start, asked, ingested = json.loads(script("leaks.py", tmp_path, model, 200, 20)[-1])
    threads, memory = zip(start, asked, ingested, strict=True)
    assert max(threads) - threads[0] < 16  # of the engine; one encoder that leaks has five
    assert memory[1] - memory[0] < 60
    assert memory[2] - memory[1] < 60


FORKED = "was forked from process"


@pytest.mark.homes("chdb", "http")
@LINUX
def test_a_forked_child_ends_as_it_wants_and_is_told_to_use_spawn(tmp_path, home, cli_dsn):
    model = toy.model(tmp_path / "toy")
    toy.photos(tmp_path / "photos", 3)
    found = json.loads(script("forked.py", cli_dsn, tmp_path / "photos", model)[-1])
    assert found["left"] == [3, "printed"]
    assert found["closed"] == [0, ""]
    assert found["in a pool"] == [0, 1, 4, 9]
    for use in ("use", "use in a pool", "encode", *(["open"] if home == "chdb" else [])):
        assert FORKED in found[use], use
        assert "spawn" in found[use], use
    if home == "http":
        assert found["open"] == "3"
    assert found["parent"] == 3


def test_ctrl_c_ends_a_long_statement_and_leaves_the_catalog_usable(tmp_path):
    model = toy.model(tmp_path / "toy")
    photos = toy.photos(tmp_path / "photos", 1)
    found = json.loads(script("interrupted.py", tmp_path / "catalog", photos, model)[-1])
    for name in ("long", "answering", "writing"):
        assert found[name] == "interrupted"
        assert found[f"after {name}"] == 17
        assert found[f"left of {name}"] == 0
    assert found["status"] == 130


UNTOLD = """
import os, sys, threading
os.register_at_fork(before=lambda: print("forked"))
import hamsight
import hamsight_core.models
import openvino
print(sorted(os.listdir(os.environ["HOME"])), [t.name for t in threading.enumerate()])
"""


def test_openvino_calls_nobody(tmp_path):
    env = {**os.environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    command = [sys.executable, "-c", UNTOLD]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[] ['MainThread']"
