"""The neighbours of all items of a model, kept in the catalog and updated."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from hamsight_analyze.analysis import identity_columns
from hamsight_analyze.blocks import EXACT
from hamsight_analyze.items import Items, places_of
from hamsight_analyze.neighbours import (
    NEIGHBOURS,
    Neighbours,
    find_neighbours,
    update_neighbours,
)
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.generations import view_of
from hamsight_core.catalog.statements import fill

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

COLUMNS = ("analyzed_features", "analyzed_key", "analyzed_digest")
"""The statements of the columns that are needed."""
_INSERTED = 50_000


def neighbours_of(catalog: Catalog, items: Items) -> Neighbours:
    """Return the 20 nearest of each item, of all items of a model with the columns `COLUMNS`.

    They are kept in the table `neighbours_MODEL`. Where the catalog has them, those of new and
    changed items, and of items that lost a neighbour, are found by comparing these items with all;
    if that is more than comparing 100,000 items with each other, all are found again.
    """
    assert items.features is not None
    if len(items) < 2:
        return find_neighbours(items.features)
    table = view_of(items.model.items_table).replace("items", "neighbours", 1)
    keys, digests = items.keys(), items.digests()
    known = _known(catalog, table, keys, digests) if catalog.has_table(table) else None
    if known is None or known.asked.sum() * len(items) > EXACT**2:
        near = find_neighbours(items.features)
    elif known.is_current:
        return known.near
    else:
        near = update_neighbours(items.features, known.near, known.asked, known.changed)
    _keep(catalog, table, items, keys, digests, near)
    return near


class _Known:
    """What a catalog knows: neighbours by place, and of which items they must be found."""

    def __init__(
        self, near: Neighbours, changed: NDArray[np.bool_], lost: NDArray[np.bool_], gone: bool
    ) -> None:
        self.near, self.changed = near, changed
        self.asked = changed | lost
        self.is_current = not (self.asked.any() or gone)


def _known(
    catalog: Catalog, table: str, keys: NDArray[np.uint64], digests: NDArray[np.uint64]
) -> _Known | None:
    import numpy as np

    kept = catalog.arrow(fill("kept_neighbours", table=table))
    if not kept.num_rows:
        return None
    own, digest = (kept[name].to_numpy().astype(np.uint64) for name in ("item", "digest"))
    others, similarity = (_matrix(kept[name]) for name in ("neighbours", "similarity"))
    width = min(NEIGHBOURS, len(keys) - 1)
    if others is None or similarity is None or others.shape[1] != width:
        return None
    place = places_of(own, keys)
    stays = place >= 0
    stays[stays] = digests[place[stays]] == digest[stays]
    changed = np.ones(len(keys), bool)
    changed[place[stays]] = False
    near = Neighbours(
        np.full((len(keys), width), -1, np.int32), np.full((len(keys), width), -1, np.float32), 1.0
    )
    found = places_of(others[stays].ravel(), keys).reshape(-1, width)
    found[(found >= 0) & changed[found]] = -1
    near.places[place[stays]] = found
    near.similarity[place[stays]] = similarity[stays]
    lost = ~changed & (near.places < 0).any(axis=1)
    return _Known(near, changed, lost, bool((~stays).any()))


def _matrix(column: pa.ChunkedArray) -> NDArray[Any] | None:
    """Return lists of equal length (n, k); None where they are not."""
    import numpy as np

    flat = np.concatenate([chunk.flatten().to_numpy() for chunk in column.chunks])
    if len(flat) % len(column):
        return None
    return flat.reshape(len(column), -1)


def _keep(
    catalog: Catalog,
    table: str,
    items: Items,
    keys: NDArray[np.uint64],
    digests: NDArray[np.uint64],
    near: Neighbours,
) -> None:
    import numpy as np
    import pyarrow as pa

    made = f"{table}_{uuid.uuid4().hex}"
    for name in (table, made):
        catalog.run("create_neighbours", table=name)
    try:
        for start in range(0, len(items), _INSERTED):
            some = slice(start, start + _INSERTED)
            places = near.places[some]
            others = np.where(places < 0, np.uint64(0), keys[places])  # 0 where none is known
            columns = identity_columns(items.identities[some])
            columns["digest"] = pa.array(digests[some])
            for name, values in (("neighbours", others), ("similarity", near.similarity[some])):
                offsets = pa.array(np.arange(len(values) + 1) * values.shape[1], pa.int32())
                columns[name] = pa.ListArray.from_arrays(offsets, pa.array(values.ravel()))
            catalog.insert(made, pa.table(columns))
        catalog.await_replicas(made)
        catalog.run("replace_neighbours", table=table, made=made)
    finally:
        catalog.run("drop_made_neighbours", table=made)
