"""`hamsight query`, `sql` and `info` as a person or a script runs them: stdout, stderr, status."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import prepared
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_catalog import ITEMS, fill
from typer.testing import CliRunner, Result

import hamsight
from hamsight.cli.app import app
from hamsight_core.items import Item

HOSTILE = "\x1b[31mred\x1b[0m\u202e<img onerror=x>.jpg"


@pytest.fixture
def filled(dsn: str, tmp_path: Path) -> str:
    """The DSN of a catalog of forty made-up items, the last with a hostile id."""
    hostile = replace(ITEMS[39], item=Item(id=HOSTILE, uri="/x", captions=("\x1b]0;title\x07",)))
    fill(dsn, tmp_path / "package", [*ITEMS[:39], hostile])
    return dsn


@pytest.fixture
def hamsight_(filled: str) -> Callable[..., Result]:
    """Runs the command in this process on `filled`."""

    def run(command: str, *args: str, status: int = 0, stdin: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(app, [command, *args, "--db", filled], input=stdin)
        assert "Traceback" not in result.stderr, result.stderr
        assert result.exit_code == status, result.stderr or result.exception
        return result

    return run


NAME = ITEMS[5].name


def read(output: bytes, format: str) -> list[dict]:
    if format == "json":
        return json.loads(output)
    if format == "jsonl":
        return [json.loads(line) for line in output.decode().splitlines()]
    if format == "csv":
        return list(csv.DictReader(io.StringIO(output.decode())))
    if format == "parquet":
        table = pq.read_table(io.BytesIO(output))
    else:
        table = pa.ipc.open_stream(output).read_all()
    return table.to_pylist(maps_as_pydicts="strict")


FORMATS = ["json", "jsonl", "csv", "parquet", "arrow"]


def test_every_format_says_the_same(hamsight_, filled: str) -> None:
    with hamsight.open(filled) as session:
        expected = session.query(item=NAME, k=45).to_arrow().to_pylist(maps_as_pydicts="strict")
    assert len(expected) == 39
    for format in FORMATS:
        result = hamsight_("query", "--item", NAME, "-k", "45", "--format", format)
        assert result.stderr == ""
        rows = read(result.stdout_bytes, format)
        assert [list(row) for row in rows] == [list(row) for row in expected], format
        if format == "csv":
            kinds = {"tags": json.loads, "captions": json.loads, "groups": json.loads}
            kinds |= {"attributes": json.loads, "similarity": float}
            kinds |= dict.fromkeys(["rank", "distance", "width", "height", "file_size"], int)
            rows = [{k: kinds.get(k, str)(v) for k, v in row.items()} for row in rows]
        for row, right in zip(rows, expected, strict=True):
            assert row.pop("similarity") == pytest.approx(right["similarity"], abs=1e-6)
            assert row == {k: v for k, v in right.items() if k != "similarity"}, format


def test_a_table_shows_distance_similarity_and_whose_answer(hamsight_) -> None:
    lines = hamsight_("query", "--item", NAME, "-k", "3").stdout.splitlines()
    assert lines[0].split()[:4] == ["rank", "similarity", "distance", "item"]
    assert len(lines) == 5
    two = hamsight_("query", "--item", NAME, "-k", "1", "--columns", "item,rank").stdout
    assert two.split()[0] == "item" and two.split()[-2] in lines[2]
    both = hamsight_("query", "--item", NAME, "--item", ITEMS[7].name, "-k", "3").stdout
    assert "query" in both.splitlines()[0] and f"item: {NAME}" in both


def test_no_match_is_status_1_and_empty_in_each_format(hamsight_) -> None:
    nothing = ("query", "--item", NAME, "--where", "width > 9999", "--format")
    for format in FORMATS:
        result = hamsight_(*nothing, format, status=1)
        assert result.stderr == "no match\n"
        assert read(result.stdout_bytes, format) == []
    table = hamsight_(*nothing, "table", status=1)
    assert len(table.stdout.splitlines()) <= 2


def test_fewer_than_k_is_no_error(hamsight_) -> None:
    rows = hamsight_("query", "--item", NAME, "-k", "100000", "--format", "json").stdout
    assert len(json.loads(rows)) == 39


def test_a_hostile_id_cannot_reach_the_terminal(hamsight_) -> None:
    for args in (
        ("query", "--item", NAME, "-k", "40"),
        ("query", "--item", HOSTILE),
        ("sql", "SELECT id, captions FROM items_made"),
    ):
        result = hamsight_(*args)
        if args[0] == "sql" or "-k" in args:
            assert "red" in result.stdout
        for output in (result.stdout, result.stderr):
            assert not set(output) & {"\x1b", "\x07", "\u202e"}
    for args in (("--item", "\x1b[31mX"), ("--dataset", "\x1b[31mX", "--item", NAME)):
        assert (
            "\x1b"
            not in hamsight_("query", *args, status=3 if "--dataset" not in args else 2).stderr
        )


WRONG = [
    ((), 2, "nothing to search for: give words, a picture, --item or --group"),
    (("--text", "  "), 2, "--text is empty"),
    (("--item", NAME, "-k", "0"), 2, "-k is 0; expected at least 1"),
    (("--item", NAME, "-k", "-1"), 2, "-k is -1"),
    (("--item", NAME, "-k", "many"), 2, "-k"),
    (("--item", NAME, "--offset", "-1"), 2, "--offset is -1; expected 0 or more"),
    (("--item", NAME, "--candidates", "0"), 2, "--candidates is 0"),
    (("--item", NAME, "--max-distance", "-1"), 2, "--max-distance is -1"),
    (("--item", NAME, "--combine", "some"), 2, "nearest"),
    (("--item", NAME, "--format", "xml"), 2, "json"),
    (("--item", NAME, "--where", "widht > 3"), 2, "width"),
    (("--item", NAME, "--where", "area > 0.1"), 2, "area is of objects, which --objects finds"),
    (("--item", NAME, "--dataset", "bird"), 2, "did you mean 'birds'"),
    (("--item", NAME, "--model", "mad"), 2, "did you mean 'made'"),
    (("--item", NAME, "--save", "sheet.xyz"), 2, ".xyz"),
    (("--item", "nothing.jpg"), 3, "nearest ids"),
    (("--text", "a dog"), 4, "no text encoder"),
    (("--image", "nothing.jpg"), 5, "--image nothing.jpg: file not found"),
    (("--image", "http://127.0.0.1:1/x.jpg"), 5, "cannot be downloaded"),
    (("--image", "ftp://host/x.jpg"), 5, "ftp://"),
    (("--image", __file__), 5, "--image "),
    (("--itm", "x"), 2, "--itm"),
]


def test_each_wrong_request_has_its_status_and_one_message(hamsight_) -> None:
    for args, status, message in WRONG:
        result = hamsight_("query", *args, status=status)
        assert result.stdout == "", args
        assert message in result.stderr, args
        if not result.stderr.startswith("Usage:"):
            assert result.stderr.startswith("error: ") and result.stderr.count("error") == 1


def test_no_catalog_and_an_empty_one(dsn: str) -> None:
    for command in (["query", "--item", "x"], ["info"], ["sql", "SELECT 1"]):
        result = CliRunner().invoke(app, [*command, "--db", dsn])
        assert (result.exit_code, result.stdout) == (3, "")
        assert "hamsight ingest" in result.stderr
    with hamsight.open(dsn) as session:
        session.catalog(create=True)
    result = CliRunner().invoke(app, ["query", "--text", "x", "--db", dsn])
    assert (result.exit_code, result.stdout) == (3, "")
    assert "holds no images yet" in result.stderr


def test_show_sql_prints_the_statement_and_nothing_else(hamsight_) -> None:
    result = hamsight_("query", "--item", NAME, "--where", 'id != "Q"', "--show-sql")
    assert result.stderr == ""
    assert result.stdout.startswith("SET param_k = '50';\n")
    assert result.stdout.endswith("LIMIT {k:UInt64} OFFSET {offset:UInt64};\n")
    assert "'Q'" in result.stdout.partition("SELECT")[0]
    assert "Q" not in result.stdout.partition("SELECT")[2]


def test_info_tells_of_the_catalog(hamsight_, filled: str) -> None:
    text = hamsight_("info").stdout
    for word in ("models", "made", "datasets", "birds", "cats", "tables", "items_made"):
        assert word in text
    told = json.loads(hamsight_("info", "--format", "json").stdout)
    assert set(told) >= {"models", "datasets", "ingests", "rejects", "tables"}
    counts = {(row["dataset"], row["subset"]): row["items"] for row in told["datasets"]}
    assert sum(counts.values()) == 40
    assert counts["birds", "train"] == sum(
        made.identity[:2] == ("birds", "train") for made in ITEMS[:39]
    )
    (table,) = [row for row in told["tables"] if row["table"].startswith("items_made_g")]
    assert table["rows"] == 40 and table["bytes"] > 0
    (model,) = told["models"]
    assert (model["name"], model["bits"], model["words"]) == ("made", 64, False)
    with hamsight.open(filled) as session:
        session.delete(dataset="birds", subset="train")
        session.sql(
            "INSERT INTO rejects VALUES ('made', 'birds', '', 'x.jpg', '/x.jpg', 'is torn', 0)",
            write=True,
        )
    told = json.loads(hamsight_("info", "--format", "json").stdout)
    assert told["rejects"] == [{"model": "made", "dataset": "birds", "rejects": 1}]
    (table,) = [row for row in told["tables"] if row["table"].startswith("items_made_g")]
    assert table["rows"] == 40 - counts["birds", "train"]
    (reject,) = json.loads(hamsight_("info", "--rejects", "--format", "json").stdout)
    assert (reject["id"], reject["reason"]) == ("x.jpg", "is torn")
    assert "is torn" in hamsight_("info", "--rejects").stdout
    assert "table and json" in hamsight_("info", "--format", "csv", status=2).stderr


# In a process of its own


@pytest.fixture
def own(cli_dsn: str, tmp_path: Path) -> str:
    """The DSN of a filled catalog that another process can open."""
    script = "import sys, made_catalog as m; from pathlib import Path;"
    script += " m.fill(sys.argv[1], Path(sys.argv[2]), m.ITEMS[:40])"
    command = [sys.executable, "-c", script, cli_dsn, str(tmp_path / "package")]
    prepared.run(command, cwd=Path(__file__).parent, check=True, timeout=120)
    return cli_dsn


def test_the_command_alone(own: str, run_cli) -> None:
    done = run_cli("query", "--item", NAME, "-k", "3", env={"HAMSIGHT_DB": own}, check=True)
    assert len(done.stdout.splitlines()) == 5
    assert "\x1b" not in done.stdout and done.stderr == ""
    done = run_cli("query", "--item", "nothing", "--db", own)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: there is no item 'nothing'")


def test_a_closed_pipe_is_no_error(own: str) -> None:
    many = "SELECT number, repeat('x', 1000) FROM numbers(100000)"
    command = [sys.executable, "-m", "hamsight", "sql", many, "--format", "jsonl", "--db", own]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert json.loads(process.stdout.readline())["number"] == 0
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_a_full_disk_is_said_and_is_not_taken_for_no_match(own: str, format: str) -> None:
    command = [sys.executable, "-m", "hamsight", "sql", "SELECT 1", "--format", format, "--db", own]
    with Path("/dev/full").open("wb") as full:
        done = prepared.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 7
    assert done.stderr.startswith("error: ") and "No space left" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_server_that_is_not_there_is_said_in_one_line(run_cli) -> None:
    done = run_cli("info", "--db", "clickhouse://127.0.0.1:1/hamsight")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "error: no ClickHouse answers at clickhouse://default@127.0.0.1:1/hamsight: Connection"
        " refused; see that the server runs and that the port is its HTTP port\n"
    )


LOADED = """
import sys
from hamsight.cli.app import app
try:
    app(sys.argv[1:])
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def loaded(*args: str) -> set[str]:
    """Return the top-level packages that a command of its own process has loaded."""
    command = [sys.executable, "-c", LOADED, *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize("args", [["--help"], ["query", "--help"]], ids=" ".join)
def test_help_loads_no_heavy_package(args: list[str]) -> None:
    heavy = {"openvino", "chdb", "pyarrow", "PIL", "numpy", "tokenizers", "pandas"}
    assert not loaded(*args) & heavy


def test_a_query_by_item_loads_no_encoder(own: str) -> None:
    by_item = loaded("query", "--item", NAME, "-k", "3", "--db", own)
    assert not by_item & {"openvino", "tokenizers", "PIL", "pandas"}
    others = {"hamsight_ingest", "hamsight_curate", "hamsight_analyze", "hamsight_explore"}
    assert not by_item & others
    assert "pyarrow" in by_item
