"""One ingest in a process of its own, for test_kill.

At a word it opens the catalog and sends its rows; at another it ingests in small steps and sends
what was dealt with after each.
"""

import sys
from pathlib import Path

import hamsight_ingest.writer
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.models.package import load_package
from hamsight_ingest.pipeline import Settings, run
from hamsight_ingest.readers import open_source


class NoPandas:
    """PyArrow loads pandas where it can, which takes longer than the ingest."""

    def find_spec(self, name, path=None, target=None):
        if name == "pandas":
            raise ImportError(name)


def main(pipe, dsn, folder, model):
    sys.meta_path.insert(0, NoPandas())
    hamsight_ingest.writer.FLUSH_ROWS = 12
    package = load_package(model)
    pipe.recv()
    with Catalog.open(dsn, create=True) as catalog:
        known = catalog.check(package)
        rows = "SELECT id, lower(hex(sha256)), lower(hex(hash)), groups FROM"
        rows = f"{rows} {known.items_table}" if known else ""
        pipe.send(("rows", catalog.client.query(rows).result_rows if known else []))
        pipe.recv()
        outcome = run(
            catalog,
            open_source(Path(folder)),
            package,
            "killed",
            Settings("CPU", batch=4, workers=2),
            on_progress=lambda counts: pipe.send(("dealt with", counts.total)),
            stopped=lambda: False,
        )
        counts = outcome.counts
        pipe.send(("done", [counts.added, counts.replaced, counts.unchanged, counts.rejected]))
