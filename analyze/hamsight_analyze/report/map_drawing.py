"""A map of items as SVG, coloured by cluster."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

PALETTE = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#b8a500",
    "#7b5fc6",
)
"""Colours of the largest clusters, told apart by the colour-blind too (Okabe and Ito 2008)."""
_SIDE, _MARGIN = 1000, 20


def draw_points(places: pa.Table, clusters: pa.Table | None, names: Sequence[str]) -> str:
    """Return the points of items as SVG with a legend; "" without items.

    `places` has dataset, subset, id, x and y, and `clusters` dataset, subset, id and group, a
    cluster from 1 on, whose names are `names`.
    """
    import numpy as np

    if not places.num_rows:
        return ""
    of_item = {}
    if clusters is not None:
        of_item = dict(zip(_keys(clusters), clusters["group"].to_pylist(), strict=True))
    mine = np.array([of_item.get(key, 0) for key in _keys(places)])
    at = np.stack([places[name].to_numpy() for name in ("x", "y")], axis=1).astype(float)
    at[:, 1] *= -1  # y grows upwards, as on the picture of a map
    low, high = np.nanmin(at, axis=0), np.nanmax(at, axis=0)
    scale = (_SIDE - 2 * _MARGIN) / max(float((high - low).max()), 1e-9)
    spots = ((at - low) * scale + _MARGIN).round().astype(int)
    right, bottom = ((high - low) * scale + 2 * _MARGIN).round().astype(int)
    width = max(3, min(10, round(300 / len(spots) ** 0.5)))
    groups = [(mine == number, PALETTE[number - 1]) for number in range(1, len(PALETTE) + 1)]
    others = (mine == 0) | (mine > len(PALETTE))
    paths = "".join(
        f'<path stroke="{colour}" d="{_dots(spots[held])}"/>'
        for held, colour in [(others, "#8c959d"), *groups]
        if held.any()
    )
    legend = "".join(
        f'<li><i style="background:{colour}"></i>{number}: {html.escape(name or "no words")}</li>'
        for number, (name, colour) in enumerate(zip(names, PALETTE, strict=False), 1)
    )
    return (
        f'<svg viewBox="0 0 {right} {bottom}" role="img" aria-label="Map of the items"'
        f' fill="none" stroke-width="{width}" stroke-linecap="round">{paths}</svg>'
        f'<ul class="legend">{legend}</ul>'
    )


def _dots(spots: Sequence[Sequence[int]]) -> str:
    return "".join(f"M{x} {y}h0" for x, y in spots)


def _keys(rows: pa.Table) -> list[tuple[str, ...]]:
    columns = [rows[name].to_pylist() for name in ("dataset", "subset", "id")]
    return list(zip(*columns, strict=True))
