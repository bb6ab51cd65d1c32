"""The answer to a view, as the server keeps it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.catalog import CatalogModel
from hamsight_curate.selection import Condition
from hamsight_explore.view import View
from hamsight_query.percentiles import Scales
from hamsight_query.request import Request
from hamsight_query.target import Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BINS = 60


@dataclass(frozen=True, slots=True)
class Spread:
    """How many items have which similarity: counts of equal steps from `least` to `greatest`."""

    least: float
    greatest: float
    counts: tuple[int, ...]


@dataclass(slots=True)
class Result:
    """The answer to a view.

    `numbers` (n,) uint32 are the items in their order; of a search, the first of `total`, with
    `similarities` (n,) float32 and `distances` (n,) uint32 in bits. `sql` is for an analyst.
    `asked` is what ranks all items, where only the first are ranked: a request, its targets and
    the scales of its similarities; `notes` are for who asked.
    `queried` are the numbers of the queries that are items, by what was given.
    `spread` is of all ranked items, those below a cut-off among them.
    """

    key: str
    view: View
    model: CatalogModel
    condition: Condition
    total: int
    numbers: NDArray[np.uint32]
    sql: str
    command: str | None
    milliseconds: float
    similarities: NDArray[np.float32] | None = None
    distances: NDArray[np.uint32] | None = None
    asked: tuple[Request, Sequence[Target], Scales] | None = None
    notes: Sequence[str] = ()
    queried: Mapping[str, int] = field(default_factory=dict)
    spread: Spread | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def as_json(self) -> dict[str, Any]:
        """Return what the page shows of the answer."""
        return {
            "result": self.key,
            "model": self.model.name,
            "total": self.total,
            "ranked": self.is_search,
            "sql": self.sql,
            "command": self.command,
            "where": self.view.expression(),
            "notes": list(self.notes),
            "milliseconds": round(self.milliseconds, 1),
        }

    @property
    def is_search(self) -> bool:
        """Whether queries rank the items."""
        return self.similarities is not None


def spread_of(similarities: NDArray[np.floating]) -> Spread:
    """Return how similarities (n,) are spread, in 60 steps; none without any."""
    import numpy as np

    if not len(similarities):
        return Spread(0.0, 0.0, ())
    counts, edges = np.histogram(similarities, _BINS)
    return Spread(float(edges[0]), float(edges[-1]), tuple(counts.tolist()))
