"""Maps as the page draws them: points by number, colours by a field, names of regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hamsight_analyze.items import Scope, condition_of
from hamsight_analyze.kinds.comparison import scope_of_side
from hamsight_analyze.map_points import list_maps, read_points
from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.generations import view_of
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UsageError
from hamsight_core.show.values import records
from hamsight_explore.directory import Directory
from hamsight_explore.last_kept import LastKept
from hamsight_explore.view import TEXT_FIELDS
from hamsight_explore.windows import FACETS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COLOURS = 8
"""Values that have colours of their own, the commonest; the code 0 is for all others."""
NONE = 255
"""The code of an item that has no value."""
_GREATEST = 254
_KEPT = 3
_OUTSIDE = 0.01
"""The share of items at each end whose scores are drawn as the least or the greatest."""


@dataclass(frozen=True, slots=True)
class Points:
    """The n points of a map that are items now: `numbers` (n,) uint32, `positions` (n, 2)."""

    numbers: NDArray[np.uint32]
    positions: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Colours:
    """What a map is coloured by: `codes` (n,) uint8.

    With `names` a code is the place of a name, from 1; without, codes go from 0 for `least` to 254
    for `greatest`. `NONE` is for items without a value.
    """

    codes: NDArray[np.uint8]
    names: tuple[str, ...] = ()
    least: float = 0.0
    greatest: float = 0.0


class Maps:
    """The last maps that were looked at."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._kept: LastKept[tuple[str, int], Points] = LastKept(_KEPT)

    def listed(self, catalog: Catalog) -> list[dict[str, Any]]:
        """Return the maps, the latest first."""
        if not catalog.has_table("analyses"):
            return []
        return list(records(list_maps(catalog)))

    def points(self, catalog: Catalog, model: CatalogModel, analysis: str) -> Points:
        """Return the points of a map. Raises UsageError for one that there is not."""
        known = self._kept.get((analysis, len(self._directory)))
        if known is not None:
            return known
        read = read_points(catalog, analysis)
        table = view_of(model.items_table)
        numbers, is_item = self._directory.numbers(catalog, table, read.items)
        points = Points(numbers, read.positions[is_item])
        self._kept.put((analysis, len(self._directory)), points)
        return points

    def choices(self, catalog: Catalog, model: CatalogModel) -> list[str]:
        """Return by what a map may be coloured."""
        rows = catalog.rows("names_of_values", table=view_of(model.items_table))
        attributes, scores = rows[0]
        named = [f"attribute:{name}" for name in sorted(attributes)]
        return [*_FIELDS, *named, *(f"score:{name}" for name in sorted(scores))]

    def coloured(self, catalog: Catalog, model: CatalogModel, points: Points, by: str) -> Colours:
        """Return the colours of points by a field, `attribute:NAME` or `score:NAME`."""
        import numpy as np

        table = view_of(model.items_table)
        kind, _, name = by.partition(":")
        if kind == "score" and name:
            found = catalog.arrow(fill("map_scores", table=table), {"score": name})
            numbers, known = self._directory.numbers(catalog, table, found["item"].to_numpy())
            scores = np.full(len(self._directory), np.nan)
            scores[numbers] = found["value"].to_numpy()[known]
            return shaded(scores[points.numbers], _OUTSIDE)
        chosen, parameters = _values_of(by)
        given = {**parameters, "limit": COLOURS}
        names = [row[0] for row in catalog.rows("map_names", given, table=table, values=chosen)]
        given = {**parameters, "names": names}
        found = catalog.arrow(fill("map_codes", table=table, values=chosen), given)
        numbers, known = self._directory.numbers(catalog, table, found["item"].to_numpy())
        codes = np.full(len(self._directory), NONE, np.uint8)
        codes[numbers] = found["code"].to_numpy()[known]
        return Colours(codes[points.numbers], tuple(names))

    def sides(
        self, catalog: Catalog, model: CatalogModel, points: Points, a: str, b: str
    ) -> Colours:
        """Return which points are of the sides of a comparison: 1 of a, 2 of b, 3 of both.

        Raises UsageError for no side, and ExpressionError.
        """
        import numpy as np

        table = view_of(model.items_table)
        codes = np.zeros(len(self._directory), np.uint8)
        for bit, side in ((1, a), (2, b)):
            scope = scope_of_side(side, Scope(model=model.name))
            sql, parameters = condition_of(catalog, model, scope)
            found = catalog.arrow(fill("browsed", table=table, condition=sql[0]), parameters)
            numbers, _ = self._directory.numbers(catalog, table, found["item"].to_numpy())
            if len(codes) < len(self._directory):
                codes = np.pad(codes, (0, len(self._directory) - len(codes)))
            codes[numbers] |= bit
        shown = codes[points.numbers]
        names = (a, b, "both") if (shown == 3).any() else (a, b)
        return Colours(np.where(shown == 0, NONE, shown).astype(np.uint8), names)


_FIELDS = ("dataset", "subset", "tags", "groups", "status")


def _values_of(by: str) -> tuple[str, dict[str, str]]:
    """Return the SQL of the values of an item, an array, and its parameters."""
    kind, _, name = by.partition(":")
    if kind == "attribute" and name:
        return fill("values_of_attribute"), {"attribute": name}
    if by not in _FIELDS:
        raise UsageError(f"a map cannot be coloured by {by[:40]!r}: expected {', '.join(_FIELDS)}")
    return fill("facet_of_text", column=by) if by in TEXT_FIELDS else fill(FACETS[by]), {}


def shaded(numbers: NDArray[Any], outside: float = 0.0) -> Colours:
    """Return numbers (n,) as shades; NaN has none. A share at each end is as its last value."""
    import numpy as np

    known = np.isfinite(numbers)
    codes = np.full(len(numbers), NONE, np.uint8)
    if not known.any():
        return Colours(codes)
    least, greatest = np.quantile(numbers[known], [outside, 1 - outside])
    steps = (numbers[known] - least) / max(greatest - least, 1e-12) * _GREATEST
    codes[known] = np.clip(np.round(steps), 0, _GREATEST).astype(np.uint8)
    return Colours(codes, (), float(least), float(greatest))
