"""The libraries that bench/search_speed.py compares Hamsight with, where they are installed."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

import numpy as np
from search_data import BITS, Data
from search_way import Way

_CELLS = "faiss IndexBinaryIVF"
_NUMPY_ROWS = 1_000_000
_IVF_ROWS = 20_000_000
_TRAINED = 200_000
_PROBES = (1, 2, 4, 8, 16, 32, 64, 128)


def peers(data: Data, k: int, threads: int, batch: int, only: str) -> Iterator[Way]:
    """Yield a way to search for each library that is installed; `only` spares the dearest."""
    for make in (_faiss, _faiss_cells, _usearch, _numpy):
        if make is _faiss_cells and only not in _CELLS:
            continue
        try:
            yield from make(data, k, threads, batch)
        except ImportError as error:
            print(f"left out: {error}", file=sys.stderr)


def _faiss(data: Data, k: int, threads: int, batch: int) -> Iterator[Way]:
    import faiss

    faiss.omp_set_num_threads(threads)
    flat = faiss.IndexBinaryFlat(BITS)
    for piece in data.hash_pieces():
        flat.add(piece)
    asked = data.query_hashes
    yield Way("faiss IndexBinaryFlat", "hash", lambda n: flat.search(asked[n : n + 1], k)[1][0])
    many = np.resize(asked, (len(asked) + batch, asked.shape[1]))
    yield Way(
        "faiss IndexBinaryFlat", "hashes", lambda n: flat.search(many[n : n + batch], k)[1], batch
    )


def _faiss_cells(data: Data, k: int, threads: int, batch: int) -> Iterator[Way]:
    import faiss

    asked, rows = data.query_hashes, len(data.hashes)
    if rows > _IVF_ROWS:
        print(
            f"left out: IndexBinaryIVF would take hours to fill with {rows:,} rows", file=sys.stderr
        )
        return
    cells = max(8, int(4 * math.sqrt(rows)))
    quantizer = faiss.IndexBinaryFlat(BITS)
    coarse = faiss.IndexBinaryIVF(quantizer, BITS, cells)
    coarse.cp.niter = 10
    sample = np.random.default_rng(0).choice(rows, min(rows, _TRAINED, 40 * cells), replace=False)
    coarse.train(np.ascontiguousarray(data.hashes[np.sort(sample)]))
    for piece in data.hash_pieces():
        coarse.add(piece)

    def probing(probes: int):  # type: ignore[no-untyped-def]
        def ask(n: int):  # type: ignore[no-untyped-def]
            coarse.nprobe = probes
            return coarse.search(asked[n : n + 1], k)[1][0]

        return ask

    for probes in _PROBES:
        if probes <= cells:
            name = f"{_CELLS} {cells}, nprobe {probes}"
            yield Way(name, "hash", probing(probes))


def _usearch(data: Data, k: int, threads: int, batch: int) -> Iterator[Way]:
    from usearch.index import MetricKind, search

    def ask(n: int):  # type: ignore[no-untyped-def]
        query = data.query_hashes[n]
        return search(data.hashes, query, k, MetricKind.Hamming, exact=True, threads=threads).keys

    yield Way("usearch exact", "hash", ask)


def _numpy(data: Data, k: int, threads: int, batch: int) -> Iterator[Way]:
    """As Datumaro's `explore` ranks: a byte for each bit, and a sort of all distances."""
    if len(data.hashes) > _NUMPY_ROWS:
        print(f"left out: NumPy needs {BITS} bytes a row, {len(data.hashes):,}", file=sys.stderr)
        return
    bits = np.unpackbits(data.hashes, axis=1)

    def ask(n: int):  # type: ignore[no-untyped-def]
        query = np.unpackbits(data.query_hashes[n])
        return np.argsort(np.count_nonzero(bits != query, axis=1))[:k]

    yield Way("numpy as in Datumaro", "hash", ask)
