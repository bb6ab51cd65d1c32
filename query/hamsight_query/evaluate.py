"""What a catalog's searches keep of exact cosine's best, and the time that they take."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.calibration import QUERIES, SHARE, Queries, measure, queries_of
from hamsight_core.catalog.catalog import IMPORTED, Catalog, CatalogModel, TableKind
from hamsight_core.catalog.fits import hash_of
from hamsight_core.errors import EmptyCatalogError, UsageError
from hamsight_core.hashing.hash_settings import DEFAULT_CANDIDATES
from hamsight_core.hashing.recall import Recall, candidates_for, recall_within
from hamsight_core.hashing.sign import SIGN, Hash
from hamsight_core.models.network import HERE, Compute
from hamsight_core.models.package import ModelPackage
from hamsight_query.evaluate_blends import ASKED, Asked, blends, target_of
from hamsight_query.evaluate_cells import OfCells, measure_cells
from hamsight_query.filters import Conditions
from hamsight_query.request import DEFAULT_RECALL, Rank, Request
from hamsight_query.statement import build, candidates_of
from hamsight_query.steps import ask
from hamsight_query.target import Target, hashed

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

STEPS = (50, 100, 200, 500, 1000, 2000)
_THEN, _IN_CELLS_THEN = "hash, then cosine", "cells, then cosine"
_TIMED = 5
_LARGE = 0.1  # of the table: candidates beyond that take longer than a better hash would


@dataclass(frozen=True, slots=True)
class Curve:
    """What the hash keeps for one kind of query: `places` int64 (n, k), as `Recall` has them.

    `label` is how the kind is called in answers, `default` how many candidates it has. `cells` is
    what a search keeps that reads cells, empty where the model has none.
    """

    label: str
    places: NDArray[np.int64]
    default: int
    cells: tuple[OfCells, ...] = ()
    is_blend: bool = False

    def kept(self, candidates: int) -> float:
        """Return the share of the exact best among the first so many by hash."""
        return recall_within(self.places, candidates)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The answer: `table` has a row for each way of searching, `advice` lines of text."""

    model: CatalogModel
    items: int
    k: int
    table: pa.Table
    curves: tuple[Curve, ...]
    advice: tuple[str, ...]


def evaluate(
    catalog: Catalog,
    model: CatalogModel,
    package: ModelPackage | None,
    *,
    k: int = 10,
    queries: int = QUERIES,
    recall: float = SHARE,
    compute: Compute = HERE,
) -> Evaluation:
    """Ask stored items, and captions and tags, and compare the ways of searching.

    Words are asked where there is a package with a text side. Columns of the table: `queries`
    (pictures, words, or what is blended), `asked` (how many), `search`, `candidates`, `recall` (of
    exact cosine's best `k`), `ms` (median of a few searches) and `note`. Where the model has
    cells, searches in them are asked for some queries, and what they find is counted. Raises
    EmptyCatalogError, and UsageError for numbers that cannot be.
    """
    import pyarrow as pa

    _check(k, queries, recall)
    items = int(catalog.rows("count_items", table=model.items_table)[0][0])
    if items <= k:
        raise EmptyCatalogError(
            f"{catalog.location} holds {items} items of the model {model.name!r}:"
            f" to find the best {k}, more are needed"
        )
    if catalog.rows("find_featureless", table=model.items_table):
        raise UsageError(
            f"items of the model {model.name!r} were imported with hashes alone:"
            " without features there is no cosine to compare with"
        )
    hash = hash_of(catalog, model)
    kinds = queries_of(catalog, model, package, compute, queries)
    asked = [_asked(one, hash) for one in kinds if len(one.features)]
    asked += blends(kinds, hash)
    measured = measure(catalog, model, hash, [one.queries for one in asked], k)
    rows: list[dict[str, object]] = []
    curves, advice = [], []
    for one, (_, found) in zip(asked, measured, strict=True):
        targets = one.targets
        default = candidates_of(Request((targets[0].query,)), targets[:1], model)
        worst = found.worst()[: len(targets)]
        cells = measure_cells(catalog, model, targets, worst, k, default, one.is_stored)
        curve = Curve(one.label, found.places(), default, tuple(cells), one.is_blend)
        needed = _needed(curve, found, recall, items)
        steps = () if one.is_blend else STEPS
        rows += _rows(catalog, model, curve, needed, items, k, targets[:_TIMED], steps)
        curves.append(curve)
        advice += _advice(model, curve, needed, recall, items, k)
    return Evaluation(
        model, items, k, pa.Table.from_pylist(rows), tuple(curves), tuple(dict.fromkeys(advice))
    )


def evaluate_model(
    catalog: Catalog,
    name: str | None = None,
    *,
    kind: TableKind = TableKind.ITEMS,
    **options: Any,
) -> Evaluation:
    """Evaluate the model of that name or of a package's folder, or the only one.

    Searches are among its items, or its objects. `options` are those of `evaluate`. Raises also
    what `Catalog.model` and `package` raise.
    """
    model = catalog.model(name, kind=kind)
    named_folder = name not in (None, model.name)
    known = model.words and (model.source != IMPORTED or named_folder)
    package = catalog.package(model, name) if known else None
    return evaluate(catalog, model, package, **options)


def _check(k: int, queries: int, recall: float) -> None:
    if not 1 <= k <= 1000:
        raise UsageError(f"-k is {k}; expected 1 to 1000")
    if not 1 <= queries <= 10_000:
        raise UsageError(f"--queries is {queries}; expected 1 to 10000")
    if not 0 < recall <= 1:
        raise UsageError(f"--recall is {recall}; expected a share above 0, at most 1")


def _needed(curve: Curve, found: Recall, recall: float, items: int) -> int:
    scale = max(1.0, items / found.items)
    return min(items, int(candidates_for(curve.places, recall) * scale))


def _rows(
    catalog: Catalog,
    model: CatalogModel,
    curve: Curve,
    needed: int,
    items: int,
    k: int,
    targets: Sequence[Target],
    steps: Sequence[int],
) -> list[dict[str, object]]:
    notes = {needed: "enough", curve.default: "default"}
    if needed == curve.default:
        notes[needed] = "default, enough"
    sizes = sorted({*(step for step in steps if k <= step < items), needed, curve.default})
    ways = [("hash", 0, curve.kept(k)), *((_THEN, size, curve.kept(size)) for size in sizes)]
    ways.append(("exact cosine", items, 1.0))
    rows: list[dict[str, object]] = [
        {
            "queries": curve.label,
            "asked": len(curve.places),
            "search": way,
            "candidates": candidates or None,
            "recall": round(kept, 4),
            "ms": round(_milliseconds(catalog, model, targets, candidates, k), 1),
            "note": notes.get(candidates, "") if way == _THEN else "",
        }
        for way, candidates, kept in ways
    ]
    rows += [
        {
            "queries": curve.label,
            "asked": one.asked,
            "search": _IN_CELLS_THEN if one.candidates else "cells",
            "candidates": one.candidates or None,
            "recall": round(one.kept, 4),
            "ms": round(one.ms, 1),
            "note": f"--recall {one.recall:g}{', default' if one.recall == DEFAULT_RECALL else ''}",
        }
        for one in curve.cells
    ]
    return rows


def _asked(queries: Queries, hash: Hash) -> Asked:
    targets = [hashed(target_of(queries, n), hash) for n in range(len(queries.features[:ASKED]))]
    label = "words" if queries.kind == "words" else "pictures"
    return Asked(label, queries, targets, is_stored=queries.kind == "image")


def _milliseconds(
    catalog: Catalog, model: CatalogModel, targets: Sequence[Target], candidates: int, k: int
) -> float:
    """Return the median time of a search of each target; the first is run once before."""
    times = []
    for target in [targets[0], *targets]:
        rank = Rank.COSINE if candidates else Rank.HAMMING
        request = Request(
            (target.query,), k=k, candidates=candidates or None, rank=rank, exact=True
        )
        statement = build(request, [target], model, Conditions(), catalog.layout)
        start = time.perf_counter()
        ask(catalog, statement, model.items_table)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def _advice(
    model: CatalogModel, curve: Curve, needed: int, recall: float, items: int, k: int
) -> list[str]:
    kept = curve.kept(curve.default)
    every = curve.default >= items
    shown = "every item is a candidate" if every else f"{curve.default} candidates keep {kept:.3f}"
    advice = [
        f"{curve.label}: {shown} by default; {needed} keep {recall:g} of exact cosine's best {k}"
    ]
    if not every and kept < recall:
        remedy = "" if curve.is_blend else ", or let `hamsight rehash` measure again"
        advice.append(f"{curve.label}: say --candidates {needed}{remedy}")
    by_recall = {one.recall: one.kept for one in curve.cells if one.candidates}
    in_use = by_recall.get(DEFAULT_RECALL, 1.0)
    if in_use < min(recall, kept):
        enough = [share for share in sorted(by_recall) if by_recall[share] >= recall]
        remedy = f"--recall {enough[0]:g}" if enough else "--recall 0.995 or --exact"
        advice.append(f"{curve.label}: in cells {in_use:.3f} are kept by default; say {remedy}")
    if model.hash_scheme == SIGN and items > DEFAULT_CANDIDATES and needed > _LARGE * items:
        advice.append("`hamsight rehash` fits the hash to these items: then fewer candidates serve")
    return advice
