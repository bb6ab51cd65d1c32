"""What makes a search fast: the scan reads hashes alone, all else is fetched for what it found."""

from __future__ import annotations

import re

from made_catalog import ITEMS, fill

from hamsight.catalog import Catalog
from query.request import Kind, Query, Request
from query.search import prepare


def test_scan_reads_only_the_hash(dsn: str, tmp_path) -> None:
    fill(dsn, tmp_path / "package", ITEMS)
    asked = (Query(Kind.ITEM, ITEMS[0].name), Query(Kind.ITEM, ITEMS[1].name))
    with Catalog.open(dsn) as catalog:
        _, statement, model = prepare(catalog, Request(asked, where="width > 10"))
        plan = catalog.client.query(
            f"EXPLAIN {statement.sql}",
            parameters=dict(statement.parameters),
            settings={"query_plan_max_limit_for_lazy_materialization": 10_000},
        )
        lines = [row[0] for row in plan.result_rows]
    scan = next(n for n, line in enumerate(lines) if f".{model.items_table})" in line)
    read = next(line for line in lines[scan:] if "Output: " in line)
    assert "hash" in read
    fetched = next(line for line in lines if "Lazily read columns: " in line)
    for column in ("id", "uri", "tags", "captions", "attributes", "feature"):
        assert not re.search(rf"\b{column}\b", read)
        assert re.search(rf"\b{column}\b", fetched)
