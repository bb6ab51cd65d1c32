"""Similarities as percentiles among a catalog's own pairs, which mean the same for every model."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from textwrap import indent

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import EmptyCatalogError
from hamsight_core.hashing.sign import Kind
from hamsight_core.models.encoder import unit_length
from hamsight_core.models.network import HERE, Compute
from hamsight_query.steps import Statement

Scales = Mapping[str, Sequence[float]]
"""For each kind of query, image or words, the similarities that `PERCENTS` of the pairs reach."""
PERCENTS = (
    *(n / 100 for n in range(100)),
    *(0.99 + n / 1000 for n in range(1, 10)),
    *(0.999 + n / 10_000 for n in range(1, 10)),
    1.0,
)
"""Shares of pairs: closer to one another where the nearest neighbours are."""
_ROUNDING = 1e-5
_ITEMS = 1000
_TEXTS = 100


def measure_scales(
    catalog: Catalog,
    model: CatalogModel,
    kinds: Collection[Kind],
    source: str | None = None,
    compute: Compute = HERE,
) -> Scales:
    """Return the scales of kinds of queries, measured on up to 1,000 items, drawn by identity.

    Pictures are compared with pictures: all pairs of two items. Words are with pictures: up to 100
    captions and names of tags, or where there are few words of a list, each with each item. Only
    words load the model's package, from `source` where it is given. Raises EmptyCatalogError for
    fewer than two items with a feature, and ModelError.
    """
    import numpy as np

    from hamsight_core.catalog.calibration import image_queries, text_queries

    items = unit_length(image_queries(catalog, model, _ITEMS).features)
    if len(items) < 2:
        raise EmptyCatalogError(
            f"--calibrated compares pairs of items, and {catalog.location} has {len(items)} of the"
            f" model {model.name!r} with a feature"
        )
    scales: dict[str, Sequence[float]] = {}
    for kind in kinds:
        if kind == "image":
            alike = (items @ items.T)[np.triu_indices(len(items), 1)]
        else:
            package = catalog.package(model, source)
            texts = text_queries(catalog, model, package, compute, _TEXTS)
            alike = (unit_length(texts.features) @ items.T).ravel()
        scales[kind] = np.quantile(alike, PERCENTS).round(6).tolist()
    return scales


def cosine_below(scale: Sequence[float], share: float) -> float:
    """Return a cosine that a percentile of `share` or more is not below, by the scale."""
    place = max(0, bisect_left(PERCENTS, share) - 1)
    return -1.0 if place == 0 else scale[place] - _ROUNDING


def as_percentiles(statement: Statement, scales: Scales, kinds: Sequence[Kind]) -> Statement:
    """Return a search whose similarities are percentiles, for queries of these kinds."""
    names = sorted(scales)
    given = {
        "percents": [round(share, 4) for share in PERCENTS],
        "scales": [list(scales[name]) for name in names],
        "scale_of": [names.index(kind) + 1 for kind in kinds],
    }
    sql = fill("as_percentiles", statement=indent(statement.sql, " " * 12).lstrip())
    return replace(statement, sql=sql, parameters={**statement.parameters, **given}, steps=None)
