"""Parts of tables that ClickHouse could not read: set aside when it started, or damaged since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.connect import engine_errors
from hamsight_core.catalog.definitions import innermost
from hamsight_core.catalog.statements import fill


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a table that cannot be read, and why. `aside` says that it is set aside."""

    table: str
    name: str
    why: str
    aside: bool

    @property
    def loss(self) -> str:
        """What is lost with it, and the way back."""
        lost = "its rows are missing, or their last change is" if self.aside else "its rows"
        lost = lost if self.aside else f"{lost} cannot be read"
        if self.table.startswith(("items_", "objects_")):
            return f"{self.why}: {lost}; ingest the datasets again, or restore a backup"
        return f"{self.why}: {lost}; restore a backup"


def damaged_parts(catalog: Catalog) -> Iterator[Part]:
    """Yield the parts of the catalog's tables that cannot be read; all data are read for it."""
    for table, name, reason in catalog.rows("detached_parts"):
        yield Part(table, name, reason, aside=True)
    for (table,) in catalog.rows("tables_with_parts"):
        with engine_errors(catalog.client):
            answer = catalog.client.raw_query(fill("check_parts", table=table), fmt="JSONEachRow")
        for part in map(json.loads, answer.splitlines()):
            if not part["is_passed"]:
                why = innermost(part["message"])[:200]
                yield Part(table, part["part_path"], why, aside=False)
