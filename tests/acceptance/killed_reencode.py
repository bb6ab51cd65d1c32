"""One re-encoding in a process of its own, for test_kill_reencode.

At a word it opens the catalog, which it fills with the `first` package where it is empty, and sends
what a reader sees; at another it encodes all again with the `target` in small steps, and sends what
was dealt with and at the end what a reader sees then.
"""

import hamsight
import hamsight_ingest.writer
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.models.package import load_package
from hamsight_ingest.pipeline import Settings
from hamsight_ingest.upkeep.reencode import reencode


def seen(catalog):
    """Return the model's digest, its table, all tables of items in use and the model's rows."""
    (model,) = catalog.models()
    tables = catalog.rows("tables_and_columns")
    found = [
        name
        for name, engine, comment, *_ in tables
        if name.startswith("items_") and engine != "View" and not comment.startswith("retired ")
    ]
    sql = f"SELECT id, lower(hex(hash)), groups, status FROM {model.items_table} ORDER BY id"
    rows = [list(row) for row in catalog.client.query(sql).result_rows]
    return [model.digest, model.items_table, found, rows]


def fill(dsn, folder, package):
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=package)
        session.add_to_group("mine", ["001.jpg", "040.jpg"])
        session.set("002.jpg", status="reviewed")


def main(pipe, dsn, folder, first, target):
    hamsight_ingest.writer.FLUSH_ROWS = 8
    package = load_package(target)
    pipe.recv()
    with Catalog.open(dsn, create=True) as catalog:
        if not catalog.models():
            fill(dsn, folder, first)
        pipe.send(("rows", seen(catalog)))
        pipe.recv()
        settings = Settings("CPU", batch=4, workers=2)
        say = lambda done, items: pipe.send(("at", done))  # noqa: E731
        reencode(catalog, package, settings, on_progress=say)
        pipe.send(("done", seen(catalog)))
