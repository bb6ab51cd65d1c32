"""What a row costs: time, memory and disk of exact searches, by the number of rows.

    .venv/bin/python bench/scan_cost.py                          # 1 and 10 million rows
    .venv/bin/python bench/scan_cost.py --rows 1e6 1e7 1e8       # 15 GB of disk, 8 of memory

Hashes are random, 512 bits; a row has an id of 13 letters and no feature. For each number of rows
it prints how fast rows come in as Arrow, bytes a row on disk, the median time of a search for the
first 50 and the first 2,000 and of the union of 16, beside FAISS IndexBinaryFlat over the same
hashes in the same run, and the least memory that each search needs: `max_memory_usage` is halved
until the engine refuses. The engine works with two threads, FAISS with one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pyarrow as pa

from hamsight_core.catalog import statements
from hamsight_core.catalog.catalog import IMPORTED, Catalog, CatalogModel
from hamsight_core.errors import StatementError
from hamsight_core.hashing.sign import SIGN
from hamsight_query import steps
from hamsight_query.filters import Conditions
from hamsight_query.request import Combine, Kind, Query, Rank, Request
from hamsight_query.statement import build
from hamsight_query.target import Target

BITS = 512
_PIECE = 1_000_000
_LOADED = 4 * _PIECE
_MOST_MEMORY = 2**30
_UNCOUNTED_MEMORY = 4 * 2**20  # a thread's share that ClickHouse counts late (max_untracked_memory)
SQL = {
    name: sql
    for name, _, sql in statements.parse(
        (Path(__file__).resolve().parent / "scan_cost.sql").read_text(encoding="utf-8")
    )
}


def load(catalog: Catalog, model: CatalogModel, rows: int) -> float:
    """Fill the table of a model with random hashes; return rows a second of Arrow inserts."""
    random = np.random.default_rng(0)
    spent, at = 0.0, 0
    while at < min(rows, _LOADED):
        count = min(_PIECE, rows - at)
        hashes = pa.py_buffer(random.bytes(count * BITS // 8))
        block = pa.table(
            {
                "dataset": pa.array(["made"] * count).dictionary_encode(),
                "id": [f"{n:09}.jpg" for n in range(at, at + count)],
                "hash": pa.FixedSizeBinaryArray.from_buffers(
                    pa.binary(BITS // 8), count, [None, hashes]
                ),
            }
        )
        began = time.perf_counter()
        catalog.insert(model.items_table, block)
        spent += time.perf_counter() - began
        at += count
    if at < rows:
        given = {"first": at, "count": rows - at}
        catalog.client.command(SQL["random_items"].replace("$table", model.items_table), given)
    catalog.client.command(SQL["merge"].replace("$table", model.items_table))
    return min(rows, _LOADED) / spent


def targets(count: int) -> list[Target]:
    """Return queries of random hashes, without features."""
    random = np.random.default_rng(1)
    return [
        Target(Query(Kind.ITEM, str(n)), random.bytes(BITS // 8).hex(), []) for n in range(count)
    ]


def flat_index(catalog: Catalog, model: CatalogModel, rows: int) -> Any:
    """Return FAISS's flat index of the table's hashes."""
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexBinaryFlat(BITS)
    for start in range(0, rows, _PIECE):
        given = {"first": f"{start:09}", "end": f"{start + _PIECE:09}"}
        found = catalog.arrow(SQL["hashes_between"].replace("$table", model.items_table), given)
        data = b"".join(chunk.buffers()[1].to_pybytes() for chunk in found["hash"].chunks)
        index.add(np.frombuffer(data, np.uint8).reshape(-1, BITS // 8))
    return index


def median_ms(ask: Callable[[int], Any], runs: int) -> tuple[float, float]:
    """Return the median time of queries 1 to `runs`, and that of the processor, all threads.

    The first runs before, uncounted.
    """
    times, worked = [], []
    for n in range(runs + 1):
        began, cpu = time.perf_counter(), time.process_time()
        ask(n)
        times.append(1e3 * (time.perf_counter() - began))
        worked.append(1e3 * (time.process_time() - cpu))
    return statistics.median(times[1:]), statistics.median(worked[1:])


def least_memory(catalog: Catalog, ask: Callable[[int], Any]) -> int:
    """Return the least power of two, in bytes, that a search may take and still answers."""
    memory = _MOST_MEMORY
    try:
        while memory > _UNCOUNTED_MEMORY:
            catalog.client.set_client_setting("max_memory_usage", memory // 2)
            ask(0)
            memory //= 2
    except StatementError:
        pass
    catalog.client.set_client_setting("max_memory_usage", 0)
    return memory


def measure(dsn: str, rows: int, runs: int) -> dict[str, Any]:
    """Return what was measured at one number of rows."""
    asked = targets(runs + 17)
    with Catalog.open(dsn, create=True) as catalog:
        for name, value in (("max_threads", 2), ("use_query_condition_cache", 0)):
            catalog.client.set_client_setting(name, value)
        digest = f"{IMPORTED}:{rows}"
        model = catalog.add_model(
            CatalogModel("random", "", IMPORTED, digest, BITS, BITS, False, "", SIGN, "")
        )
        table = model.items_table
        told: dict[str, Any] = {"rows": rows, "loaded_a_second": load(catalog, model, rows)}
        size = catalog.arrow(SQL["bytes_on_disk"], {"table": table}).to_pylist()[0]
        told["disk_bytes_a_row"] = {key: value / rows for key, value in size.items()}

        def searching(k: int, count: int = 1) -> Callable[[int], Any]:
            def ask(n: int) -> Any:
                some = asked[n : n + count]
                queries = tuple(target.query for target in some)
                request = Request(queries, k=k, rank=Rank.HAMMING, combine=Combine.NEAREST)
                return steps.ask(
                    catalog, build(request, some, model, Conditions(), catalog.layout), table
                )

            return ask

        ways = {"first 50": (50, 1), "first 2,000": (2000, 1), "union of 16, first 50": (50, 16)}
        for way, (k, count) in ways.items():
            ask = searching(k, count)
            clock, cpu = median_ms(ask, runs)
            memory = least_memory(catalog, ask) / 2**20
            told[way] = {"ms": clock, "cpu_ms": cpu, "memory_mib": memory}
        index = flat_index(catalog, model, rows)
    hashes = [np.frombuffer(bytes.fromhex(target.hash), np.uint8) for target in asked]
    for way, (k, count) in ways.items():
        told[way]["faiss_ms"] = median_ms(
            lambda n, k=k, count=count: index.search(np.stack(hashes[n : n + count]), k), runs
        )[0]
    return told


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=float, nargs="+", default=[1e6, 1e7])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="for JSON")
    asked = parser.parse_args(arguments)
    measured = []
    for rows in map(round, asked.rows):
        folder = Path(tempfile.mkdtemp(prefix="hamsight-cost-"))
        try:
            told = measure(str(folder / "catalog"), rows, asked.runs)
        finally:
            shutil.rmtree(folder)
        told["load"] = round(os.getloadavg()[0], 1)
        measured.append(told)
        disk = told["disk_bytes_a_row"]
        print(f"{rows:,} rows, load {told['load']}; {told['loaded_a_second']:,.0f} rows/s inserted")
        print(f"  on disk a row: {disk['all']:.1f} bytes, of them hash {disk['hash']:.1f}")
        for way, one in told.items():
            if isinstance(one, dict) and "ms" in one:
                print(
                    f"  {way:22} {one['ms']:8.1f} ms, processor {one['cpu_ms']:8.1f} ms,"
                    f" FAISS {one['faiss_ms']:8.1f} ms"
                    f" ({one['ms'] / one['faiss_ms']:.1f} times), {one['memory_mib']:.0f} MiB"
                )
    asked.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(measured, indent=1)
    (asked.out / "scan_cost.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
