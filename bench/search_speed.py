"""How fast Hamsight searches, beside FAISS, usearch, NumPy and ClickHouse's own quantized search.

    .venv/bin/python bench/search_speed.py                     # 1 million rows: a few minutes
    .venv/bin/python bench/search_speed.py --rows 1e7          # 3 GB of memory, 5 GB of disk
    .venv/bin/python bench/search_speed.py --rows 1e8          # 20 GB of memory, 25 GB of disk
    .venv/bin/python bench/search_speed.py --dsn clickhouse://user:password@host/bench

Features are made like real CLIP vectors (bench/made_features.py) and kept in `--data` for the next
run, as is the catalog. Everything is asked in turn in one process, warm, with two threads each:
512 bits, top 50, one query at a time unless it says otherwise. The table gives medians, and ratios
to FAISS's IndexBinaryFlat (by hash) or to exact cosine in SQL (by cosine) of the same run.
recall of hash: share of the answers no farther than the true 50th; of cosine: share of the first 10
of exact cosine in SQL. Beside the table stand speed.json and speed.png.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

# Threads of OpenMP that spin between queries would take the processor from the next contestant.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from search_data import Data, distances, prepare
from search_hamsight import COSINE_K, Store
from search_peers import peers
from search_way import Way

from hamsight_core.catalog.catalog import Catalog

FLAT, COSINE = "faiss IndexBinaryFlat", "exact cosine in SQL"


@dataclass(frozen=True)
class Figure:
    """What was measured of one way: milliseconds, the ratio to its yardstick, and recall.

    `cpu_ms` is processor time of all threads, which other work on the machine disturbs less; it
    says nothing where a server does the work.
    """

    name: str
    answers: str
    queries: int
    median_ms: float
    least_ms: float
    cpu_ms: float
    ratio: float | None = None
    recall: float | None = None


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the data, ask everything in turn, and print and write what was measured."""
    asked = _parser().parse_args(arguments)
    rows = round(asked.rows)
    feature_rows = min(rows, round(asked.feature_rows))
    count = asked.queries + 1
    data = prepare(
        asked.data, rows, feature_rows, max(count, asked.batch), asked.hash, asked.spread
    )
    catalog_name = f"catalog-{asked.hash}{'-spread' if asked.spread else ''}"
    dsn = asked.dsn or f"chdb://{asked.data / catalog_name}"
    with Catalog.open(dsn, create=True) as catalog:
        store = Store(catalog, data, asked.threads)
        ways = [
            *peers(data, asked.k, asked.threads, asked.batch, asked.only),
            *store.ways(asked.k, asked.batch),
        ]
        chosen = [way for way in ways if asked.only in way.name or way.name in (FLAT, COSINE)]
        figures = measure(chosen, data, asked.k, asked.queries)
    print(f"{rows:,} rows, {feature_rows:,} with features, {asked.hash} hash; medians of", end=" ")
    print(f"{asked.queries}, {asked.threads} threads, load {os.getloadavg()[0]:.1f}")
    if store.indexed:
        print(store.indexed)
    if store.rows_a_second:
        print(f"loaded {store.rows_a_second:,.0f} ready hashes a second")
    show(figures)
    asked.out.mkdir(parents=True, exist_ok=True)
    record = {"rows": rows, "feature_rows": feature_rows, "load": os.getloadavg()[0]}
    told = {**record, "figures": [asdict(figure) for figure in figures]}
    (asked.out / "speed.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    try:
        from search_plot import draw
    except ImportError as error:
        print(f"no plot: {error}", file=sys.stderr)
    else:
        draw(figures, rows, feature_rows, asked.out / "speed.png")


def measure(ways: Sequence[Way], data: Data, k: int, queries: int) -> list[Figure]:
    """Return a figure for each way, asked in turn; the first query of each is not counted."""
    times: dict[int, list[float]] = {place: [] for place in range(len(ways))}
    worked: dict[int, list[float]] = {place: [] for place in range(len(ways))}
    answers: dict[int, list[Sequence[int]]] = {place: [] for place in range(len(ways))}
    for n in range(queries + 1):
        for place, way in enumerate(ways):
            began, cpu = time.perf_counter(), time.process_time()
            answer = way.ask(n)
            times[place].append(time.perf_counter() - began)
            worked[place].append(time.process_time() - cpu)
            answers[place].append(answer)
    farthest = data.nearest_distances(k, len(data.hashes))
    similar = next(answers[place] for place, way in enumerate(ways) if way.name == COSINE)
    medians = [1e3 * statistics.median(times[place][1:]) for place in range(len(ways))]
    figures = []
    for place, way in enumerate(ways):
        yardstick = COSINE if way.answers == "cosine" else FLAT
        many = way.queries > 1
        of_yardstick = [
            median
            for other, median in zip(ways, medians, strict=True)
            if other.name == yardstick and (other.queries > 1) == many
        ]
        recall = None
        if way.answers == "hash":
            recall = _recall_of_hash(answers[place], data, farthest, k)
        elif way.answers == "cosine":
            found = zip(answers[place], similar, strict=True)
            recall = float(np.mean([len({*one} & {*true}) / COSINE_K for one, true in found]))
        figures.append(
            Figure(
                name=way.name,
                answers=way.answers,
                queries=way.queries,
                median_ms=medians[place],
                least_ms=1e3 * min(times[place][1:]),
                cpu_ms=1e3 * statistics.median(worked[place][1:]),
                ratio=medians[place] / of_yardstick[0] if of_yardstick else None,
                recall=recall,
            )
        )
    return figures


def _recall_of_hash(
    answers: Sequence[Sequence[int]], data: Data, farthest: np.ndarray, k: int
) -> float:
    shares = []
    for n, answer in enumerate(answers):
        found = np.asarray([one for one in answer if one >= 0], dtype=np.int64)
        near = distances(data.hashes[found], data.query_hashes[n]) <= farthest[n]
        shares.append(near.sum() / min(k, len(data.hashes)))
    return float(np.mean(shares))


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    print(f"\n{'':50}{'queries':>8}{'median':>12}{'least':>12}{'CPU':>12}{'ratio':>8}{'recall':>8}")
    for one in figures:
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        recall = "" if one.recall is None else f"{one.recall:.3f}"
        print(
            f"{one.name:50}{one.queries:8}{one.median_ms:9.1f} ms{one.least_ms:9.1f} ms"
            f"{one.cpu_ms:9.1f} ms{ratio:>8}{recall:>8}"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=float, default=1e6, help="hashes, such as 1e7")
    parser.add_argument("--feature-rows", type=float, default=1e6, help="of them with features")
    parser.add_argument("--hash", choices=("ternary", "sign"), default="ternary")
    parser.add_argument(
        "--spread", action="store_true", help="clusters of many sizes and widths, hard on cells"
    )
    parser.add_argument("-k", type=int, default=50)
    parser.add_argument("--queries", type=int, default=9, help="measured, after one for warmth")
    parser.add_argument("--batch", type=int, default=16, help="queries asked at a time")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="ways whose names hold this, and the yardsticks")
    parser.add_argument("--dsn", help="a catalog to fill and ask; by default one within --data")
    folder = Path(tempfile.gettempdir()) / "hamsight-bench"
    parser.add_argument("--data", type=Path, default=folder, help="where made data is kept")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="for JSON and plot")
    return parser


if __name__ == "__main__":
    main()
