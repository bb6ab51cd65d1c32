"""`hamsight sql`: an analyst's statements, read-only unless --write, on every home."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import toy
from made_catalog import ITEMS, fill
from typer.testing import CliRunner, Result

import hamsight
from hamsight import StatementError, UsageError
from hamsight.cli.app import app

pytestmark = pytest.mark.homes("chdb", "http")


@pytest.fixture
def filled(dsn: str, tmp_path: Path) -> str:
    fill(dsn, tmp_path / "package", ITEMS[:20])
    return dsn


@pytest.fixture
def sql(filled: str) -> Callable[..., Result]:
    """Runs `hamsight sql` in this process on a catalog of twenty made-up items."""

    def run(*args: str | Path, status: int = 0, stdin: str | None = None) -> Result:
        command = ["sql", *map(str, args), "--db", filled]
        result = CliRunner().invoke(app, command, input=stdin)
        assert "Traceback" not in result.stderr, result.stderr
        assert result.exit_code == status, result.stderr or result.exception
        return result

    return run


COUNT = "SELECT dataset, count() AS items FROM items_made GROUP BY dataset ORDER BY dataset"
COUNTED = [{"dataset": "birds", "items": 14}, {"dataset": "cats", "items": 6}]


def test_each_format(sql) -> None:
    assert json.loads(sql(COUNT, "--format", "json").stdout) == COUNTED
    lines = sql(COUNT, "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == COUNTED
    assert sql(COUNT, "--format", "csv").stdout == "dataset,items\nbirds,14\ncats,6\n"
    output = sql(COUNT, "--format", "parquet").stdout_bytes
    assert pq.read_table(io.BytesIO(output)).to_pylist() == COUNTED
    output = sql(COUNT, "--format", "arrow").stdout_bytes
    assert pa.ipc.open_stream(output).read_all().to_pylist() == COUNTED
    table = sql(COUNT)
    assert [line.split() for line in table.stdout.splitlines()[2:]] == [
        ["birds", "14"],
        ["cats", "6"],
    ]
    assert table.stderr == ""


def test_a_result_without_rows_keeps_its_columns(sql) -> None:
    nothing = "SELECT id, width FROM items_made WHERE width > 9999"
    assert sql(nothing, "--format", "csv").stdout == "id,width\n"
    assert json.loads(sql(nothing, "--format", "json").stdout) == []


def test_parameters_are_values_and_nothing_else(sql) -> None:
    hostile = "it's \\ \"q\";\n\t-- {x:String} é'; DROP TABLE models"
    asked = "SELECT {text:String} AS text, {n:UInt8} + 1 AS n, count() FROM {items:Identifier}"
    rows = json.loads(
        sql(
            asked,
            *("--param", f"text={hostile}", "--param", "n=4", "--param", "items=items_made"),
            *("--format", "json"),
        ).stdout
    )
    assert rows == [{"text": hostile, "n": 5, "count()": 20}]
    lists = sql(
        "SELECT {a:Array(String)} AS a, {m:Map(String, UInt8)}['x'] AS x",
        *("--param", r"a=['it\'s', 'b=c']", "--param", "m={'x': 3}", "--format", "json"),
    )
    assert json.loads(lists.stdout) == [{"a": ["it's", "b=c"], "x": 3}]
    unused = sql("SELECT 1 LIKE '%s', {n:UInt8}", "--param", "m=1", status=2)
    assert "no parameter {m:Type}; its parameters: 'n'" in unused.stderr
    assert "expected NAME=VALUE" in sql("SELECT 1", "--param", "n", status=2).stderr
    missing = sql("SELECT {n:UInt8}", status=3).stderr
    assert "`n`" in missing and "--param NAME=VALUE" in missing
    assert sql("SELECT {n:UInt8}", "--param", "n=x", status=3).stdout == ""


def test_a_statement_from_a_file_or_stdin(sql, tmp_path: Path) -> None:
    file = tmp_path / "count.sql"
    file.write_text(
        f"-- How many; by dataset\n/* a; b */\n{COUNT} -- done;\n;\n\n", encoding="utf-8"
    )
    assert json.loads(sql("--file", file, "--format", "json").stdout) == COUNTED
    assert json.loads(sql("-", "--format", "json", stdin=f"{COUNT};\n").stdout) == COUNTED
    for args, message in (
        ((), "give one statement"),
        (("SELECT 1", "--file", file), "give one statement"),
        (("--file", tmp_path / "none.sql"), "cannot be read"),
        (("SELECT 1; SELECT 2",), "one statement at a time"),
        ((" -- nothing",), "empty"),
        (("",), "empty"),
    ):
        result = sql(*args, status=2)
        assert message in result.stderr and result.stdout == ""


CHANGES = [
    "INSERT INTO rejects VALUES ('m', 'd', '', 'x', '/x', 'r', 0)",
    "INSERT INTO rejects SELECT * FROM rejects",
    "ALTER TABLE items_made DELETE WHERE 1",
    "ALTER TABLE items_made ADD COLUMN more UInt8",
    "DELETE FROM items_made WHERE 1",
    "DROP TABLE items_made",
    "TRUNCATE TABLE items_made",
    "CREATE TABLE more (a UInt8) ENGINE = Memory",
    "RENAME TABLE models TO others",
    "SET readonly = 0",
    "SELECT count() FROM items_made SETTINGS readonly = 0",
    "/* SELECT */ DROP TABLE models",
    "WITH 1 AS a INSERT INTO rejects SELECT * FROM rejects",
    "OPTIMIZE TABLE items_made",
    "SELECT 1 INTO OUTFILE '/tmp/hamsight-must-not-exist.csv'",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE query_id = 'none'",
]


def test_nothing_is_changed_without_write(sql, filled: str) -> None:
    for statement in CHANGES:
        result = CliRunner().invoke(app, ["sql", statement, "--db", filled])
        assert result.exit_code in (2, 3), statement
        assert result.stdout == "" and result.stderr.startswith("error: "), statement
        assert "Traceback" not in result.stderr
    assert not Path("/tmp/hamsight-must-not-exist.csv").exists()
    assert "--write" in sql("DROP TABLE models", status=3).stderr
    tables = "SELECT count() AS n FROM system.tables WHERE database = currentDatabase()"
    before = sql(tables, "--format", "csv").stdout
    assert json.loads(sql(COUNT, "--format", "json").stdout) == COUNTED
    assert sql(tables, "--format", "csv").stdout == before
    assert sql("SELECT count() AS n FROM rejects", "--format", "csv").stdout == "n\n0\n"


def test_write_changes(sql) -> None:
    named = sql("SELECT items_table FROM models", "--format", "csv").stdout
    result = sql(
        f"ALTER TABLE {named.split()[1]} UPDATE groups = arrayPushBack(groups, 'seen')"
        " WHERE dataset = {d:String} SETTINGS mutations_sync = 1",
        *("--param", "d=cats", "--write"),
    )
    assert (result.stdout, result.stderr) == ("", "")
    seen = sql("SELECT count() AS n FROM items_made WHERE has(groups, 'seen')", "--format", "csv")
    assert seen.stdout == "n\n6\n"
    sql("INSERT INTO rejects VALUES ('m', 'd', '', 'x', '/x', 'a;b', 0);", "--write")
    assert sql("SELECT reason FROM rejects", "--format", "csv").stdout == "reason\na;b\n"
    assert sql("SELECT 1 AS one", "--write", "--format", "csv").stdout == "one\n1\n"


def test_a_wrong_statement_is_answered_with_clickhouses_reason(sql) -> None:
    for statement, reason in (
        ("SELECT widht FROM items_made", "widht"),
        ("SELECT * FROM items_mode", "items_mode"),
        ("SELEC 1", "Syntax error"),
        ("SELECT 1 FORMAT JSON", "Leave FORMAT out: --format"),
        ("SELECT throwIf(number = 3, 'too far') FROM numbers(9)", "too far"),
    ):
        result = sql(statement, status=3)
        assert result.stdout == ""
        assert result.stderr.startswith("error: ClickHouse refused the statement: ")
        assert reason in result.stderr


def test_a_text_at_the_end_belongs_to_the_statement(sql) -> None:
    for end in ("'cats'", "'cats';", "'cats' -- ; 'x'", "'cats' /* ; */ ; -- x"):
        asked = f"SELECT count() AS n FROM items_made WHERE dataset = {end}"
        assert sql(asked, "--format", "csv").stdout == "n\n6\n"
    assert sql("SELECT 1 AS `a;b`", "--format", "csv").stdout == "a;b\n1\n"
    assert sql("SELECT 'a''; b\\'' AS x", "--format", "json").stdout == '[\n{"x": "a\'; b\'"}\n]\n'


def test_what_answers_without_select(sql) -> None:
    assert "items_made" in sql("SHOW TABLES").stdout
    assert "FixedString(8)" in sql("DESCRIBE TABLE items_made").stdout
    assert "ReadFromMergeTree" in sql("EXPLAIN SELECT * FROM items_made").stdout
    assert "2" in sql("WITH 2 AS two SELECT two").stdout


def test_arrow_and_errors_from_python(filled: str) -> None:
    with hamsight.open(filled) as session:
        table = session.sql("SELECT id, feature, ingested_at FROM items_made ORDER BY id LIMIT 3")
        assert table.column_names == ["id", "feature", "ingested_at"]
        first = min((made for made in ITEMS[:20]), key=lambda made: made.item.id.encode())
        assert table["feature"][0].as_py() == pytest.approx(first.feature.tolist())
        assert table["ingested_at"][0].as_py().year == 2026
        assert session.sql("SELECT {a:Array(String)} AS a", {"a": ["x'", "y"]}).to_pylist() == [
            {"a": ["x'", "y"]}
        ]
        changed = f"ALTER TABLE {toy.generation(session)} COMMENT COLUMN id 'c'"
        assert session.sql(changed, write=True) is None
        with pytest.raises(StatementError, match="--write"):
            session.sql("DROP TABLE models")
        with pytest.raises(UsageError):
            session.sql(";")


def test_a_statement_that_would_change_hamsights_own_is_refused(filled) -> None:
    with hamsight.open(filled) as session:
        for statement in ("USE other", "SET max_result_rows = 2", "/* a */ use x"):
            with pytest.raises(UsageError, match="would change what Hamsight's own statements see"):
                session.sql(statement, write=True)
        assert session.sql(COUNT).to_pylist() == COUNTED
