"""Building coarse cells of a model's items, while searches and ingests go on.

The new table of cells is announced in the model's row first, so that items that come from then on
go into it too; then all items are read, a chunk at a time, and put into their cells. The same pass
measures how many cells a search needs. One change of the row makes searches use them.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hamsight_core.catalog.calibration import QUERIES, image_queries, text_queries
from hamsight_core.catalog.catalog import IMPORTED, Catalog, CatalogModel, TableKind
from hamsight_core.catalog.cells import Cells, signs, train
from hamsight_core.catalog.fits import hash_of
from hamsight_core.catalog.generations import drop_cells, server_time
from hamsight_core.catalog.layout import CENTRES
from hamsight_core.catalog.paging import item_pages
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import CatalogError, UsageError
from hamsight_core.hashing.hash_settings import CellSettings, HashSettings
from hamsight_core.hashing.recall import candidates_for, hashes_of
from hamsight_core.hashing.sign import PLANES
from hamsight_core.models.network import HERE, Compute
from hamsight_core.models.package import ModelPackage
from hamsight_ingest.progress import shown

LEAST_ITEMS = 100_000
"""Items below which a search reads all of them: that takes a few milliseconds."""
RECALLS = (0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995)
REACHES = (60, 600, 2400)
_SAMPLED_OF_CELL = 16
_MOST_SAMPLED = 300_000
_CELLS_OF_ROOT = 4
_MOST_CELLS = 65_536
_PAGE = 50_000
_INSERTED = 500_000
_SEED = 17
Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Indexed:
    """A model's cells as searches use them from now on; None where it needs none."""

    model: str
    items: int
    cells: CellSettings | None


def index_items(
    catalog: Catalog,
    model: str | None,
    *,
    compute: Compute = HERE,
    progress: bool = False,
    kind: TableKind = TableKind.ITEMS,
) -> Indexed:
    """Build the cells of a model's items, or objects, again. Raises what `build_index` raises.

    `model` is a model of the catalog or the folder of its package; None is the only one. Without
    its package, words are not measured: searches for words then read all items.
    """
    found = catalog.model(model, kind=kind)
    package = None
    if found.words and found.source != IMPORTED:
        package = catalog.package(found, model)
    with shown(f"{found.name} indexed", " items", progress, delay=1) as show:
        return build_index(catalog, found, package, compute=compute, on_progress=show)


def build_index(
    catalog: Catalog,
    model: CatalogModel,
    package: ModelPackage | None,
    *,
    compute: Compute = HERE,
    on_progress: Callable[[int, int], None] = lambda done, items: None,
) -> Indexed:
    """Build the cells of a model's items and let searches use them; the old cells are dropped.

    `package` encodes the words with which the number of cells that a search reads is measured:
    without it searches for words read all items. Raises UsageError on MyScale, and CatalogError
    where another process builds cells too or hashes the model again.
    """
    if catalog.layout.myscale:
        raise UsageError(
            "MyScale has a vector index of its own, which searches use: there is nothing to build;"
            " system.vector_indices tells how far it is"
        )
    items = int(catalog.rows("count_items", table=model.items_table)[0][0])
    if items < LEAST_ITEMS:
        drop_index(catalog, model)
        return Indexed(model.name, items, None)
    table = f"cells_{model.items_table}_{uuid.uuid4().hex[:8]}"
    work = _Work(catalog, model, table, items)
    changed = None
    if work.announce():
        measured = _Measured(_queries(catalog, model, package, compute), items)
        work.fill(measured, on_progress)
        settings = CellSettings(table, items, len(work.cells.centres), measured.probes(work.cells))
        changed = catalog.change_settings(model, lambda one: _with_cells(one, settings))
    drop_cells(catalog, model.items_table, catalog.models(None))
    if changed is None:
        raise CatalogError(
            f"another process has built cells of the model {model.name!r} or given it another hash"
            " meanwhile: nothing was changed; look at `hamsight info` before trying again"
        )
    return Indexed(model.name, items, settings)


def drop_index(catalog: Catalog, model: CatalogModel) -> bool:
    """Let searches of a model read all items again; return whether they read cells before."""
    had = model.hash_settings.cells is not None
    catalog.change_settings(model, lambda one: replace(one, cells=None, making=()))
    drop_cells(catalog, model.items_table, catalog.models(None))
    return had


def _with_cells(settings: HashSettings, cells: CellSettings) -> HashSettings | None:
    if settings.making != (cells.table,):
        return None
    return replace(settings, cells=cells, making=())


class _Work:
    """A table of cells that is being filled."""

    def __init__(self, catalog: Catalog, model: CatalogModel, table: str, items: int) -> None:
        self._catalog, self._model, self._table, self._items = catalog, model, table, items
        self._hash_bytes = model.bits // 8
        self.cells = self._train()

    def announce(self) -> bool:
        """Make the table, and let new items go into it too; False where the model has moved."""
        table = self._table
        given = {"hash_bytes": self._hash_bytes, "moment": server_time(self._catalog)}
        self._catalog.run("create_cells", table=table, **given)
        self._catalog.spread(table)
        self._catalog.run("create_centres", table=table + CENTRES, **given)
        numbers = pa.array(np.arange(len(self.cells.centres), dtype=np.uint32))
        columns = {
            "cell": numbers,
            "part": pa.array(self.cells.parts.astype(np.uint32)),
            "hash": _column(self.cells.centres),
        }
        self._catalog.insert(table + CENTRES, pa.table(columns))
        self._catalog.await_replicas(table + CENTRES)
        making = (self._table,)
        model = self._catalog.change_settings(self._model, lambda one: replace(one, making=making))
        return model is not None

    def fill(self, measured: _Measured, on_progress: Callable[[int, int], None]) -> None:
        """Put all items into their cells; those of datasets that are renamed meanwhile too."""
        known = self._datasets()
        done, waiting = 0, list[pa.Table]()
        for page, rows, cells in self._assigned(self._pages([], {})):
            measured.add(rows, cells)
            waiting.append(page.append_column("cell", pa.array(cells)))
            done += page.num_rows
            if sum(one.num_rows for one in waiting) >= _INSERTED:
                self._insert(waiting)
            on_progress(min(done, self._items), self._items)
        new = sorted(self._datasets() - known)
        for page in self._pages([fill("of_datasets")], {"datasets": new}) if new else ():
            cells = self.cells.assign(hashes_of(page["hash"]))
            waiting.append(page.append_column("cell", pa.array(cells)))
        self._insert(waiting)
        self._catalog.await_replicas(self._table)

    def _assigned(
        self, pages: Iterator[pa.Table]
    ) -> Iterator[tuple[pa.Table, Float32, NDArray[np.uint32]]]:
        """Yield pages with their hashes as `signs` and their cells, which two threads find."""

        def assign(page: pa.Table) -> tuple[pa.Table, Float32, NDArray[np.uint32]]:
            rows = signs(hashes_of(page["hash"]))
            return page, rows, self.cells.assign_signs(rows)

        with ThreadPoolExecutor(2) as pool:
            coming: deque[Future[tuple[pa.Table, Float32, NDArray[np.uint32]]]] = deque()
            for page in pages:
                coming.append(pool.submit(assign, page))
                if len(coming) > 2:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()

    def _insert(self, pages: list[pa.Table]) -> None:
        if pages:
            self._catalog.insert(self._table, pa.concat_tables(pages).combine_chunks())
        pages.clear()

    def _pages(self, held: list[str], given: dict[str, Any]) -> Iterator[pa.Table]:
        table = self._model.items_table
        for condition, values in item_pages(self._catalog, table, _PAGE, held, given):
            page = fill("page_of_named_hashes", table=table, conditions=condition)
            rows = self._catalog.arrow(page, values)
            if rows.num_rows:
                yield rows

    def _datasets(self) -> set[str]:
        return {
            row[0] for row in self._catalog.rows("dataset_names", table=self._model.items_table)
        }

    def _train(self) -> Cells:
        count = min(_MOST_CELLS, round(_CELLS_OF_ROOT * self._items**0.5))
        sampled = min(_MOST_SAMPLED, _SAMPLED_OF_CELL * count)
        return train(_sample(self._catalog, self._model, self._items, sampled), count)


class _Measured:
    """For each query the nearest items by hash and their cells, of the items seen."""

    def __init__(self, weights: dict[str, Float32], items: int) -> None:
        self._weights = weights
        self._reaches = [reach for reach in REACHES if 4 * reach <= items]
        most = max(self._reaches, default=1) + 1
        self._best = {
            kind: (np.full((len(one), most), -np.inf, "f4"), np.zeros((len(one), most), np.uint32))
            for kind, one in weights.items()
        }

    def add(self, rows: Float32, cells: NDArray[np.uint32]) -> None:
        """Take hashes as `signs` (n, bits) and their cells (n,)."""
        for kind, weights in self._weights.items():
            values, places = self._best[kind]
            agreement = weights @ rows.T
            for number, of_query in enumerate(agreement):
                near = np.flatnonzero(of_query > values[number].min())
                if not len(near):
                    continue
                both = np.concatenate([values[number], of_query[near]])
                kept = np.argpartition(-both, values.shape[1] - 1)[: values.shape[1]]
                values[number] = both[kept]
                places[number] = np.concatenate([places[number], cells[near]])[kept]

    def probes(self, cells: Cells) -> dict[str, dict[str, dict[str, int]]]:
        """Return how many cells each kind of query needs, by reach and recall.

        The half of the queries counts whose nearest are farthest: a picture that is no item has
        none as near as items have among themselves.
        """
        centres = signs(cells.centres)
        found: dict[str, dict[str, dict[str, int]]] = {}
        for kind, weights in self._weights.items():
            values, places = self._best[kind]
            order = np.argsort(-(weights @ centres.T), axis=1, kind="stable")
            rank = np.empty_like(order)
            np.put_along_axis(rank, order, np.arange(1, len(centres) + 1)[None], axis=1)
            # the nearest is the query itself, where that is an item
            nearest = np.argsort(-values, axis=1)[:, 1:]
            ranks = np.take_along_axis(rank, places.astype(np.int64), axis=1)
            ranks = np.take_along_axis(ranks, nearest, axis=1)
            found[kind] = {}
            for reach in self._reaches:
                last = np.take_along_axis(values, nearest[:, reach - 1 : reach], axis=1)[:, 0]
                lonely = np.argsort(last, kind="stable")[: -(-len(last) // 2)]
                found[kind][str(reach)] = {
                    str(share): candidates_for(ranks[lonely, :reach], share) for share in RECALLS
                }
        return found


def _queries(
    catalog: Catalog, model: CatalogModel, package: ModelPackage | None, compute: Compute
) -> dict[str, Float32]:
    """Return queries of each kind, as what each bit of a hash weighs: float32 (n, bits)."""
    if catalog.rows("find_featureless", table=model.items_table):
        items = int(catalog.rows("count_items", table=model.items_table)[0][0])
        return {"image": signs(_sample(catalog, model, items, QUERIES))}
    kinds = [image_queries(catalog, model, QUERIES)]
    if package is not None and package.text is not None:
        kinds.append(text_queries(catalog, model, package, compute, QUERIES))
    hash = hash_of(catalog, model)
    found: dict[str, Float32] = {}
    for one in kinds:
        planes = [hash.encode_query(feature, one.kind, PLANES) for feature in one.features]
        scale = 2 ** np.arange(len(planes[0]), dtype=np.float32)
        found[one.kind] = np.stack([scale @ signs(each) for each in planes]).astype(np.float32)
    return found


def _sample(catalog: Catalog, model: CatalogModel, items: int, count: int) -> NDArray[np.uint8]:
    """Return about `count` hashes drawn by identity, uint8 (n, bits / 8)."""
    given = {"seed": _SEED, "every": max(1, items // count), "limit": count}
    found = catalog.arrow(fill("sample_hashes", table=model.items_table), given)
    return hashes_of(found["hash"])


def _column(hashes: NDArray[np.uint8]) -> Any:
    rows = np.ascontiguousarray(hashes)
    kind = pa.binary(rows.shape[1])
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(rows), [None, pa.py_buffer(rows)])
