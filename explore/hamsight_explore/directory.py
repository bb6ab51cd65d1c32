"""Numbers of items, by which the server and the page speak of them.

A number is an item's for as long as the server runs. What ClickHouse says of many items is the
64-bit hash of their identities (cityHash64), which the directory turns into numbers: four bytes
for each item of an answer, however long its name is.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import fill
from hamsight_core.distinct import distinct
from hamsight_core.errors import CatalogError
from hamsight_core.items import Identity

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_LOOKED_UP = 5_000
"""So many new items are looked up one by one; of more, all are read."""


class Directory:
    """The identities of items by number, and their numbers by hash."""

    def __init__(self) -> None:
        import numpy as np

        self._keys: list[pa.Table] = []
        self._starts: list[int] = [0]
        self._hashes = np.empty(0, np.uint64)
        self._numbers = np.empty(0, np.uint32)
        self._ranks: NDArray[np.uint32] | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._starts[-1]

    def numbers(
        self, catalog: Catalog, table: str, hashes: NDArray[np.uint64]
    ) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """Return the numbers of items of a table by their hashes, and which hashes are known.

        An item that is new gets a number; one that was deleted meanwhile is left out of the
        numbers, and is not known.
        """

        with self._lock:
            places, known = self._places(hashes)
            if not known.all():
                self._learn(catalog, table, distinct(hashes[~known]))
                places, known = self._places(hashes)
            return self._numbers[places[known]], known

    def sorted(self, numbers: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return numbers in the order of their identities."""
        import numpy as np

        if self._ranks is None:
            return np.sort(numbers)
        return numbers[np.argsort(self._ranks[numbers], kind="stable")]

    def identities(self, numbers: Sequence[int] | NDArray[np.uint32]) -> list[Identity]:
        """Return (dataset, subset, id) of each number."""
        import numpy as np
        import pyarrow as pa

        wanted = np.asarray(numbers, np.int64)
        found: list[Identity] = [("", "", "")] * len(wanted)
        parts = np.searchsorted(self._starts, wanted, side="right") - 1
        for part in np.unique(parts):
            places = np.flatnonzero(parts == part)
            rows = self._keys[part].take(pa.array(wanted[places] - self._starts[part]))
            columns = [rows[name].to_pylist() for name in ("dataset", "subset", "id")]
            for place, identity in zip(places, zip(*columns, strict=True), strict=True):
                found[place] = identity
        return found

    def hashes(self, numbers: NDArray[np.uint32]) -> NDArray[np.uint64]:
        """Return the hash of each item."""
        import numpy as np

        with self._lock:
            by_number = np.empty(len(self), np.uint64)
            by_number[self._numbers] = self._hashes
        return by_number[numbers]

    def of_identities(
        self, catalog: Catalog, table: str, identities: Sequence[Identity]
    ) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """Return the numbers of items by identity, in their order, and which are known."""
        import numpy as np

        hashes: list[int] = []
        for page in pages(identities):
            rows = catalog.rows("hashes_of_identities", {"identities": as_json(page)})
            hashes.extend(rows[0][0])
        return self.numbers(catalog, table, np.array(hashes, np.uint64))

    def _places(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        import numpy as np

        if not len(self._hashes):
            return np.zeros(len(hashes), np.intp), np.zeros(len(hashes), bool)
        # in their own order, many are found ten times as fast
        order = np.argsort(hashes)
        places = np.empty(len(hashes), np.intp)
        places[order] = np.searchsorted(self._hashes, hashes[order])
        places[places == len(self._hashes)] = 0
        return places, self._hashes[places] == hashes

    def _learn(self, catalog: Catalog, table: str, new: NDArray[np.uint64]) -> None:
        import numpy as np

        if len(new) <= _LOOKED_UP and len(self):
            given = {"hashes": as_json([int(one) for one in new])}
            keys = catalog.arrow(fill("keys_of_hashes", table=table), given)
        else:
            keys = catalog.arrow(fill("all_keys", table=table))
        found = keys["item"].to_numpy()
        _, known = self._places(found)
        if known.any():
            keys, found = keys.filter(~known), found[~known]
        if len(distinct(found)) < len(found):
            keys, found = _without_doubles(keys)
        start = len(self)
        numbers = np.arange(start, start + len(found), dtype=np.uint32)
        hashes = np.concatenate([self._hashes, found])
        order = np.argsort(hashes, kind="stable")
        self._numbers = np.concatenate([self._numbers, numbers])[order]
        self._hashes = hashes[order]
        self._keys.append(keys.drop_columns(["item"]).combine_chunks())
        self._starts.append(start + len(found))
        self._ranks = None if len(self._keys) == 1 else self._ranked()

    def _ranked(self) -> NDArray[np.uint32]:
        """Return the place of each number in the order of identities."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        names = ["dataset", "subset", "id"]
        plain = pa.concat_tables(
            pa.table([table[name].cast(pa.string()) for name in names], names)
            for table in self._keys
        )
        order = pc.sort_indices(plain, [(name, "ascending") for name in names]).to_numpy()
        ranks = np.empty(len(order), np.uint32)
        ranks[order] = np.arange(len(order), dtype=np.uint32)
        return ranks


def _without_doubles(keys: pa.Table) -> tuple[pa.Table, NDArray[np.uint64]]:
    """Return keys without rows that stand twice, as of an item that is just being replaced."""
    import numpy as np

    hashes, first = np.unique(keys["item"].to_numpy(), return_index=True)
    kept = keys.take(np.sort(first))
    rows = {tuple(row.values()) for row in keys.to_pylist()}
    if len(rows) > len(hashes):
        raise CatalogError(
            "two items have the same 64-bit hash of their identities, which the page cannot tell"
            " apart: rename one of them"
        )
    return kept, kept["item"].to_numpy()
