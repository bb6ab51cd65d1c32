"""How long `hamsight query` takes as a whole process: by a stored item, and by words with `mini`.

    .venv/bin/python bench/cold_start.py               # one million rows, made once, 1 GB of disk
    .venv/bin/python bench/cold_start.py --rows 1e4 --runs 1

The rows' hashes and features are random, and are ranked with the 2,000 candidates that a catalog
without a calibration takes. Commands run in turn; the first of each, which compiles the model, does
not count, and modules stay compiled whatever PYTHONDONTWRITEBYTECODE says. Prints median and least
seconds on the clock and the processor time of all threads.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hamsight_core.catalog import statements
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.models.package import load_package

BENCH = Path(__file__).resolve().parent
TARGETS = {"--item": 0.9, "--text": 1.3, "--help": None}


def fill(dsn: str, rows: int) -> None:
    """Make a catalog of so many random items of the model `mini`, unless it is there."""
    text = (BENCH / "cold_start.sql").read_text(encoding="utf-8")
    sql = {name: one for name, _, one in statements.parse(text)}
    with Catalog.open(dsn, create=True) as catalog:
        model = catalog.register(load_package("mini"))
        there = catalog.rows("count_items", table=model.items_table)[0][0]
        if there == rows:
            return
        table = model.items_table
        catalog.client.command(sql["empty"].replace("$table", table))
        given = {"rows": rows, "dimension": model.dimension, "bytes": model.bits // 8}
        made = sql["random_items"].replace("$table", table)
        catalog.client.command(made.replace("$hash_bytes", str(given.pop("bytes"))), given)
        catalog.client.command(sql["merge"].replace("$table", table))


def run(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; return its seconds on the clock and of the processor."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=120, env=environment)
    seconds, after = time.perf_counter() - began, os.times()
    spent = after.children_user + after.children_system
    return seconds, spent - before.children_user - before.children_system


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=float, default=1e6)
    parser.add_argument("--runs", type=int, default=9, help="of each command, after one for warmth")
    folder = Path(tempfile.gettempdir()) / "hamsight-bench"
    parser.add_argument("--data", type=Path, default=folder, help="where the catalog is kept")
    asked = parser.parse_args(arguments)
    rows = round(asked.rows)
    catalog = str(asked.data / f"cold-{rows}-{load_package('mini').digest[:8]}")
    fill(catalog, rows)
    ask = [sys.executable, "-m", "hamsight", "query"]
    commands = {
        "--item": [*ask, "--item", f"{rows // 2:09}.jpg", "--db", catalog],
        "--text": [*ask, "--text", "a red circle", "--db", catalog],
        "--help": [*ask, "--help"],
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(asked.runs + 1):
        for name, command in commands.items():
            taken[name].append(run(command))
    print(f"hamsight query over {rows:,} rows, {asked.runs} runs, load {os.getloadavg()[0]:.1f}")
    for name, runs in taken.items():
        clock, spent = zip(*runs[1:], strict=True)
        target = TARGETS[name]
        print(
            f"{name}  median {statistics.median(clock):.2f} s, least {min(clock):.2f} s,"
            f" processor {statistics.median(spent):.2f} s"
            + (f" (target {target} s)" if target else "")
        )


if __name__ == "__main__":
    main()
