"""Hamsight and ClickHouse's own quantized search, as bench/search_speed.py asks them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from search_data import BITS, Data
from search_way import Way

from hamsight_core.catalog import statements
from hamsight_core.catalog.catalog import IMPORTED, Catalog, CatalogModel
from hamsight_core.errors import StatementError
from hamsight_core.hashing.sign import SIGN
from hamsight_ingest.upkeep.cell_building import LEAST_ITEMS, build_index
from hamsight_query.request import Combine, Kind, Query, Rank, Request
from hamsight_query.search import prepare_targets
from hamsight_query.target import Target

BENCH = Path(__file__).resolve().parent
SELECTIVITIES = (0.5, 0.1, 0.01, 0.001, 0.0001)
RECALLS = (0.9, 0.95, 0.99)
COSINE_K = 10
_PIECE = 50_000
_WIDTHS = 10_000
_TAGS = 80
TAG_FILTERS = ("tag_3 > 0", "not tag_3", "tag_3 > 0 and width < 5000")
_FETCHED = (10, 50, 200)


class Store:
    """The made items in two models of a catalog: all by hash, and those that have a feature."""

    def __init__(self, catalog: Catalog, data: Data, threads: int) -> None:
        self.catalog, self.data = catalog, data
        text = (BENCH / "search_speed.sql").read_text(encoding="utf-8")
        self._sql = {name: sql for name, _, sql in statements.parse(text)}
        # the embedded engine takes 3 ms for a statement that brings settings of its own
        for name, value in (("max_threads", threads), ("use_query_condition_cache", 0)):
            catalog.client.set_client_setting(name, value)
        rows, dimension = len(data.hashes), data.queries.shape[1]
        self.hashes = self._model(f"hashes-{rows}", dimension)
        self.features = self._model(f"features-{len(data.features)}", dimension)
        self.rows_a_second = 0.0
        self.indexed = ""
        self._fill(self.hashes, rows, False)
        self._index(rows)
        self._fill(self.features, len(data.features), True)
        quantized = f"quantized_{len(data.features)}"
        self._quantized = quantized if self._make_quantized(quantized, dimension) else None

    def ways(self, k: int, batch: int) -> Iterator[Way]:
        """Yield the ways to ask: by hash, under filters, and by cosine."""
        by_hash = {"k": k, "rank": Rank.HAMMING, "exact": True}
        yield self._way("hamsight exact", "hash", self.hashes, **by_hash)
        yield self._way("hamsight exact, union", "union", self.hashes, batch, **by_hash)
        if self.catalog.embedded:
            held = {**by_hash, "in_memory": True}
            yield self._way("hamsight in memory", "hash", self.hashes, **held)
            yield self._way("hamsight in memory, union", "union", self.hashes, batch, **held)
        for share in SELECTIVITIES:
            where = f"width < {round(share * _WIDTHS)}"
            name = f"hamsight exact, filter {100 * share:g} %"
            yield self._way(name, "filtered", self.hashes, where=where, **by_hash)
        for where in TAG_FILTERS:
            name = f"hamsight exact, filter {where}"
            yield self._way(name, "filtered", self.hashes, where=where, **by_hash)
        if self.hashes.hash_settings.cells:
            for recall in RECALLS:
                asked = {**by_hash, "exact": False, "recall": recall}
                yield self._way(f"hamsight cells, recall {recall:g}", "hash", self.hashes, **asked)
        for candidates in (50, 200, 300, 500, 2000):
            name = f"hamsight hash then cosine, {candidates:,} candidates"
            yield self._way(name, "cosine", self.features, k=COSINE_K, candidates=candidates)
        cosine = self._sql["most_similar"].replace("$table", self.features.items_table)
        yield self._cosine("exact cosine in SQL", cosine)
        for multiple in _FETCHED if self._quantized else ():
            sql = self._sql["most_similar_quantized"].replace("$table", str(self._quantized))
            name = f"Quantized('rabitq'), {multiple * COSINE_K:,} candidates"
            yield self._cosine(name, sql.replace("$multiple", str(multiple)))

    def _index(self, rows: int) -> None:
        """Build the cells of the hashes unless they are there; tables of few rows have none."""
        if rows >= LEAST_ITEMS and not self.hashes.hash_settings.cells:
            began, cpu = time.perf_counter(), time.process_time()
            done = build_index(self.catalog, self.hashes, None)
            wall, worked = time.perf_counter() - began, time.process_time() - cpu
            count = done.cells.cells if done.cells else 0
            self.indexed = f"{count:,} cells built in {wall:.0f} s ({worked:.0f} s of processor)"
            self.hashes = self.catalog.model(self.hashes.name)

    def _way(
        self,
        name: str,
        answers: str,
        model: CatalogModel,
        queries: int = 1,
        in_memory: bool = False,
        **asked: object,
    ) -> Way:
        layout = replace(self.catalog.layout, resident=in_memory)

        def ask(n: int) -> list[int]:
            self.catalog.layout = layout
            numbers = [(n + step) % len(self.data.queries) for step in range(queries)]
            targets = [self._target(number, answers == "cosine") for number in numbers]
            request = Request(
                tuple(target.query for target in targets),
                combine=Combine.NEAREST,
                **asked,  # type: ignore[arg-type]
            )
            found = prepare_targets(self.catalog, model, request, targets).answer(self.catalog)
            return [int(one) for one in found.to_arrow().column("id").to_pylist()]

        return Way(name, answers, ask, queries)

    def _cosine(self, name: str, sql: str) -> Way:
        def ask(n: int) -> list[int]:
            values = {"feature": self.data.queries[n].tolist(), "k": COSINE_K}
            found = self.catalog.arrow(sql, values)
            return [int(one) for one in found.column("id").to_pylist()]

        return Way(name, "cosine", ask)

    def _target(self, n: int, with_planes: bool) -> Target:
        """Return a query; FAISS can be compared with where it is its hash alone."""
        feature, hashed = self.data.queries[n], self.data.query_hashes[n]
        *lower, _ = self.data.query_planes[n] if with_planes else [hashed]
        planes = tuple(plane.tobytes().hex() for plane in lower)
        named = Query(Kind.ITEM, str(n))
        return Target(named, hashed.tobytes().hex(), feature.tolist(), planes=planes)

    def _model(self, name: str, dimension: int) -> CatalogModel:
        known = {model.name: model for model in self.catalog.models()}
        if name in known:
            return known[name]
        digest = f"{IMPORTED}:{name}"
        model = CatalogModel(name, "", IMPORTED, digest, dimension, BITS, False, "", SIGN, "")
        return self.catalog.add_model(model)

    def _fill(self, model: CatalogModel, rows: int, with_features: bool) -> None:
        there = self.catalog.rows("count_items", table=model.items_table)[0][0]
        if there == rows:
            return
        if there:  # a run was stopped
            self._run("empty", model.items_table)
        piece = _PIECE if with_features else 20 * _PIECE
        spent = 0.0
        for start in range(0, rows, piece):
            block = self._block(start, min(rows, start + piece), with_features)
            began = time.perf_counter()
            self.catalog.insert(model.items_table, block)
            spent += time.perf_counter() - began
        if not with_features:
            self.rows_a_second = rows / spent
        self._run("merge", model.items_table)

    def _block(self, start: int, stop: int, with_features: bool) -> pa.Table:
        hashes = np.ascontiguousarray(self.data.hashes[start:stop])
        count = stop - start
        numbers = np.arange(start, stop)
        columns = {
            "dataset": pa.array(["made"] * count).dictionary_encode(),
            "id": pa.array([f"{number:09}" for number in numbers]),
            "width": pa.array((numbers * 2_654_435_761 % 2**32 % _WIDTHS).astype(np.uint32)),
            "tags": self._tags(numbers),
            "hash": pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(BITS // 8), count, [None, pa.py_buffer(hashes)]
            ),
        }
        if with_features:
            features = np.ascontiguousarray(self.data.features[start:stop])
            ends = np.arange(0, features.size + 1, features.shape[1], dtype=np.int32)
            columns["feature"] = pa.ListArray.from_arrays(ends, pa.array(features.ravel()))
        return pa.table(columns)

    def _tags(self, numbers: NDArray[np.int64]) -> pa.Array:
        """Return three tags of `_TAGS` for each item, as annotated photos have."""
        places = numbers[:, None] * 7 + np.array([0, 3, 31]) * (1 + numbers[:, None] // _TAGS)
        names = pa.array([f"tag_{place % _TAGS}" for place in places.ravel().tolist()])
        ends = np.arange(0, places.size + 1, 3, dtype=np.int32)
        counts = pa.array(np.ones(places.size, np.uint32))
        return pa.MapArray.from_arrays(ends, names, counts)

    def _make_quantized(self, table: str, dimension: int) -> bool:
        """Tell whether the engine has the Quantized codec; then its table is there and filled."""
        if self.catalog.has_table(table):
            if self.catalog.rows("count_items", table=table)[0][0] == len(self.data.features):
                return True
            self.catalog.run("drop_table", table=table)
        try:
            self._run("create_quantized", table, dimension=dimension)
        except StatementError as error:
            print(f"left out: {str(error)[:200]}", file=sys.stderr)
            return False
        self._run("fill_quantized", table, source=self.features.items_table)
        self._run("merge", table)
        return True

    def _run(self, name: str, table: str, **fragments: object) -> None:
        sql = self._sql[name].replace("$table", table)
        for fragment, value in fragments.items():
            sql = sql.replace(f"${fragment}", str(value))
        self.catalog.arrow(sql) if sql.startswith("SELECT") else self.catalog.client.command(sql)
