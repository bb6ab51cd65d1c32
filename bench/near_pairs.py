"""How long sql/examples/near_pairs.sql takes to find all pairs within 8 bits among many hashes.

    .venv/bin/python bench/near_pairs.py            # one million random hashes of 512 bits

One hash in a hundred is a near copy of another, 1 to 8 bits away. Prints how many pairs were found,
of how many, and wall-clock and CPU seconds (all threads) of each run.
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

from hamsight_core.catalog import statements
from hamsight_core.catalog.catalog import IMPORTED, Catalog, CatalogModel
from hamsight_core.hashing.sign import SIGN

BITS, WITHIN = 512, 8
EXAMPLE = Path(__file__).resolve().parents[1] / "sql/examples/near_pairs.sql"


def hashes(rows: int) -> tuple[np.ndarray, int]:
    """Return uint8 (rows, 64) and how many rows are near copies of others."""
    random = np.random.default_rng(0)
    made = random.integers(256, size=(rows, BITS // 8), dtype=np.uint8)
    copies = rows // 100
    places = random.permutation(rows)[: 2 * copies]
    for copy, original in places.reshape(-1, 2):
        bits = np.unpackbits(made[original])
        bits[random.choice(BITS, random.integers(1, WITHIN + 1), replace=False)] ^= 1
        made[copy] = np.packbits(bits)
    return made, copies


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=float, default=1e6)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    rows = round(asked.rows)
    made, copies = hashes(rows)
    ((_, _, sql),) = statements.parse(EXAMPLE.read_text(encoding="utf-8"))
    with (
        tempfile.TemporaryDirectory() as folder,
        Catalog.open(Path(folder) / "catalog", create=True) as catalog,
    ):
        given = CatalogModel("made", "", IMPORTED, IMPORTED, BITS, BITS, False, "", SIGN, "")
        model = catalog.add_model(given)
        column = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(BITS // 8), rows, [None, pa.py_buffer(made)]
        )
        ids = pa.array([f"{n:09}.jpg" for n in range(rows)])
        catalog.insert(model.items_table, pa.table({"id": ids, "hash": column}))
        parameters = {"items": model.items_table, "distance": WITHIN, "k": rows}
        for _ in range(asked.runs):
            began, cpu = time.perf_counter(), time.process_time()
            found = catalog.arrow(sql.rstrip().removesuffix(";"), parameters)
            wall, cpu = time.perf_counter() - began, time.process_time() - cpu
            print(
                f"{found.num_rows:,} pairs within {WITHIN} bits among {rows:,}, {copies:,} made so:"
                f" {wall:.2f} s ({cpu:.2f} s of CPU, load {os.getloadavg()[0]:.1f})"
            )


if __name__ == "__main__":
    main()
