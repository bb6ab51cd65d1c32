"""Tables are read as rows of images, or an error names the file, the row and the column."""

import csv
import datetime
import json
import random
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
import reader_sets
from reader_sets import DATA, damage, image, real_data, text

from hamsight_core.errors import UsageError
from hamsight_core.images.places import fetch
from hamsight_core.items import Item
from hamsight_ingest.listing import Listing
from hamsight_ingest.readers import ReadOptions, open_source, readers

TABLES = ["t.csv", "t.tsv", "t.json", "t.jsonl", "t.parquet", "t.arrow", "t.feather"]
HOSTILE = [
    "'; DROP TABLE x; --",
    'a "quoted", text',
    "tab\tline\nend",
    "é 😀::#%41",
    "=1+1",
    "x" * 200_000,
]


def write(file: Path, rows: list[dict]) -> Path:
    """Write rows as the table that the file's name says."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if file.suffix in (".csv", ".tsv"):
        with file.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.DictWriter(
                opened, names, dialect="excel-tab" if file.suffix == ".tsv" else "excel"
            )
            writer.writeheader()
            writer.writerows(rows)
    elif file.suffix == ".json":
        file.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    elif file.suffix == ".jsonl":
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    else:
        table = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows])
        if file.suffix == ".parquet":
            pq.write_table(table, file, row_group_size=2)
        elif file.suffix == ".feather":
            feather.write_feather(table, file, compression="zstd")
        else:
            with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
                out.write_table(table, max_chunksize=2)
    return file


def read(path: Path, **options: object) -> list[Item]:
    source = open_source(path, None, ReadOptions(**options))
    assert source.format == "table", source.detected
    items = list(source)
    assert source.count() == len(items)
    assert list(source) == items
    return items


def error(path: Path, **options: object) -> str:
    try:
        words = reader_sets.error(path, None, **options)
    except UsageError as caught:
        words = str(caught)
    words.encode()
    return words


@pytest.mark.parametrize("name", TABLES)
def test_every_table_says_the_same(tmp_path, name):
    image(tmp_path / "pics" / "a.png")
    rows = [
        {"file": "pics/a.png", "split": "train", "label": "cat", "n": 1, "caption": "one"},
        {"file": "https://host/b.jpg?w=1", "split": "val", "label": "dog, big", "n": None},
        {"file": str(tmp_path / "pics" / "c.png"), "split": None, "label": None, "n": 3},
    ]
    first, second, third = read(write(tmp_path / name, rows))
    assert (first.id, first.subset, first.uri) == (
        "pics/a.png",
        "train",
        str(tmp_path / "pics" / "a.png"),
    )
    assert (dict(first.tags), first.captions, dict(first.attributes)) == (
        {"cat": 1},
        ("one",),
        {"n": "1"},
    )
    assert fetch(first.uri)
    assert (second.id, second.uri) == ("host/b.jpg?w=1", "https://host/b.jpg?w=1")
    assert (dict(second.tags), dict(second.attributes)) == ({"dog, big": 1}, {})
    assert (third.id, third.subset, dict(third.tags)) == ("pics/c.png", "", {})


@pytest.mark.parametrize("name", TABLES)
def test_hostile_values_come_back(tmp_path, name):
    rows = [
        {"path": f"{n}.jpg", "id": value, "words": value, "caption": value}
        for n, value in enumerate(HOSTILE)
    ]
    items = read(write(tmp_path / name, rows))
    assert [item.id for item in items] == HOSTILE
    assert [item.attributes["words"] for item in items] == HOSTILE
    assert [item.captions for item in items] == [(value,) for value in HOSTILE]


@pytest.mark.parametrize("name", ["t.json", "t.jsonl", "t.parquet", "t.arrow"])
def test_nul_comes_back_and_surrogates_do_no_harm(tmp_path, name):
    values = ["a\0b"] if "json" not in name else ["a\0b", "\ud800"]
    rows = [{"path": f"{value}.jpg", "x": value} for value in values]
    items = read(write(tmp_path / name, rows))
    assert [item.attributes["x"] for item in items] == ["a\0b", "?"][: len(values)]
    for item in items:
        (item.id + item.uri).encode()


def test_types_stay_readable(tmp_path):
    table = pa.table(
        {
            "path": ["a.jpg"],
            "int": pa.array([-(2**60)], pa.int64()),
            "float": pa.array([0.1], pa.float32()),
            "double": [1e-7],
            "nan": [float("nan")],
            "bool": [True],
            "date": [datetime.date(2024, 2, 29)],
            "time": pa.array([1_709_164_800_000_000_001], pa.timestamp("ns", "UTC")),
            "decimal": [Decimal("1.50")],
            "dict": pa.array(["red"]).dictionary_encode(),
            "nested": [{"a": [1, None], "b": {"c": datetime.date(2024, 1, 1)}}],
            "null": pa.nulls(1),
            "camera": [""],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    (item,) = read(tmp_path / "t.parquet")
    assert dict(item.attributes) == {
        "int": "-1152921504606846976",
        "float": "0.1",
        "double": "1e-07",
        "bool": "true",
        "date": "2024-02-29",
        "time": "2024-02-29T00:00:00+00:00",
        "decimal": "1.50",
        "dict": "red",
        "nested": '{"a": [1, null], "b": {"c": "2024-01-01"}}',
        "camera": "",
    }


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.feather"])
def test_images_within_the_table(tmp_path, name):
    files = [image(tmp_path / f"{n}.png", 10 + n) for n in range(5)]
    rows = [{"bytes": file.read_bytes(), "n": n} for n, file in enumerate(files)]
    items = read(write(tmp_path / name, rows))
    assert [item.id for item in items] == ["0", "1", "2", "3", "4"]
    assert [fetch(item.uri) for item in items] == [file.read_bytes() for file in files]
    rows = [
        {"image": {"bytes": row["bytes"], "path": "same.png"}, "id": f"i{row['n']}"} for row in rows
    ]
    items = read(write(tmp_path / name, rows))
    assert [item.id for item in items] == ["i0", "i1", "i2", "i3", "i4"]
    assert [fetch(item.uri) for item in items] == [file.read_bytes() for file in files]


def test_rows_of_one_image_are_one_item(tmp_path):
    rows = ["file,caption,label,n", "a.jpg,one,cat,1", "a.jpg,two,cat,2", "b.jpg,three,dog,3"]
    first, _ = read(text(tmp_path / "t.csv", *rows))
    assert (first.captions, dict(first.tags), dict(first.attributes)) == (
        ("one", "two"),
        {"cat": 2},
        {"n": "1"},
    )
    apart = read(text(tmp_path / "t.csv", *rows, "a.jpg,four,,"))
    assert [item.id for item in apart] == ["b.jpg", "a.jpg"]
    assert apart[1].captions == ("one", "two", "four")


def test_tags_in_one_cell(tmp_path):
    rows = [
        {"path": "1.jpg", "tags": ["cat", "cat", "dog"]},
        {"path": "2.jpg", "tags": {"cat": 3, "dog": 0}},
        {"path": "3.jpg", "tags": "cat; big dog|x"},
        {"path": "4.jpg", "tags": '["a,b"]', "captions": ["one", "two"]},
    ]
    items = read(write(tmp_path / "t.jsonl", rows))
    assert [dict(item.tags) for item in items] == [
        {"cat": 2, "dog": 1},
        {"cat": 3},
        {"cat": 1, "big dog": 1, "x": 1},
        {"a,b": 1},
    ]
    assert items[3].captions == ("one", "two")
    wrong = write(tmp_path / "t.jsonl", [{"path": "1.jpg", "tags": {"cat": 1.5}}])
    assert "t.jsonl: line 1: column 'tags' = {'cat': 1.5}: expected a whole number" in error(wrong)


def test_columns_are_named(tmp_path):
    file = text(tmp_path / "t.csv", "a,b,id,c", "1.jpg,x,7,train")
    assert "columns are 'a', 'b', 'id', 'c'; name the image's with --column image=NAME" in error(
        file
    )
    (item,) = read(file, columns={"image": "a", "label": "b", "subset": "c", "id": ""})
    assert (item.id, item.subset, dict(item.tags)) == ("1.jpg", "train", {"x": 1})
    assert dict(item.attributes) == {"id": "7"}
    assert "no column 'bb'" in error(file, columns={"image": "bb"})
    assert "no role 'pic'; roles are image, id" in error(file, columns={"pic": "a"})
    both = text(tmp_path / "u.csv", "path,url", "1.jpg,http://a/1.jpg")
    assert "'path' and 'url' could all be the image" in error(both)
    assert read(both, columns={"image": "url"})[0].uri == "http://a/1.jpg"


def test_where_the_paths_lead(tmp_path):
    image(tmp_path / "images" / "a.png")
    (item,) = read(text(tmp_path / "t.csv", "file", "a.png"))
    assert item.uri == str(tmp_path / "images" / "a.png")
    (item,) = read(text(tmp_path / "tables" / "t.csv", "file", "images/a.png"))
    assert (item.uri, item.id) == (str(tmp_path / "images" / "a.png"), "images/a.png")
    (item,) = read(text(tmp_path / "tables" / "t.csv", "file", "..\\images\\a.png"))
    assert (item.uri, item.id) == (str(tmp_path / "images" / "a.png"), "images/a.png")
    (item,) = read(text(tmp_path / "tables" / "t.csv", "file", "none.png"))
    assert item.uri == str(tmp_path / "tables" / "none.png")
    (item,) = read(text(tmp_path / "t.csv", "file", "s3://bucket/a b.png"))
    assert (item.uri, item.id) == ("s3://bucket/a b.png", "bucket/a b.png")


def test_rows_without_an_image_are_noted(tmp_path):
    file = text(tmp_path / "t.csv", "file,x", "a.jpg,1", ",2", ",3", "", "b.jpg,4")
    source = open_source(file)
    assert [item.id for item in source] == ["a.jpg", "b.jpg"]
    assert f"rows without an image: 2, the first in {file}: line 3" in source.notes
    missing = "images that are not there; looked for in . and by their names: 2, the first in"
    assert f"{missing} {file}: line 2" in source.notes
    assert "no row with an image" in error(text(tmp_path / "t.csv", "file,x", ",2"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", b"", "an empty file"),
        ("t.csv", b"file,x\na.jpg\n", "t.csv:2: 1 fields; expected 2"),
        ("t.csv", b"file,x\na.jpg,1,2\n", "t.csv:2: 3 fields; expected 2"),
        ("t.csv", b"file,file\na.jpg,1\n", "two columns are called 'file'"),
        ("t.csv", b"file,x\na.jpg,1\nb\xff.jpg,1\n", "t.csv:3: byte 1 of it is not UTF-8"),
        ("t.csv", b'file,x\n"a.jpg,1\nb.jpg,2\n', "t.csv:2: not CSV"),
        ("t.jsonl", b'{"file": "a.jpg"}\n{"file": \n', "t.jsonl:2: column"),
        ("t.jsonl", b'{"file": "a.jpg"}\n[1]\n', "t.jsonl:2: [1]; expected one JSON object a line"),
        ("t.jsonl", b'{"file": 7}\n', "line 1: column 'file' = 7: expected the path or the URL"),
        ("t.jsonl", b"[" * 100_000, "t.jsonl:1:"),
        ("t.json", b'[{"file": "a.jpg"},\n {"file": "b}', "t.json:2: not JSON: Unterminated"),
        ("t.json", b'[{"file": "a.jpg"}\n {"file": "b"}]', "t.json:2: expected a comma"),
        ("t.json", b'[{"file": "a.jpg"},\n 7]', "t.json:2: "),
        ("t.json", b'[{"file": "a.jpg"}', "expected a comma or the end"),
        ("t.json", b'[{"file": "\xff.jpg"}]', "byte 11"),
        ("t.parquet", b"PAR1nothing", "t.parquet: a table that cannot be read"),
        ("t.arrow", b"ARROW1\0\0nothing", "t.arrow: a table that cannot be read"),
        ("t.feather", b"FEA1nothing", "Feather version 1 is not read"),
    ],
)
def test_wrong_tables_are_named(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    rest_read = (
        content.startswith(b'[{"file": "a') or b'a.jpg"}\n' in content or b"b\xff" in content
    )
    assert words in error(tmp_path / name, rest_read=rest_read)


def test_quotes_in_tsv(tmp_path):
    plain = text(tmp_path / "t.tsv", "file\tcaption", 'a.jpg\t"The" dog', 'b.jpg\tat 5"')
    assert [item.captions[0] for item in read(plain)] == ['"The" dog', 'at 5"']
    quoted = text(tmp_path / "u.tsv", "file\tcaption", 'a.jpg\t"two\tparts"', "b.jpg\tx")
    assert [item.captions[0] for item in read(quoted)] == ["two\tparts", "x"]
    semicolons = text(tmp_path / "v.csv", "\ufefffile;caption", "a.jpg;one, two")
    assert read(semicolons)[0].captions == ("one, two",)


def test_a_large_json_list_is_read_in_pieces(tmp_path):
    rows = [{"url": f"https://h/{n}.jpg", "words": "wörd " * (n % 40)} for n in range(20_000)]
    (tmp_path / "t.json").write_text(json.dumps(rows), encoding="utf-8")
    items = read(tmp_path / "t.json")
    assert len(items) == 20_000
    assert items[-1].attributes["words"] == rows[-1]["words"]


def test_a_folder_with_one_table(tmp_path):
    text(tmp_path / "t.csv", "url,n", "https://h/1.jpg,1")
    text(tmp_path / "other.csv", "a,b", "1,2")
    assert [item.id for item in read(tmp_path)] == ["h/1.jpg"]
    text(tmp_path / "u.csv", "url,n", "https://h/1.jpg,1")
    assert "several tables: t.csv, u.csv" in error(tmp_path)


def test_metadata_beside_images(tmp_path):
    for subset in ("train", "test"):
        image(tmp_path / subset / "a.png")
        text(tmp_path / subset / "metadata.csv", "file_name,text,score", f"a.png,{subset} a,1")
    source = open_source(tmp_path)
    assert source.format == "imagefolder"
    items = {item.subset: item for item in source}
    assert items["train"].captions == ("train a",)
    assert items["test"].uri == str(tmp_path / "test" / "a.png")
    assert dict(items["test"].attributes) == {"score": "1"}


def test_unsplash(tmp_path):
    row = {
        "photo_id": "k1",
        "photo_url": "https://unsplash.com/photos/k1",
        "photo_image_url": "https://images.unsplash.com/p-1?x=1",
        "photo_description": "",
        "ai_description": "a cat",
        "exif_iso": "200",
        "photo_location_country": "Chile",
    }
    text(tmp_path / "photos.tsv000", "\t".join(row), "\t".join(row.values()))
    for path in (tmp_path, tmp_path / "photos.tsv000"):
        source = open_source(path)
        assert source.format == "unsplash"
        (item,) = source
        assert (item.id, item.captions) == ("k1", ("a cat",))
        assert item.uri == "https://images.unsplash.com/p-1?q=75&fm=jpg&w=640&fit=max"
        assert dict(item.attributes) == {
            "photo_url": "https://unsplash.com/photos/k1",
            "exif_iso": "200",
            "photo_location_country": "Chile",
        }
    (item,) = open_source(tmp_path, None, ReadOptions(image_width=400))
    assert "w=400" in item.uri


@pytest.mark.parametrize("name", TABLES)
def test_damaged_tables(tmp_path, name):
    rows = [{"path": f"{n}.jpg", "n": n, "tags": "a;b"} for n in range(9)]
    file = write(tmp_path / name, rows)
    reader = next(reader for reader in readers() if reader.name == "table")
    damage([file], lambda: reader.open(Listing(file), ReadOptions()), 150)


@real_data
def test_captions_of_flickr8k():
    items = read(DATA / "flickr8k-2000" / "captions.tsv")
    assert len(items) == 2000
    assert {len(item.captions) for item in items} == {5}
    for item in random.Random(0).sample(items, 3):
        assert fetch(item.uri)


@real_data
def test_photos_of_unsplash():
    source = open_source(DATA / "unsplash" / "photos-5000.json")
    assert source.format == "unsplash"
    items = list(source)
    assert len({item.id for item in items}) == source.count() == 5000
    assert all(item.uri.endswith("?q=75&fm=jpg&w=640&fit=max") for item in items)
