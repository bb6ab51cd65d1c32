"""How long `hamsight import-features` takes for one million 512-bit hashes, from Arrow.

    .venv/bin/python bench/import_features.py            # one million rows
    .venv/bin/python bench/import_features.py --rows 100000

Prints wall-clock and CPU seconds (all threads) of a first import, into an empty catalog, and of
importing the same file again, which finds nothing new.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pyarrow as pa

from hamsight_core.catalog.catalog import Catalog
from hamsight_ingest.features.load import import_features

BITS = 512


def write(path: Path, rows: int) -> None:
    """Write random hashes with ids as an Arrow file."""
    data = np.random.default_rng(0).bytes(rows * BITS // 8)
    buffers = [None, pa.py_buffer(data)]
    hashes = pa.FixedSizeBinaryArray.from_buffers(pa.binary(BITS // 8), rows, buffers)
    table = pa.table({"id": [f"images/{n:09}.jpg" for n in range(rows)], "hash": hashes})
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "hashes.arrow"
        write(file, rows)
        with Catalog.open(Path(folder) / "catalog", create=True) as catalog:
            for name in ("first import", "once more"):
                started, cpu = time.perf_counter(), time.process_time()
                done = import_features(catalog, file, "made", bits=BITS)
                wall, cpu = time.perf_counter() - started, time.process_time() - cpu
                counts = done.datasets["hashes"]
                print(
                    f"{name}: {counts.added:,} added, {counts.unchanged:,} unchanged in"
                    f" {wall:.2f} s ({cpu:.2f} s of CPU, load {os.getloadavg()[0]:.1f})"
                )


if __name__ == "__main__":
    main()
