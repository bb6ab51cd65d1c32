"""What a search in coarse cells keeps of exact cosine's best, measured by asking it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_query.filters import Conditions
from hamsight_query.request import DEFAULT_RECALL, Rank, Request
from hamsight_query.statement import build
from hamsight_query.steps import Statement, ask
from hamsight_query.target import Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RECALLS = (0.9, DEFAULT_RECALL, 0.99)
_ROUNDING = 1e-4  # of a similarity, which SQL sums in another order


@dataclass(frozen=True, slots=True)
class OfCells:
    """What searches with `--recall` keep of the best by cosine, and their median time.

    `candidates` is how many the hash finds in the cells, 0 where it alone ranks.
    """

    recall: float
    candidates: int
    asked: int
    kept: float
    ms: float


def measure_cells(
    catalog: Catalog,
    model: CatalogModel,
    targets: Sequence[Target],
    worst: NDArray[np.float32],
    k: int,
    candidates: int,
    stored: bool,
) -> list[OfCells]:
    """Ask the targets by hash, and by cosine of so many candidates, at several recalls.

    `worst` float32 (n,) is the similarity of each target's k-th best by cosine; `stored` says that
    targets are items, which do not count among their answers. Ways that read no cells are left
    out: of tables without them, and of more candidates than cells were measured with.
    """
    found = []
    for of_cosine in (0, candidates):
        for recall in RECALLS:
            kept, times = [], []
            for target, least in zip([targets[0], *targets], [0.0, *worst.tolist()], strict=True):
                statement = _statement(catalog, model, target, k + stored, recall, of_cosine)
                if not statement.in_cells:
                    break
                start = time.perf_counter()
                answer = ask(catalog, statement, model.items_table)
                times.append(1e3 * (time.perf_counter() - start))
                best = sorted(answer["similarity"].to_pylist(), reverse=True)[stored:]
                kept.append(sum(one >= least - _ROUNDING for one in best[:k]) / k)
            else:  # the first is asked once before, for warmth
                mean, middle = statistics.fmean(kept[1:]), statistics.median(times[1:])
                found.append(OfCells(recall, of_cosine, len(targets), mean, middle))
    return found


def _statement(
    catalog: Catalog, model: CatalogModel, target: Target, k: int, recall: float, candidates: int
) -> Statement:
    rank = Rank.COSINE if candidates else Rank.HAMMING
    asked = Request((target.query,), k=k, candidates=candidates or None, rank=rank, recall=recall)
    return build(asked, [target], model, Conditions(), catalog.layout)
