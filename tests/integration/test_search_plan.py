"""What makes a search fast: the scan reads hashes, all else is fetched for what is near."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
from made_catalog import ITEMS, fill
from pyarrow import feather

import hamsight
from hamsight.catalog import Catalog
from query.request import Kind, Query, Request
from query.search import prepare


def told(line: str) -> str:
    """Return a line of a plan as text: one that holds a hash's bytes comes in hex."""
    if re.fullmatch(r"(?:[0-9a-f]{2}){20,}", line):
        return bytes.fromhex(line).decode("latin-1")
    return line


def test_what_is_not_ranked_is_fetched_for_the_nearest_alone(dsn: str, tmp_path) -> None:
    fill(dsn, tmp_path / "package", ITEMS)
    asked = (Query(Kind.ITEM, ITEMS[0].name), Query(Kind.ITEM, ITEMS[1].name))
    with Catalog.open(dsn) as catalog:
        _, statement, model = prepare(catalog, Request(asked, where="width > 10"))
        plan = catalog.client.query(
            f"EXPLAIN {statement.sql}",
            parameters=dict(statement.parameters),
            settings={"query_plan_max_limit_for_lazy_materialization": 10_000},
        )
        lines = [told(row[0]) for row in plan.result_rows]
    scan = next(n for n, line in enumerate(lines) if f".{model.items_table})" in line)
    filtered = next(line for line in lines[scan:] if "Prewhere filter column: " in line)
    assert "bitHammingDistance(hash" in filtered
    assert "width > 10" in filtered
    read = next(line for line in lines[scan:] if "Output: " in line)
    fetched = next(line for line in lines if "Lazily read columns: " in line)
    for column in ("uri", "tags", "captions", "attributes", "feature"):
        assert not re.search(rf"\b{column}\b", read)
        assert re.search(rf"\b{column}\b", fetched)


def test_ties_are_ordered_by_identity_whatever_the_page(dsn: str, tmp_path) -> None:
    """Items of few distances, brought in out of order and in several parts."""
    rng = np.random.default_rng(5)
    ids = [f"{n:04}" for n in rng.permutation(3000)]
    with hamsight.open(dsn) as session:
        for part in range(3):
            rows = [{"id": id, "hash": int(id) % 3} for id in ids[part::3]]
            table = pa.table(
                {
                    "id": [row["id"] for row in rows],
                    "hash": pa.array([bytes([2 ** row["hash"] - 1] * 2) for row in rows]),
                }
            )
            feather.write_feather(table, tmp_path / "hashes.arrow", compression="uncompressed")
            session.import_features(tmp_path / "hashes.arrow", "m", bits=16, dataset="d")

        def page(k: int, offset: int = 0) -> list[str]:
            options = {"item": "0000", "rank": "hamming", "exclude_self": False}
            return [match.id for match in session.query(k=k, offset=offset, **options)]

        expected = sorted(ids, key=lambda id: (int(id) % 3, id))
        assert page(3000) == expected
        assert page(250) == expected[:250]
        assert [id for at in range(0, 3000, 750) for id in page(750, at)] == expected
