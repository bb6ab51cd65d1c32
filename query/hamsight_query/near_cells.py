"""When a search reads coarse cells, and how many of them; docs/search.md says it in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import indent

from hamsight_core.catalog.layout import CENTRES, Layout
from hamsight_core.catalog.statements import fill, union_of
from hamsight_core.hashing.hash_settings import MOST_READ, CellSettings
from hamsight_query.request import Combine, Request
from hamsight_query.target import Target
from hamsight_query.term import Term, measured

_SPARE = 8
"""Of what is wanted a share of 1 / _SPARE is read on top, for items that are gone by now."""
_LEAST_SPARE = 8


@dataclass(frozen=True, slots=True)
class NearCells:
    """What a search reads in place of all items: `probes` cells for each query, in their order.

    The first `probed` items found there are looked up in the items table.
    """

    table: str
    probes: Sequence[int]
    probed: int
    limit: str = "probed"

    def hashes(self, layout: Layout) -> str:
        """Return the table of the hashes; on a cluster that of each shard."""
        return layout.shard_table(self.table)

    def conditions(self, terms: Sequence[Term], held: Sequence[str]) -> Sequence[str]:
        """Return the condition that a hash is in a cell near to one of the queries."""
        near = [
            fill(
                "near_cells",
                centres=self.table + CENTRES,
                measured=measured([term]),
                nearness=term.ordered,
                probes=f"probes_{term.number}",
            )
            for term in terms
        ]
        either = indent(union_of(near), " " * 8).lstrip()
        return [fill("in_near_cells", near=either)]


def near_cells(
    request: Request, targets: Sequence[Target], cells: CellSettings | None, scanned: int
) -> NearCells | None:
    """Return the cells for a search that needs `scanned` candidates, None where it reads all items.

    That is so where a filter, a greatest distance or farness decides what can be an answer, where
    several queries are not asked for what is nearest to any, and where the number of cells was
    not measured.
    """
    if cells is None or request.exact or request.dissimilar or request.max_distance is not None:
        return None
    if request.where is not None or request.datasets or request.subsets:
        return None
    if request.exclude_self and any(one.sha256 for target in targets for one in target.asked):
        return None
    if any(query.kind.is_group for query in request.queries):
        return None
    if request.combine is not Combine.NEAREST and len(targets) > 1:
        return None
    kinds = [target.kind for target in targets]
    found = [cells.probes_for(kind, scanned, request.recall) for kind in kinds]
    probes = [count for count in found if count is not None]
    if len(probes) < len(found) or sum(probes) > MOST_READ * cells.cells:
        return None
    return NearCells(cells.table, probes, scanned + scanned // _SPARE + _LEAST_SPARE)
