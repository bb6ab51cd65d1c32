"""Searches among hashes that a session holds in memory: `?hashes=memory` of a DSN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.layout import Layout
from hamsight_core.catalog.resident import resident_table
from hamsight_query.request import Request
from hamsight_query.target import Target
from hamsight_query.term import Term

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_query.steps import Statement


@dataclass(frozen=True, slots=True)
class ResidentHashes:
    """The hashes of an items table in memory, among which a search looks for its candidates."""

    items_table: str
    limit: str = "scanned"

    def hashes(self, layout: Layout) -> str:
        """Return the table of the hashes."""
        return resident_table(self.items_table)

    def conditions(self, terms: Sequence[Term], held: Sequence[str]) -> Sequence[str]:
        """Return what hashes must hold there, of the conditions `held` of a search."""
        return held


@dataclass(frozen=True, slots=True)
class ResidentSearch:
    """A statement that ranks hashes in memory and looks `wanted` items up."""

    statement: Statement
    wanted: int

    def ask(self, catalog: Catalog, table: str) -> pa.Table | None:
        """Return what it answers, asked again if the hashes are former ones.

        None is returned where items change all the time, and where the disk answers sooner.
        """
        for _ in range(2):
            if not catalog.resident.hold(table, self.wanted):
                return None
            found = catalog.arrow(self.statement.sql, self.statement.parameters)
            if catalog.resident.is_held(table):
                return found
        return None


def is_resident(layout: Layout, request: Request, targets: Sequence[Target]) -> bool:
    """Return whether hashes are in memory, and they and identities alone decide the answer."""
    by_picture = request.exclude_self and any(
        one.sha256 for target in targets for one in target.asked
    )
    by_group = any(query.kind.is_group for query in request.queries)
    return layout.resident and request.where is None and not (by_picture or by_group)
