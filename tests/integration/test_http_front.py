"""The loopback front answers clickhouse-connect as a server does."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import clickhouse_connect
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from conftest import PASSWORD, USER

from hamsight_explore.front import HttpFront


@contextmanager
def connected(front: HttpFront, **options) -> Iterator[Client]:
    options = {"username": USER, "password": PASSWORD, **options}
    with clickhouse_connect.get_client(
        host="127.0.0.1", port=front.server_port, **options
    ) as opened:
        yield opened


@pytest.fixture
def database(front: HttpFront) -> Iterator[str]:
    name = f"front_{uuid.uuid4().hex[:8]}"
    with connected(front) as client:
        client.command(f"CREATE DATABASE {name}")
        client.command(f"CREATE TABLE {name}.t (a UInt32, s String) ENGINE = MergeTree ORDER BY a")
        yield name
        client.command(f"DROP DATABASE {name}")


@pytest.mark.parametrize("form", [False, True])
def test_parameters_arrive_as_they_were_sent(front: HttpFront, form: bool) -> None:
    words = ["it's", "back\\slash", "new\r\nline", "tab\t", "naïve 🐈", "--x", ""]
    with connected(front, form_encode_query_params=form) as client:
        row = client.query("SELECT {w:Array(String)}, {n:Int64}", {"w": words, "n": -3}).first_row
        assert row == (words, -3)
        for word in words:
            assert client.query("SELECT {w:String}", {"w": word}).first_row == (word,)


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_inserts_in_every_encoding(front: HttpFront, database: str, compress: bool | str) -> None:
    rows = [[i, f"row {i}"] for i in range(5000)]
    with connected(front, database=database, compress=compress) as client:
        summary = client.insert("t", rows, ["a", "s"])
        client.insert_arrow("t", pa.table({"a": pa.array([5000], pa.uint32()), "s": ["arrow"]}))
        assert client.query("SELECT count(), uniq(a) FROM t").first_row == (5001, 5001)
        assert client.query("SELECT s FROM t WHERE a = 4321").first_row == ("row 4321",)
    assert summary.written_rows == 5000


def test_results_in_every_format(front: HttpFront) -> None:
    with connected(front) as client:
        sql = "SELECT toUInt32(number) AS a, toString(number) AS s FROM numbers(3)"
        assert client.query(sql).result_rows == [(0, "0"), (1, "1"), (2, "2")]
        assert client.query_arrow(sql)["a"].to_pylist() == [0, 1, 2]
        assert client.query_df(sql)["s"].tolist() == ["0", "1", "2"]
        assert client.raw_query(sql, fmt="TSV") == b"0\t0\n1\t1\n2\t2\n"
        assert client.raw_query(sql, fmt="Parquet").startswith(b"PAR1")
        with client.raw_stream(sql, fmt="ArrowStream") as stream:
            assert pa.ipc.open_stream(stream.read()).read_all().num_rows == 3
        with client.query_rows_stream("SELECT number FROM numbers(100000)") as rows:
            assert sum(row[0] for row in rows) == 4999950000
        assert client.query("SELECT 1 AS one LIMIT 0").column_names == ("one",)


def test_commands_tell_a_result_from_none(front: HttpFront, database: str) -> None:
    with connected(front, database=database) as client:
        assert client.command("SELECT 7") == 7
        assert client.command("SELECT s FROM t") == ""
        assert client.command("SELECT currentDatabase()") == database
        assert not isinstance(client.command("ALTER TABLE t DELETE WHERE a = 1"), (str, int))


@pytest.mark.parametrize(
    ("sql", "code", "name"),
    [
        ("SELECT * FROM nope", 60, "UNKNOWN_TABLE"),
        ("SELECT FROM WHERE", 62, "SYNTAX_ERROR"),
        ("SELECT throwIf(number = 70000) FROM numbers(100000)", 395, "FUNCTION_THROW_IF"),
    ],
)
def test_errors_keep_their_code(front: HttpFront, sql: str, code: int, name: str) -> None:
    with connected(front) as client:
        with pytest.raises(DatabaseError, match=name) as caught:
            client.query(sql)
        assert caught.value.code == code
        assert client.query("SELECT 1").first_row == (1,)


def test_settings_hold_for_their_request_alone(front: HttpFront, database: str) -> None:
    asked = "SELECT getSetting('max_threads')"
    with connected(front, database=database) as client:
        assert client.query(asked, settings={"max_threads": 3}).first_row == (3,)
        assert client.query(asked).first_row != (3,)
        with pytest.raises(DatabaseError) as caught:
            client.command("INSERT INTO t VALUES (1, 'a')", settings={"readonly": 1})
        assert caught.value.code == 164
        client.command("INSERT INTO t VALUES (1, 'a')")


@pytest.mark.parametrize("wrong", [{"username": "nobody"}, {"password": "wrong"}])
def test_wrong_credentials_are_refused(front: HttpFront, wrong: dict[str, str]) -> None:
    with pytest.raises(DatabaseError) as caught, connected(front, **wrong):
        pytest.fail("a client was opened")
    assert caught.value.code == 516


def test_an_unknown_database_is_refused(front: HttpFront) -> None:
    with connected(front) as client:
        client.database = "nope"
        with pytest.raises(DatabaseError) as caught:
            client.query("SELECT 1")
        assert caught.value.code == 81


def test_clients_run_side_by_side(front: HttpFront, database: str) -> None:
    answers: list[int] = []

    def work(start: int) -> None:
        with connected(front, database=database) as client:
            client.insert("t", [[i, "x"] for i in range(start, start + 50)], ["a", "s"])
            answers.append(client.command("SELECT count() FROM t"))

    threads = [threading.Thread(target=work, args=(1000 * i,), daemon=True) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(answers) == 6
    assert max(answers) == 300
