"""Every output format: golden files for text, read back and compared for binary."""

from __future__ import annotations

import csv
import datetime
import io
import json
import os
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from hamsight_core.errors import UsageError
from hamsight_core.show.formats import Format, write
from hamsight_core.show.text_table import clip, display_width, printable

GOLDEN = Path(__file__).parent / "golden"
UTC = datetime.timezone.utc


def wide_table() -> pa.Table:
    """Three rows with every type that ClickHouse returns; the second is awkward, the third null."""
    moment = datetime.datetime(2026, 11, 20, 12, 4, 0, 827435, tzinfo=UTC)
    box = pa.struct([("label", pa.string()), ("x", pa.float32())])
    columns = {
        "id": pa.array(["dogs/a.jpg", "bad\x1b[2J\nname \u202e,\"'=1+1", None]),
        "words": pa.array(["plain", "名前 🐕 é\r", None]),
        "count": pa.array([3, -(2**63), None], pa.int64()),
        "big": pa.array([2**64 - 1, 0, None], pa.uint64()),
        "similarity": pa.array([0.1, float("nan"), None], pa.float32()),
        "ratio": pa.array([1 / 3, float("-inf"), None], pa.float64()),
        "tiny": pa.array([1.5e-9, 6.02e23, None], pa.float64()),
        "whole": pa.array([2.0, -40.0, None], pa.float64()),
        "flag": pa.array([True, False, None]),
        "price": pa.array([Decimal("1.50"), Decimal("-0.01"), None], pa.decimal128(18, 2)),
        "day": pa.array([datetime.date(2026, 11, 20), datetime.date(1920, 1, 2), None]),
        "utc": pa.array([moment, moment.replace(year=1931), None], pa.timestamp("us", "UTC")),
        "local": pa.array([1_770_000_000_123_456_789, -1, None], pa.timestamp("ns", "+01:00")),
        "naive": pa.array([1_770_000_000, -1, None], pa.timestamp("s")),
        "clock": pa.array([datetime.time(10, 11, 12), datetime.time(0), None], pa.time32("s")),
        "hash": pa.array([b"\x00\xff\x10", b"abc", None], pa.binary(3)),
        "text_bytes": pa.array([b"dog", "名".encode(), None], pa.binary()),
        "raw_bytes": pa.array([b"dog", b"\xff\xfe", None], pa.binary()),
        "tags": pa.array([[("dog", 2), ("cat", 1)], [], None], pa.map_(pa.string(), pa.uint32())),
        "captions": pa.array([["a dog", "a, b"], [], None], pa.list_(pa.string())),
        "boxes": pa.array(
            [[{"label": "dog", "x": 0.1}, {"label": "c\nat", "x": float("nan")}], [], None],
            pa.list_(box),
        ),
        "nested": pa.array([[[1, 2], [3]], [[], None], None], pa.list_(pa.list_(pa.int8()))),
        "point": pa.array([{"1": 1, "2": "b"}, {"1": None, "2": "c"}, None]),
        "label": pa.array(["dog", "cat", None]).dictionary_encode(),
        "nothing": pa.nulls(3),
    }
    return pa.table(columns)


def written(table: pa.Table, format: Format, width: int | None = None) -> bytes:
    stream = io.BytesIO()
    write(table, format, stream, width=width)
    return stream.getvalue()


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv"])
def test_text_formats_are_pinned(format):
    # To write them anew: HAMSIGHT_GOLDEN=write pytest tests/unit/test_output.py
    file = GOLDEN / f"output.{format}"
    found = written(wide_table(), Format(format))
    if os.environ.get("HAMSIGHT_GOLDEN") == "write":
        file.write_bytes(found)
    assert found.decode() == file.read_bytes().decode()


def test_a_table_cut_to_a_terminal_is_pinned():
    columns = ["id", "words", "count", "similarity", "tags", "captions"]
    table = wide_table().select(columns).slice(0, 2)
    file = GOLDEN / "output.table60"
    found = written(table, Format.TABLE, width=60)
    if os.environ.get("HAMSIGHT_GOLDEN") == "write":
        file.write_bytes(found)
    assert found.decode() == file.read_bytes().decode()


def test_json_and_jsonl_hold_the_same_rows():
    rows = json.loads(written(wide_table(), Format.JSON))
    assert rows == [json.loads(line) for line in written(wide_table(), Format.JSONL).splitlines()]
    assert rows[0]["tags"] == {"dog": 2, "cat": 1}
    assert rows[0]["similarity"] == 0.1
    assert rows[0]["big"] == 2**64 - 1
    assert rows[0]["price"] == "1.50"
    assert rows[0]["hash"] == "00ff10"
    assert (rows[0]["text_bytes"], rows[0]["raw_bytes"]) == ("dog", "646f67")
    assert rows[0]["utc"] == "2026-11-20T12:04:00.827435+00:00"
    assert rows[0]["local"] == "2026-02-02T03:40:00.123456789+01:00"
    assert rows[1]["ratio"] is None
    assert rows[1]["id"] == "bad\x1b[2J\nname \u202e,\"'=1+1"
    assert set(rows[2].values()) == {None}


def test_csv_reads_back_with_every_field_whole():
    text = written(wide_table(), Format.CSV).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 3
    assert rows[1]["id"] == "bad\x1b[2J\nname \u202e,\"'=1+1"
    assert rows[1]["words"] == "名前 🐕 é\r"
    assert json.loads(rows[0]["boxes"]) == [
        {"label": "dog", "x": 0.1},
        {"label": "c\nat", "x": None},
    ]
    assert (rows[0]["flag"], rows[1]["similarity"], rows[1]["ratio"]) == ("true", "nan", "-inf")
    assert set(rows[2].values()) == {""}
    assert "\r\n" not in text


def test_csv_leaves_a_leading_formula_character():
    assert written(pa.table({"a": ["=1+1", "@x"]}), Format.CSV) == b"a\n=1+1\n@x\n"


def test_csv_quotes_a_lone_carriage_return():
    assert written(pa.table({"a": ["x\ry"], "b": ["\r\n"]}), Format.CSV) == b'a,b\n"x\ry","\r\n"\n'


def test_parquet_and_arrow_keep_values_and_types():
    table = wide_table()
    stream = pa.ipc.open_stream(written(table, Format.ARROW)).read_all()
    assert stream.schema == table.schema
    assert repr(stream.to_pydict()) == repr(table.to_pydict())
    file = pa.ipc.open_file(pa.BufferReader(written(table, Format.FEATHER))).read_all()
    assert file.schema == table.schema and repr(file.to_pydict()) == repr(table.to_pydict())
    parquet = pq.read_table(io.BytesIO(written(table, Format.PARQUET)))
    changed = {f.name for f in table.schema if parquet.schema.field(f.name).type != f.type}
    assert changed <= {"naive", "clock"}  # Parquet counts no whole seconds
    kept = [name for name in table.column_names if name not in changed]
    assert repr(parquet.select(kept).to_pydict()) == repr(table.select(kept).to_pydict())


@pytest.mark.parametrize("format", list(Format))
def test_no_rows(format):
    table = wide_table().slice(0, 0).select(["id", "count", "tags"])
    if format is Format.PATHS0:
        table = table.rename_columns(["uri", "count", "tags"])
    found = written(table, format)
    if format is Format.TABLE:
        assert found.decode().splitlines() == ["id  count  tags", "──  ─────  ────"]
    elif format is Format.CSV:
        assert found == b"id,count,tags\n"
    elif format is Format.JSON:
        assert json.loads(found) == []
    elif format in (Format.JSONL, Format.PATHS0):
        assert found == b""
    elif format is Format.PARQUET:
        assert pq.read_table(io.BytesIO(found)).num_rows == 0
    elif format is Format.FEATHER:
        assert pa.ipc.open_file(pa.BufferReader(found)).read_all().num_rows == 0
    else:
        assert pa.ipc.open_stream(found).read_all().num_rows == 0


def test_paths_end_with_a_zero_byte():
    uris = ["/a b/\n.jpg", "file:///x/%FF%20y.jpg", "https://h/p.jpg", "zip:///a.zip::b.jpg"]
    found = written(pa.table({"id": uris, "uri": uris}), Format.PATHS0).split(b"\0")
    assert found == [b"/a b/\n.jpg", b"/x/\xff y.jpg", *(one.encode() for one in uris[2:]), b""]
    with pytest.raises(UsageError, match="paths0 writes the column uri"):
        written(pa.table({"id": uris}), Format.PATHS0)


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv"])
def test_slices_and_chunks_give_their_own_rows(format):
    table = wide_table()
    several = pa.concat_tables([table.slice(2, 1), table.slice(1, 2), table.slice(0, 1)])
    copied = table.take([2, 1, 2, 0])
    assert written(several, Format(format)) == written(copied, Format(format))


def test_text_that_is_not_utf8_is_shown_and_does_not_fail():
    broken = pa.array([b"ok", b"\xffA"]).view(pa.string())
    table = pa.table({"name": broken})
    assert [row["name"] for row in json.loads(written(table, Format.JSON))] == ["ok", "\\xffA"]
    for format in set(Format) - {Format.PATHS0}:
        assert written(table, format)


def test_union_of_types():
    union = pa.UnionArray.from_dense(
        pa.array([0, 1, 0, 2], pa.int8()),
        pa.array([0, 0, 1, 0], pa.int32()),
        [pa.array(["a", "b"]), pa.array([float("nan")]), pa.nulls(1)],
    )
    table = pa.table({"v": union})
    assert [r["v"] for r in json.loads(written(table, Format.JSON))] == ["a", None, "b", None]
    assert [r["v"] for r in json.loads(written(table.slice(2), Format.JSON))] == ["b", None]
    with pytest.raises(UsageError, match=r"Parquet cannot hold .* choose arrow"):
        written(table, Format.PARQUET)


@pytest.mark.skipif(not hasattr(pa, "json_"), reason="this pyarrow has no UUID and JSON types")
def test_uuid_and_json_types():
    import uuid

    id = uuid.UUID("a1c949c7-7c6d-4b64-8b73-5eaa80b7b3ed")
    table = pa.table(
        {
            "u": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([id.bytes], pa.binary(16))),
            "j": pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": [1]}'])),
        }
    )
    assert json.loads(written(table, Format.JSON)) == [{"u": str(id), "j": {"a": [1]}}]
    assert written(table, Format.TABLE).decode().splitlines()[2] == f"{id}  a [1]"


def test_columns_of_one_name_are_all_kept():
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert written(table, Format.JSONL) == b'{"a": 1, "a": 2}\n'
    assert written(table, Format.CSV) == b"a,a\n1,2\n"


def test_binary_formats_go_through_a_pipe():
    for format in (Format.PARQUET, Format.ARROW):
        read, end = os.pipe()
        with os.fdopen(end, "wb") as stream:
            write(pa.table({"a": [1, 2]}), format, stream)
            assert not stream.closed
        with os.fdopen(read, "rb") as reader:
            data = reader.read()
        read_back = pq.read_table if format is Format.PARQUET else pa.ipc.open_stream
        found = read_back(pa.BufferReader(data))
        table = found if format is Format.PARQUET else found.read_all()
        assert table.to_pydict() == {"a": [1, 2]}


@pytest.mark.parametrize("format", list(Format))
def test_a_closed_reader_is_a_broken_pipe(format):
    read, end = os.pipe()
    os.close(read)
    stream = os.fdopen(end, "wb")
    with pytest.raises(BrokenPipeError):
        write(pa.table({"uri": [str(n) for n in range(100_000)]}), format, stream)
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_a_hostile_name_cannot_move_the_cursor():
    hostile = "\x1b[2J\r\n\x9b31m\u202e\u2028\x00\x07\u2066"
    table = pa.table({"id": [hostile], hostile: [{"k\x1b": [hostile]}]})
    for line in written(table, Format.TABLE, width=200).decode().splitlines():
        assert line.isprintable()
    assert printable("a\nb\x1b[0m") == "a\\nb\\x1b[0m"
    assert printable("👩‍💻 naïve 名") == "👩‍💻 naïve 名"


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_a_line_fits_the_terminal(width):
    table = pa.table(
        {"rank": [1, 2], "id": ["x" * 300, "名" * 100], "caption": ["a dog " * 20, "é" * 9]}
    )
    shown = written(table, Format.TABLE, width=width).decode().splitlines()
    assert len(shown) == 4
    narrowest = 4 + 8 + 8 + 2 * 2
    assert max(map(display_width, shown)) <= max(width, narrowest)


def test_numbers_are_never_cut():
    table = pa.table({"n": [12345678901234567], "id": ["x" * 50]})
    assert "12345678901234567" in written(table, Format.TABLE, width=10).decode()


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("a dog on a beach", 8, "a dog o…"),
        ("/data/photos/summer/IMG_1.jpg", 15, "/dat…/IMG_1.jpg"),
        ("名前名前名前", 6, "名前…"),
        ("short", 5, "short"),
    ],
)
def test_clip(text, width, expected):
    assert clip(text, width) == expected


def test_floats_in_a_table():
    table = pa.table({"a": [1.0, 0.98765], "b": [1.0, 2e6], "c": [1e-7, 1e12]})
    assert [line.split() for line in written(table, Format.TABLE).decode().splitlines()[2:]] == [
        ["1.0000", "1", "1e-07"],
        ["0.9877", "2000000", "1e+12"],
    ]


def test_rows_are_streamed():
    table = pa.table({"a": pa.array(range(50_000))})

    class Chunks(io.BytesIO):
        largest = 0

        def write(self, data):
            self.largest = max(self.largest, len(data))
            return len(data)

    for format in (Format.TABLE, Format.JSON, Format.JSONL, Format.CSV):
        stream = Chunks()
        write(table, format, stream)
        assert stream.largest < 1000
