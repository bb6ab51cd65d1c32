"""One re-encoding in a process of its own, for test_kill_reencode.

Arguments are DSN, folder, the package of the first ingest and that to encode with. At a line on
stdin it opens the catalog, which it fills where it is empty, and prints what a reader sees as
JSON; at another it encodes all again in small steps and prints what was dealt with, and at the
end what a reader sees then.
"""

import json
import sys

import chdb  # noqa: F401 - what a run needs is loaded before it, so that kills fall into it
import openvino.preprocess  # noqa: F401
import pyarrow  # noqa: F401

import hamsight
import ingest.writer
from hamsight.catalog import Catalog
from hamsight.model import load_package
from ingest.pipeline import Settings
from ingest.reencode import reencode

ingest.writer.FLUSH_ROWS = 8


def say(kind, content):
    sys.stdout.write(json.dumps([kind, content]) + "\n")
    sys.stdout.flush()


def seen(catalog):
    """Return the model's digest, its table, all tables of items and the model's rows."""
    (model,) = catalog.models()
    found = catalog.rows("tables_of_prefix", {"prefix": "items_"})
    sql = f"SELECT id, lower(hex(hash)), groups, status FROM {model.items_table} ORDER BY id"
    rows = catalog.client.query(sql).result_rows
    return [model.digest, model.items_table, [name for (name,) in found], rows]


def fill(dsn, folder, package):
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=package)
        session.add_to_group("mine", ["001.jpg", "040.jpg"])
        session.set("002.jpg", status="reviewed")


def main(dsn, folder, first, target):
    package = load_package(target)
    sys.stdin.readline()
    with Catalog.open(dsn, create=True) as catalog:
        if not catalog.models():
            fill(dsn, folder, first)
        say("rows", seen(catalog))
        sys.stdin.readline()
        settings = Settings("CPU", batch=4, workers=2)
        reencode(catalog, package, settings, on_progress=lambda done, items: say("at", done))
        say("done", seen(catalog))


if __name__ == "__main__":
    main(*sys.argv[1:])
