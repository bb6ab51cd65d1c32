"""What analysts use reads and writes an embedded catalog that is served: SQLAlchemy, ibis."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from hamsight_explore.front import HttpFront, serve

ROWS = [(1, "a", [1.5], {"dog": 2}, None), (2, "b", [], {}, "x"), (3, "b", [2.5], {"cat": 1}, "y")]


@pytest.fixture(scope="module")
def database(front: HttpFront) -> Iterator[str]:
    name = f"clients_{uuid.uuid4().hex[:8]}"
    with front.handle() as engine:
        engine.query(f"CREATE DATABASE {name}")
        engine.query(
            f"CREATE TABLE {name}.items (a UInt32, s LowCardinality(String), x Array(Float32),"
            " tags Map(LowCardinality(String), UInt32), n Nullable(String))"
            " ENGINE = MergeTree ORDER BY a"
        )
        for row in ROWS:
            said = ", ".join("NULL" if value is None else repr(value) for value in row)
            engine.query(f"INSERT INTO {name}.items VALUES ({said})")
        yield name
        engine.query(f"DROP DATABASE {name}")


@pytest.fixture(scope="module")
def reader(engine: str) -> Iterator[HttpFront]:
    with serve(engine, "reader", "secret", read_only=True) as served:
        yield served


@pytest.fixture(params=["reads", "writes"])
def served(request: pytest.FixtureRequest, front: HttpFront, reader: HttpFront) -> HttpFront:
    return front if request.param == "writes" else reader


def test_sqlalchemy(served: HttpFront, database: str) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    dsn = served.dsn(database).replace("clickhouse:", "clickhousedb:")
    engine = sqlalchemy.create_engine(dsn)
    assert sqlalchemy.inspect(engine).get_table_names() == ["items"]
    table = sqlalchemy.Table("items", sqlalchemy.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        asked = sqlalchemy.select(table).where(table.c.s == "b").order_by(table.c.a)
        assert [tuple(row) for row in connection.execute(asked)] == ROWS[1:]
        bound = sqlalchemy.text("SELECT a FROM items WHERE s = :s AND a > :a")
        assert connection.execute(bound, {"s": "b", "a": 2}).scalars().all() == [3]
        with pytest.raises(Exception, match="UNKNOWN_IDENTIFIER"):
            connection.execute(sqlalchemy.text("SELECT nothing FROM items"))
        added = sqlalchemy.text("INSERT INTO items (a, s) VALUES (9, 'it''s')")
        if served.read_only:
            with pytest.raises(Exception, match="READONLY"):
                connection.execute(added)
        else:
            connection.execute(added)
            asked = sqlalchemy.text("SELECT s FROM items WHERE a = 9")
            assert connection.execute(asked).scalar() == "it's"
            connection.execute(sqlalchemy.text("DELETE FROM items WHERE a = 9"))


def test_ibis(served: HttpFront, database: str) -> None:
    ibis: Any = pytest.importorskip("ibis")
    connection = ibis.clickhouse.connect(
        host="127.0.0.1",
        port=served.server_port,
        user=served.user,
        password=served.password,
        database=database,
    )
    assert connection.list_tables() == ["items"]
    items = connection.table("items")
    by_s = items.group_by("s").agg(n=ibis._.count(), most=ibis._.a.max()).order_by("s")
    assert by_s.to_pyarrow().to_pylist() == [
        {"s": "a", "n": 1, "most": 1},
        {"s": "b", "n": 2, "most": 3},
    ]
    found = items.filter(ibis._.tags["dog"] > 0).select("a", "x").to_pyarrow()
    assert found.to_pylist() == [{"a": 1, "x": [1.5]}]
    assert items.filter(ibis._.a > 5).to_pyarrow().num_rows == 0
    assert sum(batch.num_rows for batch in items.to_pyarrow_batches(chunk_size=2)) == 3
    said = connection.sql("SELECT max(a) AS a FROM items", schema=ibis.schema({"a": "uint32"}))
    assert said.to_pyarrow().to_pylist() == [{"a": 3}]
    if served.read_only:
        with pytest.raises(Exception, match="READONLY"):
            connection.create_table("made", schema={"a": "int64"})
    else:
        connection.create_table("made", items.select("a", "s"))
        assert connection.table("made").count().execute() == 3
        assert connection.sql("SELECT count() AS n FROM made").to_pyarrow().to_pylist() == [
            {"n": 3}
        ]
        connection.raw_sql("DROP TABLE made")
