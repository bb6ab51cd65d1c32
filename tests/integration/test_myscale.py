"""A catalog on a MyScale server, as far as ClickHouse can show it: no MyScale was ever asked.

MyScale is known by a setting of its own. Here a setting that ClickHouse has stands for it, so that
all is said as on MyScale; `plainly` puts MyScale's own words, which no ClickHouse takes, in
ClickHouse's. What these words are is compared as text.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import made_catalog
import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from made_catalog import made_items

import hamsight
from hamsight_core.catalog import myscale
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.connect import connect
from hamsight_core.catalog.layout import Layout
from hamsight_core.catalog.statements import fill, statements
from hamsight_core.errors import StatementError, UsageError
from hamsight_query.request import Kind, Query, Request
from hamsight_query.search import prepare

ITEMS = made_items(60)
FIRST, SECOND = ITEMS[3].name, ITEMS[8].name
CONSTRAINT = ",\n    CONSTRAINT feature_dimension CHECK length(feature) = $dimension"
SEARCHES: list[dict[str, Any]] = [
    {"item": FIRST},
    {"item": FIRST, "k": 4, "offset": 3},
    {"item": FIRST, "k": 9, "candidates": 60, "exclude_self": False},
    {"item": [FIRST, SECOND]},
    {"item": [FIRST, SECOND], "combine": "balanced"},
    {"item": [FIRST, SECOND], "combine": "all"},
    {"item": FIRST, "where": 'dog >= 1 and width > 110 and not "good" in groups'},
    {"item": FIRST, "dataset": "birds", "subset": "val"},
]
BY_HASH: list[dict[str, Any]] = [
    {"item": FIRST, "rank": "hamming"},
    {"item": FIRST, "dissimilar": True},
    {"item": FIRST, "max_distance": 24},
    {"item": [FIRST, SECOND], "max_distance": 24, "combine": "balanced"},
    {"item": FIRST, "exact": True},
]


@pytest.fixture
def as_myscale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every server is taken for MyScale."""
    monkeypatch.setattr(myscale, "_OWN_SETTING", "max_threads")


@pytest.fixture
def plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """MyScale's own words, in those of ClickHouse; the index finds what is nearest."""
    monkeypatch.setitem(statements(), "vector_index", f"{CONSTRAINT} /* $type */")
    monkeypatch.setitem(statements(), "index_distance", "cosineDistance(feature, $feature)")
    monkeypatch.setitem(statements(), "unindexed_too", "SETTINGS max_threads = 1")


@pytest.fixture
def database(engine: str) -> Iterator[str]:
    """The DSN of a database of this test alone, on the embedded engine."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield f"chdb://{engine}?database={name}"
    with connect(f"chdb://{engine}") as client:
        client.command(f"DROP DATABASE IF EXISTS {name}")


def without_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    unranked = [{name: row[name] for name in row if name != "rank"} for row in rows]
    return sorted(unranked, key=lambda row: (row["dataset"], row["subset"], row["id"]))


def test_a_server_says_what_it_is(client: Client) -> None:
    assert "max_threads" in client.server_settings
    assert not myscale.is_myscale(client)


def test_clickhouse_is_searched_as_ever(dsn: str, tmp_path: Path) -> None:
    made_catalog.fill(dsn, tmp_path, ITEMS[:2])
    with hamsight.open(dsn) as session:
        assert session.catalog().layout == Layout()
        sql = session.query(item=ITEMS[1].name).statement.sql
    assert "bitHammingDistance(hash, toFixedString(" in sql
    assert "cosine_distance" not in sql


@pytest.mark.usefixtures("plainly")
def test_answers_are_those_of_clickhouse(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[list[list[dict[str, Any]]]] = []
    for dsn, setting in ((database, "no_such_setting"), (f"{database}_2", "max_threads")):
        monkeypatch.setattr(myscale, "_OWN_SETTING", setting)
        made_catalog.fill(dsn, tmp_path / setting, ITEMS)
        with hamsight.open(dsn) as session:
            found = [session.query(**{"k": 60, **asked}) for asked in [*SEARCHES, *BY_HASH]]
            answers.append([matches.to_arrow().to_pylist() for matches in found])
            by_index = ["cosine_distance" in matches.statement.sql for matches in found]
            types = session.sql(
                "SELECT name, type FROM system.columns WHERE database = currentDatabase()"
                " AND table = 'items_made' AND name IN ('boxes', 'feature') ORDER BY name"
            )
    assert by_index == [True] * len(SEARCHES) + [False] * len(BY_HASH)
    assert types is not None
    assert types.to_pylist()[1] == {"name": "feature", "type": "Array(Float32)"}
    for asked, here, there in zip([*SEARCHES, *BY_HASH], *answers, strict=True):
        assert here, asked
        if asked.get("combine") == "all":  # of equal ranks the nearer is first: here by cosine
            here, there = (without_order(rows) for rows in (here, there))
        similarities = [[row.pop("similarity") for row in rows] for rows in (here, there)]
        np.testing.assert_allclose(*similarities, atol=1e-6, err_msg=str(asked))
        assert here == there, asked


@pytest.mark.usefixtures("as_myscale", "plainly")
def test_what_would_not_serve_is_refused(database: str, tmp_path: Path) -> None:
    made_catalog.fill(database, tmp_path, ITEMS[:6])
    np.savez(tmp_path / "hashes.npz", id=np.array(["a", "b", "c"]), hash=np.zeros((3, 8), np.uint8))
    with hamsight.open(database) as session:
        with pytest.raises(UsageError, match=r"a vector index of its own.*nothing to build"):
            session.index()
        with pytest.raises(UsageError, match="takes only items with features"):
            session.import_features(tmp_path / "hashes.npz", model="other", bits=64)
        assert not session.sql("SHOW TABLES LIKE 'import_%'")
    with pytest.raises(UsageError, match=r"is a MyScale server.*leave \?cluster out"):
        connect(f"{database}&cluster=one_shard")


@pytest.mark.usefixtures("as_myscale")
def test_what_myscale_is_sent(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StatementError, match=r"Syntax error.*feature_index feature TYPE MSTG"):
        made_catalog.fill(database, tmp_path / "1", ITEMS)  # ClickHouse takes no such index
    with Catalog.open(database) as catalog:
        assert not catalog.has_table("items_made")
        items = fill(
            "create_items",
            **{
                **catalog.layout.fragments("items_x"),
                "vector_index": fill("vector_index", dimension=512, type="MSTG"),
            },
            hash_bytes=64,
            moment=0,
        )
    assert (
        "    feature     Array(Float32) CODEC(NONE),\n"
        "    ingested_at DateTime64(6, 'UTC'),\n"
        "    CONSTRAINT feature_dimension CHECK length(feature) = 512,\n"
        "    VECTOR INDEX feature_index feature TYPE MSTG('metric_type=Cosine')\n)"
    ) in items
    monkeypatch.setitem(statements(), "vector_index", f"{CONSTRAINT} /* $type */")
    made_catalog.fill(database, tmp_path / "2", ITEMS)
    queries = (Query(Kind.ITEM, FIRST), Query(Kind.ITEM, SECOND))
    with Catalog.open(database) as catalog:
        table = catalog.model().items_table
        statement = prepare(catalog, Request(queries, k=5, datasets=("birds",))).statement
    script = statement.script()
    assert "SET param_feature_1 = '[" in script
    for number in (1, 2):
        assert (
            f"hash, feature, distance(feature, {{feature_{number}:Array(Float32)}}) AS"
            f" cosine_distance\n            FROM {table}\n            WHERE dataset IN"
            " {datasets:Array(String)}\n            ORDER BY cosine_distance\n            LIMIT"
            " {scanned:UInt64}\n            SETTINGS enable_brute_force_vector_search = 1\n"
        ) in script
