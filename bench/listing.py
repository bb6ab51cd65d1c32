"""Seconds of looking: the files of a folder listed and asked by all readers, and an ingest in which
every file is as the catalog has it.

The files are small pictures in one folder. Their rows are put into a catalog as an ingest puts
them, with made embeddings, so that the ingest measured here only lists, compares and writes
nothing. Processor time is that of all threads.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

import hamsight
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.hashing.sign import sign_hash
from hamsight_core.items import Item
from hamsight_core.models.package import load_package
from hamsight_ingest.job import ingest
from hamsight_ingest.prepare import Prepared, metadata_digest
from hamsight_ingest.readers import open_source
from hamsight_ingest.rows import item_rows

_PAGE = 10_000
_PICTURE = b"P5 1 1 255\n"


def make(folder: Path, files: int) -> None:
    """Write so many pictures of a pixel each into a folder."""
    folder.mkdir()
    for number in range(files):
        (folder / f"image_{number:07}.pgm").write_bytes(_PICTURE + bytes([number % 256]))


@contextmanager
def told(what: str) -> Iterator[None]:
    """Print how long something takes."""
    wall, processor = time.monotonic(), time.process_time()
    yield
    wall, processor = time.monotonic() - wall, time.process_time() - processor
    print(f"{what:45} {wall:6.2f} s, {processor:6.2f} s of processor time", flush=True)


def fill(catalog: Catalog, dataset: str, items: list[Item]) -> None:
    """Put items into a catalog as an ingest does."""
    package = load_package("mini")
    model, now = catalog.register(package), datetime.now(timezone.utc)
    dice = np.random.default_rng(1)
    for start in range(0, len(items), _PAGE):
        page = items[start : start + _PAGE]
        features = dice.normal(size=(len(page), model.dimension)).astype(np.float32)
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        prepared = [_prepared(item) for item in page]
        rows = item_rows(dataset, prepared, features, sign_hash(features), now)
        catalog.insert(model.items_table, rows)


def _prepared(item: Item) -> Prepared:
    status = Path(item.uri).stat()
    stamp = (status.st_size, status.st_mtime_ns)
    return Prepared(item, None, 1, 1, 1, *stamp, "PPM", bytes(32), metadata_digest(item))


def main() -> None:
    """Make the files, look at them, and print how long it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detected", type=int, default=65_000, help="files to list and detect")
    parser.add_argument("--compared", type=int, default=100_000, help="files to compare")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "detected"
        make(folder, given.detected)
        with told(f"{given.detected:,} files listed and detected"):
            open_source(folder)
        folder = Path(root) / "compared"
        make(folder, given.compared)
        with hamsight.open(Path(root) / "catalog") as session:
            catalog = session.catalog(create=True)
            fill(catalog, folder.name, list(open_source(folder)))
            ingest(catalog, open_source(folder), model="mini")  # which fits the hash to the rows
            with told(f"{given.compared:,} files listed and compared"):
                outcome = ingest(catalog, open_source(folder), model="mini")
            assert outcome.counts.unchanged == given.compared, outcome.counts


if __name__ == "__main__":
    main()
