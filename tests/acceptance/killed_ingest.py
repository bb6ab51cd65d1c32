"""One ingest in a process of its own, for test_kill: DSN, folder and model package as arguments.

At a line on stdin it opens the catalog and prints its rows as JSON; at another it ingests in
small steps and prints what was dealt with after each.
"""

import json
import sys
from pathlib import Path

import chdb  # noqa: F401 - what a run needs is loaded before it, so that kills fall into it
import openvino.preprocess  # noqa: F401
import pyarrow  # noqa: F401

import ingest.writer
from hamsight.catalog import Catalog
from hamsight.model import load_package
from ingest.pipeline import Settings, run
from ingest.readers import open_source

ingest.writer.FLUSH_ROWS = 12


class NoPandas:
    """PyArrow loads pandas where it can, which takes longer than the ingest."""

    def find_spec(self, name, path=None, target=None):
        if name == "pandas":
            raise ImportError(name)


sys.meta_path.insert(0, NoPandas())


def say(kind, content):
    sys.stdout.write(json.dumps([kind, content]) + "\n")
    sys.stdout.flush()


def main(dsn, folder, model):
    package = load_package(model)
    sys.stdin.readline()
    with Catalog.open(dsn, create=True) as catalog:
        known = catalog.check(package)
        rows = "SELECT id, lower(hex(sha256)), lower(hex(hash)), groups FROM"
        rows = f"{rows} {known.items_table}" if known else ""
        say("rows", catalog.client.query(rows).result_rows if known else [])
        sys.stdin.readline()
        outcome = run(
            catalog,
            open_source(Path(folder)),
            package,
            "killed",
            Settings("CPU", batch=4, workers=2),
            on_progress=lambda counts: say("dealt with", counts.total),
            stopped=lambda: False,
        )
        counts = outcome.counts
        say("done", [counts.added, counts.replaced, counts.unchanged, counts.rejected])


if __name__ == "__main__":
    main(*sys.argv[1:])
