"""The maps of a catalog, and where items lie on them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hamsight_analyze.recorded import list_analyses
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

KIND, TABLE = "map", "map_points"


@dataclass(frozen=True, slots=True)
class MapPoints:
    """The n points of a map, in the order of the items' identities.

    `items` (n,) uint64 are `cityHash64(dataset, subset, id)` of the items, `digests` (n,) uint64
    the hashes of their features when they were laid out, `positions` (n, 2) float32 where they
    lie, and `fitted` (n,) bool whether they took part in the fit or were placed afterwards.
    """

    items: NDArray[np.uint64]
    digests: NDArray[np.uint64]
    positions: NDArray[np.float32]
    fitted: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.items)


def list_maps(catalog: Catalog) -> pa.Table:
    """Return a row for each map, the latest first.

    Columns: analysis, model, method, component (of principal components, else null), scope (JSON),
    items, fitted, trustworthiness, layout, created_at, and `current`: whether no item came, went or
    changed since. A map on which items were placed since it was fitted has the same `layout`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    every = list_analyses(catalog)
    table = every.filter(pc.equal(every["kind"].cast(pa.string()), KIND))
    scopes = [json.loads(one) for one in table["scope"].cast(pa.string()).to_pylist()]
    figures = [json.loads(one) for one in table["figures"].cast(pa.string()).to_pylist()]
    methods = [one.pop("method") for one in scopes]
    components = [one.pop("component", None) for one in scopes]
    names = table["analysis"].cast(pa.string())
    layouts = [
        one.get("layout") or name for one, name in zip(figures, names.to_pylist(), strict=True)
    ]
    made = {
        "analysis": names,
        "model": table["model"].cast(pa.string()),
        "method": pa.array(methods, pa.string()),
        "component": pa.array(components, pa.uint32()),
        "scope": pa.array([json.dumps(one, ensure_ascii=False) for one in scopes], pa.string()),
        "items": table["items"],
        "fitted": pa.array([one["fitted"] for one in figures], pa.uint64()),
        "trustworthiness": pa.array([one["trustworthiness"] for one in figures], pa.float32()),
        "layout": pa.array(layouts, pa.string()),
        "created_at": table["created_at"],
        "current": table["current"],
    }
    return pa.table(made)


def read_points(catalog: Catalog, analysis: str) -> MapPoints:
    """Return the points of the map that `list_maps` calls so. Raises UsageError for another."""
    if catalog.has_table(TABLE):
        points = points_of(catalog, analysis)
        if len(points):
            return points
    raise UsageError(f"there is no map {analysis!r}: make one with `hamsight map`")


def check_layout(catalog: Catalog, layout: str) -> None:
    """Raise UsageError where no map has a layout any more."""
    if catalog.has_table(TABLE):
        given = {"lasso_map": layout}
        if catalog.rows("count_maps", given, is_map=fill("is_map"))[0][0]:
            return
    raise UsageError(
        "the map on which this lasso was drawn was laid out again: let go of the lasso, and draw"
        " another"
    )


def points_of(catalog: Catalog, analysis: str) -> MapPoints:
    """Return the points that the catalog has of an analysis."""
    import numpy as np

    table = catalog.arrow(fill("map_points"), {"analysis": analysis})
    columns = {name: table[name].to_numpy() for name in table.column_names}
    return MapPoints(
        columns["item"].astype(np.uint64),
        columns["digest"].astype(np.uint64),
        np.stack([columns["x"], columns["y"]], axis=1).astype(np.float32),
        columns["fitted"].astype(bool),
    )
