"""Benches at a small size: every way to search runs, and finds what it should."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "bench"


def test_search_speed_runs_small(shared: Path, tmp_path: Path) -> None:
    sizes = ["--rows", "5e3", "--feature-rows", "2e3", "--queries", "1"]
    places = ["--data", tmp_path / "data", "--out", tmp_path / "out"]
    command = [sys.executable, BENCH / "search_speed.py", *sizes, *places]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "left out: " not in done.stderr
    figures = json.loads((tmp_path / "out/speed.json").read_text(encoding="utf-8"))["figures"]
    recall = {(one["name"], one["queries"]): one["recall"] for one in figures}
    for name in ("faiss IndexBinaryFlat", "usearch exact", "numpy as in Datumaro"):
        assert recall[name, 1] == 1
    assert recall["hamsight exact", 1] == 1
    assert recall["hamsight hash then cosine, 2,000 candidates", 1] >= 0.95
    assert recall["exact cosine in SQL", 1] >= 0.95
    assert len(figures) == len(recall) > 20
    assert (tmp_path / "out/speed.png").read_bytes().startswith(b"\x89PNG")


def test_scan_cost_runs_small(tmp_path: Path) -> None:
    command = [sys.executable, BENCH / "scan_cost.py", "--rows", "5e3", "--runs", "1"]
    command += ["--out", tmp_path]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    (told,) = json.loads((tmp_path / "scan_cost.json").read_text(encoding="utf-8"))
    assert told["rows"] == 5000
    assert 64 < told["disk_bytes_a_row"]["all"] < 200
    for way in ("first 50", "first 2,000", "union of 16, first 50"):
        assert 0 < told[way]["faiss_ms"] < told[way]["ms"]
        assert told[way]["memory_mib"] < 1024
