"""Coarse cells: which cell each hash is in, and the cells that are trained on a sample of them.

Centres are hashes too: the majority of the bits of a cell's members, found by k-means in Hamming
space (k-majority; Grana et al., 2013). They are trained in two levels, the parts first and in each
part its cells, so that neither training nor finding a cell compares with all centres.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hamsight_core.catalog.layout import CENTRES
from hamsight_core.catalog.statements import fill
from hamsight_core.hashing.recall import hashes_of

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_core.catalog.catalog import Catalog

_ROUNDS = 8
_NEAR_PARTS = 4
_CHUNK = 50_000
Bytes = NDArray[np.uint8]
Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Cells:
    """Centres uint8 (cells, bits / 8) and the part of each, ascending: int64 (cells,)."""

    centres: Bytes
    parts: NDArray[np.int64]

    def assign(self, hashes: Bytes) -> NDArray[np.uint32]:
        """Return the cell of each hash (n, bits / 8): of the nearest parts, the nearest centre."""
        chunks = range(0, len(hashes), _CHUNK)
        found = [self.assign_signs(signs(hashes[at : at + _CHUNK])) for at in chunks]
        return np.concatenate([np.empty(0, np.uint32), *found])

    def assign_signs(self, rows: Float32) -> NDArray[np.uint32]:
        """Return the cell of each hash given as `signs`, float32 (n, bits)."""
        centres, starts, ends, means = self._levels
        count = min(_NEAR_PARTS, len(means))
        near = np.argpartition(-(rows @ means.T), count - 1, axis=1)[:, :count]
        best = np.full(len(rows), -np.inf, np.float32)
        cells = np.zeros(len(rows), np.uint32)
        for part, (start, end) in enumerate(zip(starts, ends, strict=True)):
            members = np.flatnonzero((near == part).any(axis=1))
            if not len(members):
                continue
            agreement = rows[members] @ centres[start:end].T
            nearest = agreement.argmax(axis=1)
            value = agreement[np.arange(len(members)), nearest]
            better = value > best[members]
            best[members[better]] = value[better]
            cells[members[better]] = nearest[better] + start
        return cells

    @cached_property
    def _levels(self) -> tuple[Float32, NDArray[np.int64], NDArray[np.int64], Float32]:
        """The centres as `signs`, where the parts start and end among them, and the parts' own."""
        centres = signs(self.centres)
        starts = np.flatnonzero(np.diff(self.parts, prepend=-1))
        ends = np.append(starts[1:], len(centres))
        means = [_majority(centres[a:b]) for a, b in zip(starts, ends, strict=True)]
        return centres, starts, ends, np.stack(means)


def train(hashes: Bytes, count: int) -> Cells:
    """Return some `count` cells trained on a sample of hashes, uint8 (n, bits / 8)."""
    random = np.random.default_rng(0)
    rows = signs(hashes)
    tops = _centres(rows, max(1, round(count**0.5)), random)
    members = (rows @ tops.T).argmax(axis=1)
    found, parts = [], []
    for part in range(len(tops)):
        own = rows[members == part]
        if len(own):
            centres = _centres(own, max(1, round(count * len(own) / len(rows))), random)
            found.append(centres)
            parts.append(np.full(len(centres), part))
    return Cells(np.packbits(np.concatenate(found) > 0, axis=1), np.concatenate(parts))


def signs(hashes: Bytes) -> Float32:
    """Return hashes (n, bits / 8) as float32 (n, bits) of -1 and 1: their product with another's
    says in how many more bits they agree than differ."""
    return np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1


def load_cells(catalog: Catalog, table: str) -> Cells:
    """Return the cells of a table of cells, which never change."""
    return _loaded(catalog, table)


@lru_cache(maxsize=4)
def _loaded(catalog: Catalog, table: str) -> Cells:
    found = catalog.arrow(fill("find_centres", table=table + CENTRES))
    return Cells(hashes_of(found["hash"]), found["part"].to_numpy().astype(np.int64))


def add_to_cells(catalog: Catalog, tables: Iterable[str], items: pa.Table) -> None:
    """Put items (columns dataset, subset, id and hash) into tables of cells.

    Called before the items are inserted, so that none is missing where a run is killed.
    """
    import pyarrow as pa

    for table in tables if items.num_rows else ():
        cells = load_cells(catalog, table).assign(hashes_of(items["hash"]))
        named = items.select(["dataset", "subset", "id", "hash"])
        catalog.insert(table, named.append_column("cell", pa.array(cells)))


def _majority(rows: Float32) -> Float32:
    return np.where(rows.sum(axis=0) >= 0, 1, -1).astype(np.float32)


def _centres(rows: Float32, count: int, random: np.random.Generator) -> Float32:
    """Return at most `count` centres of rows (n, bits), all different."""
    centres = np.unique(rows[random.choice(len(rows), min(count, len(rows)), False)], axis=0)
    for _ in range(_ROUNDS):
        members = (rows @ centres.T).argmax(axis=1)
        order = np.argsort(members, kind="stable")
        starts = np.flatnonzero(np.diff(members[order], prepend=-1))
        sums: Any = np.add.reduceat(rows[order], starts, axis=0)
        centres = np.where(sums >= 0, 1, -1).astype(np.float32)
    return np.unique(centres, axis=0)
