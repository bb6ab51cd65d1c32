"""An analyst's own SQL on the catalog."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hamsight.catalog import Catalog
from hamsight.errors import UsageError
from hamsight.store import engine_errors

if TYPE_CHECKING:
    import pyarrow as pa

_COMMENTS = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)
_ANSWERING = {"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "FROM", "("}


def run_sql(
    catalog: Catalog, statement: str, parameters: Mapping[str, str], *, write: bool = False
) -> pa.Table | None:
    """Run one statement; return its answer, None for one that only changes something.

    Unless `write`, ClickHouse itself refuses every change. Raises UsageError for an empty
    statement and StatementError for one that ClickHouse refuses.
    """
    text = statement[_COMMENTS.match(statement).end() :].rstrip().rstrip(";")  # type: ignore[union-attr]
    if not text:
        raise UsageError("the statement is empty")
    first = re.match(r"\(|\w*", text)
    client = catalog.client if write else catalog.reader()
    try:
        with engine_errors():
            if first and first[0].upper() in _ANSWERING:
                return client.query_arrow(text, parameters=dict(parameters))
            client.command(text, parameters=dict(parameters))
            return None
    finally:
        if not write:
            client.close()
