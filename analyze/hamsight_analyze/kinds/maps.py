"""`hamsight map`: where items lie in a plane on which like items are near."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from hamsight_analyze.analysis import Analysis, Asked, Found, identity_columns, settings_of
from hamsight_analyze.items import Items, Scope, places_of
from hamsight_analyze.kept_neighbours import neighbours_of
from hamsight_analyze.map_points import KIND, TABLE, MapPoints, points_of
from hamsight_analyze.positions import (
    COMPONENTS,
    FITTED,
    check_method,
    lay_out,
    place,
    principal_components,
    trustworthiness,
)
from hamsight_analyze.progress import Advance, Progress
from hamsight_analyze.recorded import latest_of_kind
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.errors import UsageError
from hamsight_core.show.map_picture import Point, draw_line, draw_map

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

COLORS: dict[str, tuple[str, ...]] = {
    "dataset": (),
    "subset": (),
    "status": ("analyzed_status",),
    "tag": ("analyzed_tags",),
    "group": ("analyzed_groups",),
}
"""By what a map is coloured, with the statements of the columns; else by an attribute."""
_OLD = 0.5
"""The share of items that a kept map has to know, to have the others placed on it."""


@dataclass(frozen=True)
class Map(Analysis):
    """Where items lie, by `method`; with `component` in one principal component alone, from 1 on.

    A map of the same items and method is kept: what came or changed since is placed on it, unless
    `refit` is asked for or most items are new. `color` is a key of `COLORS` or the name of an
    attribute, and `pictures` whether pictures are drawn, or points; None to choose by their number.
    """

    kind: ClassVar[str] = KIND
    kept_in: ClassVar[str] = TABLE
    reads: ClassVar[tuple[str, ...]] = ("analyzed_features", "analyzed_key", "analyzed_digest")
    method: str = "tsne"
    component: int | None = None
    seed: int = 0
    refit: bool = field(default=False, repr=False)
    color: str | None = field(default=None, repr=False)
    pictures: bool | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raise UsageError for a method that there is not, and a component of another than PCA."""
        if self.component is not None and self.method != "pca":
            raise UsageError(f"a component is of --method pca, not of {self.method}")
        if self.component is not None and not 1 <= self.component <= COMPONENTS:
            raise UsageError(f"component {self.component}; expected 1 to {COMPONENTS}")
        check_method(self.method)

    def columns(self) -> tuple[str, ...]:
        """Return the columns, with what the picture is coloured by."""
        if self.color is None:
            return self.reads
        return (*self.reads, *COLORS.get(self.color, ("analyzed_attribute",)))

    def parameters(self) -> dict[str, Any]:
        """Return the name of the attribute by which the picture is coloured."""
        return {} if self.color is None or self.color in COLORS else {"together": self.color}

    def described(self, scope: Scope) -> dict[str, Any]:
        """Return of which items the map is, and by which method: one of each is kept."""
        own = {"method": self.method, "component": self.component}
        return {**scope.described(), **{key: value for key, value in own.items() if value}}

    def read(self, catalog: Catalog, scope: Scope, on_progress: Progress) -> Items:
        """Read the items, and where the kept map has them, or else their neighbours."""
        items = super().read(catalog, scope, on_progress)
        if self.method == "pca":
            return items
        kept = None if self.refit else self._kept_points(catalog, scope, items)
        known = None if kept is None else _unchanged(kept, items)
        if known is not None and len(items) and (known >= 0).mean() >= _OLD:
            items.beside["kept"] = kept, known
            items.beside["layout"] = self._layout(catalog, scope, items)
        elif self.method == "tsne" and not scope.described() and len(items) <= FITTED:
            items.beside["near"] = neighbours_of(catalog, items)
        return items

    def known_positions(self, catalog: Catalog, scope: Scope, items: Items) -> NDArray[np.float32]:
        """Return where items (n, 2) lie on the kept map, NaN where it does not have them."""
        import numpy as np

        points = self._kept_points(catalog, scope, items)
        positions = np.full((len(items), 2), np.nan, np.float32)
        if points is not None:
            at = places_of(items.keys(), points.items)
            positions[at >= 0] = points.positions[at[at >= 0]]
        return positions

    def _layout(self, catalog: Catalog, scope: Scope, items: Items) -> str:
        """Return the name of the kept map's layout."""
        latest = latest_of_kind(catalog, self, scope, items.model.name)
        return str(catalog.rows("layout_of_map", {"analysis": latest})[0][0] or latest)

    def _kept_points(self, catalog: Catalog, scope: Scope, items: Items) -> MapPoints | None:
        latest = latest_of_kind(catalog, self, scope, items.model.name)
        if latest is None or not catalog.has_table(TABLE):
            return None
        points = points_of(catalog, latest)
        return points if len(points) else None

    def find(self, items: Items, asked: Asked, on_progress: Advance) -> Found:
        """Return an item a row, with its place."""
        import pyarrow as pa

        assert items.features is not None
        positions, fitted, placed = self._positions(items, on_progress)
        each = pa.table(
            {
                **identity_columns(items.identities),
                "x": pa.array(positions[:, 0], pa.float32()),
                "y": pa.array(positions[:, 1], pa.float32()),
            }
        )
        count = asked.cut(len(items))
        trust = None
        if self.component is None:
            trust = trustworthiness(items.features, positions)
        told = "" if trust is None else f", trustworthiness {trust:.3f}"
        by = self.method if self.component is None else f"component {self.component} of pca"
        if placed is None:
            said = f"{len(items):,} items laid out by {by}{told}"
        else:
            said = f"{len(items):,} items on the kept map by {by}, {placed:,} of them new{told}"
        found = Found(each.slice(0, count), count, said, settings_of(self))
        layout = items.beside.pop("layout", None) or _named(positions)
        found.figures = {"fitted": int(fitted.sum()), "trustworthiness": trust, "layout": layout}
        found.stored = each.append_column("digest", pa.array(items.digests())).append_column(
            "fitted", pa.array(fitted)
        )
        beside = int((~fitted).sum())
        if beside:
            found.notes.append(
                f"fitted to {int(fitted.sum()):,} items; the other {beside:,} lie among their"
                " nearest"
            )
        found.draw = partial(self._draw, items, positions)
        return found

    def kept(self, rows: pa.Table, name: str, start: int) -> pa.Table:
        """Return rows as the table of points has them."""
        import pyarrow as pa

        return rows.append_column("analysis", pa.array([name] * rows.num_rows))

    def _positions(
        self, items: Items, on_progress: Advance
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], int | None]:
        """Return where items lie, which took part in the fit, and how many are new on a kept map.

        That is None where all were laid out.
        """
        import numpy as np

        features = items.features
        assert features is not None
        if self.component is not None:
            values = principal_components(features, self.component)[:, -1:]
            on_progress(len(items))
            on_line = np.concatenate([values, np.zeros_like(values)], axis=1)
            return on_line, np.ones(len(items), bool), None
        if "kept" not in items.beside:
            near = items.beside.get("near")
            laid = lay_out(
                features, self.method, seed=self.seed, near=near, on_progress=on_progress
            )
            return *laid, None
        kept, at = items.beside["kept"]
        known, rest = at >= 0, at < 0
        positions, fitted = kept.positions[at], kept.fitted[at] & known
        on_progress(int(known.sum()))
        if rest.any():
            vectors = principal_components(features, COMPONENTS)
            positions[rest] = place(
                vectors[rest], vectors[known], positions[known], on_progress=on_progress
            )
        return positions, fitted, int(rest.sum())

    def _draw(self, items: Items, positions: NDArray[np.float32], path: Path, title: str) -> None:
        values = _values(items, self.color)
        points = [
            Point(uri, x, y, value)
            for uri, (x, y), value in zip(items.uris, positions.tolist(), values, strict=True)
        ]
        if self.component is not None:
            draw_line(points, path, title=title)
        else:
            draw_map(points, path, title=title, pictures=self.pictures)


def _named(positions: NDArray[np.float32]) -> str:
    """Return the name of a layout (n, 2): the same for the same positions."""
    return hashlib.sha256(positions.round(3).astype("<f4").tobytes()).hexdigest()[:32]


def _unchanged(points: MapPoints, items: Items) -> NDArray[np.int64]:
    """Return the place (n,) of each item among points; -1 where its feature was not laid out."""
    import numpy as np

    at = places_of(items.keys(), points.items)
    return np.where(points.digests[at] == items.digests(), at, -1)


def _values(items: Items, color: str | None) -> list[str | None]:
    """Return the value by which each item is coloured; of several tags or groups the commonest."""
    if color is None:
        return [None] * len(items)
    if color in ("dataset", "subset"):
        return [one[("dataset", "subset").index(color)] for one in items.identities]
    if color == "status":
        return list(items.columns["status_name"])
    if color not in COLORS:
        return [value or None for value in items.columns["together"]]
    several = items.columns["tag_names" if color == "tag" else "group_names"]
    counts: dict[str, int] = {}
    for names in several:
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    return [max(names, key=lambda name: (counts[name], name), default=None) for names in several]
