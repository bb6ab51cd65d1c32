"""Names of the regions of a map: the words that are commoner there than elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.generations import view_of
from hamsight_core.catalog.statements import fill

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hamsight_explore.maps import Points

_CELLS = 24
"""Cells across and down, whose densest are the middles of regions."""
_REGIONS = 12
_APART = 4
"""Cells from the middle of a region to that of another, at least."""
_REACH = 3
_LEAST = 0.005
"""The share of items that the cells around the middle of a region hold at least."""

Named = tuple[float, float, str]


def named_regions(
    catalog: Catalog, model: CatalogModel, analysis: str, points: Points
) -> list[Named]:
    """Return x, y and name of the densest regions of a map, the densest first.

    The name is the tag with the greatest log-odds in the region against all items, each count plus
    one (as Monroe, Colaresi and Quinn, 2008, without their variance), of the tags that a tenth of
    the region's items have; in a region without such a tag, the word of captions. A name stands
    once.
    """
    import numpy as np

    if not len(points.numbers):
        return []
    positions = points.positions.astype(np.float64)
    left, low = positions.min(0).tolist()
    wide, high = (np.ptp(positions, axis=0) + 1e-9).tolist()
    cells = ((positions - (left, low)) / (wide, high) * _CELLS).astype(np.int64)
    cells = np.minimum(cells, _CELLS - 1)
    places = cells[:, 1] * _CELLS + cells[:, 0]
    items = np.bincount(places, minlength=_CELLS * _CELLS)
    given = {"analysis": analysis, "cells": _CELLS}
    given |= {"left": left, "low": low, "wide": wide, "high": high}
    table = view_of(model.items_table)
    regions = _dense(items)
    named: dict[int, str] = {}
    for words in ("facet_of_tags", "words_of_captions"):
        rest = [at for at in range(len(regions)) if at not in named]
        if not rest:
            break
        found = catalog.arrow(fill("map_words", words=fill(words), table=table), given)
        if not len(found):
            continue
        told = np.array(found["word"].to_pylist(), object)
        cell, count = found["cell"].to_numpy(), found["items"].to_numpy().astype(np.int64)
        words_there, index = np.unique(told, return_inverse=True)
        everywhere = np.bincount(index, count)
        for at in rest:
            around = regions[at][1]
            held = items[around].sum()
            here = np.isin(cell, around)
            inside = np.bincount(index[here], count[here], len(words_there))
            odds = np.log((inside + 1) / (held - np.minimum(inside, held) + 1))
            others = np.maximum(everywhere - inside, 0)
            outside = np.maximum(items.sum() - held - others, 0)
            odds -= np.log((others + 1) / (outside + 1))
            odds[inside < max(2, held / 10)] = -np.inf
            if np.isfinite(odds).any():
                named[at] = str(words_there[int(odds.argmax())])
    places_of: dict[str, Named] = {}
    for at in sorted(named):
        middle = regions[at][0]
        x = left + (middle % _CELLS + 0.5) / _CELLS * wide
        y = low + (middle // _CELLS + 0.5) / _CELLS * high
        places_of.setdefault(named[at], (x, y, named[at]))
    return list(places_of.values())


def _dense(items: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
    """Return the densest cells that are apart from each other, each with the cells around it."""
    import numpy as np

    square = items.reshape(_CELLS, _CELLS)
    padded = np.pad(square, 1)
    smooth = sum(
        padded[down : down + _CELLS, across : across + _CELLS]
        for down in range(3)
        for across in range(3)
    )
    rows, columns = np.divmod(np.arange(_CELLS * _CELLS), _CELLS)
    found: list[tuple[int, NDArray[np.int64]]] = []
    for cell in np.argsort(-np.asarray(smooth).ravel(), kind="stable").tolist():
        far = np.maximum(abs(rows - rows[cell]), abs(columns - columns[cell]))
        if any(far[middle] < _APART for middle, _ in found):
            continue
        around = np.flatnonzero(far < _REACH)
        if items[around].sum() < max(3, items.sum() * _LEAST):
            break
        found.append((cell, around))
        if len(found) == _REGIONS:
            break
    return found
