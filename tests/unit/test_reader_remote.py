"""Datasets in object stores, on the web and within archives, given as the place to ingest."""

import io
import zipfile

import object_store
import pytest
import toy
from reader_sets import image, text
from web_folder import served

from hamsight_core.errors import SourceError, UsageError
from hamsight_core.images.places import fetch
from hamsight_ingest.readers import ReadOptions, open_source


@pytest.fixture
def store(monkeypatch):
    with object_store.filled(monkeypatch) as made:
        yield made


@pytest.fixture
def site(tmp_path):
    """The URL of a web server of the folder tmp_path/site."""
    (tmp_path / "site").mkdir()
    with served(tmp_path / "site") as url:
        yield url


def packed(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for seed, name in enumerate(names):
            archive.writestr(name, toy.jpeg(seed))
    return stream.getvalue()


def error(place: str, format: str | None = None) -> str:
    with pytest.raises((SourceError, UsageError)) as caught:
        open_source(place, format)
    return str(caught.value)


def test_a_prefix_of_a_bucket_is_a_folder_of_images(store):
    objects = ["train/cat/a b.jpg", "train/odd #?.png", "x.jpg", ".hidden/y.jpg", "labels.json"]
    for seed, name in enumerate(objects):
        store.pipe(f"s3://bucket/a set/{name}", toy.jpeg(seed))
    store.pipe("s3://bucket/other/z.jpg", b"")
    source = open_source("s3://bucket/a set/", None, ReadOptions(tags_from_folder=True))
    assert (source.format, source.name, source.path) == ("folder", "a set", "s3://bucket/a set/")
    assert source.detected == (
        "3 image files; 2 other objects left out, the first s3://bucket/a set/.hidden/y.jpg"
    )
    items = list(source)
    assert source.count() == len(items) == 3 and list(source) == items
    assert [(item.subset, item.id, dict(item.tags)) for item in items] == [
        ("train", "cat/a b.jpg", {"cat": 1}),
        ("train", "odd #?.png", {}),
        ("", "x.jpg", {}),
    ]
    assert [fetch(item.uri) for item in items] == [toy.jpeg(seed) for seed in range(3)]
    (one,) = open_source("s3://bucket/a set/x.jpg")
    assert (one.id, one.uri) == ("x.jpg", "s3://bucket/a set/x.jpg")
    assert [item.id for item in open_source("s3://bucket")] == [
        "a set/train/cat/a b.jpg",
        "a set/train/odd #?.png",
        "a set/x.jpg",
        "other/z.jpg",
    ]


def test_archives_and_tables_in_a_bucket(store):
    store.pipe("s3://bucket/photos.zip", packed("photos/in/a.jpg", "photos/b.jpg"))
    store.pipe("s3://bucket/t/list.csv", b"image,label\nim/a b.jpg,cat\nhttps://h/c.jpg,dog\n")
    source = open_source("s3://bucket/photos.zip")
    assert (source.format, source.name) == ("archive", "photos")
    assert [(item.id, item.uri) for item in source] == [
        ("in/a.jpg", "zip://photos/in/a.jpg::s3://bucket/photos.zip"),
        ("b.jpg", "zip://photos/b.jpg::s3://bucket/photos.zip"),
    ]
    (one,) = open_source("zip://photos/in::s3://bucket/photos.zip")
    assert (one.id, fetch(one.uri)) == ("a.jpg", toy.jpeg(0))
    table = open_source("s3://bucket/t/list.csv")
    assert (table.format, table.name) == ("table", "list")
    assert [(item.id, item.uri, dict(item.tags)) for item in table] == [
        ("im/a b.jpg", "s3://bucket/t/im/a b.jpg", {"cat": 1}),
        ("h/c.jpg", "https://h/c.jpg", {"dog": 1}),
    ]


def test_the_web_has_archives_tables_and_images(site, tmp_path):
    (tmp_path / "site/p.zip").write_bytes(packed("a.jpg", "b.jpg"))
    image(tmp_path / "site/im/a b.jpg")
    text(tmp_path / "site/t.csv", "image,label", "im/a b.jpg,cat")
    assert [item.id for item in open_source(f"{site}/p.zip")] == ["a.jpg", "b.jpg"]
    assert [fetch(item.uri) for item in open_source(f"{site}/p.zip")][1] == toy.jpeg(1)
    (row,) = open_source(f"{site}/t.csv?key=1")
    assert (row.id, row.uri) == ("im/a b.jpg", f"{site}/im/a%20b.jpg")
    assert fetch(row.uri) == (tmp_path / "site/im/a b.jpg").read_bytes()
    (one,) = open_source(f"{site}/im/a%20b.jpg")
    assert (one.id, one.uri) == ("a b.jpg", f"{site}/im/a%20b.jpg")
    assert error(f"{site}/none.zip").startswith(f"{site}/none.zip: HTTP 404")
    (listed,) = open_source(f"{site}/im/")
    assert (listed.id, listed.uri) == (one.id, one.uri)
    assert "HTTP 404 File not found; what is read from there is" in error(f"{site}/none/")


def test_a_wrong_table_elsewhere_is_named_by_its_url(site, tmp_path):
    text(tmp_path / "site/wrong.csv", "image,label", "a.jpg,cat,too much")
    (tmp_path / "site/json.jsonl").write_bytes(b'{"image": "a.jpg"}\n{"image":\n')
    with pytest.raises(SourceError) as caught:
        list(open_source(f"{site}/wrong.csv"))
    assert str(caught.value).startswith(f"{site}/wrong.csv:2: ")
    first, wrong = open_source(f"{site}/json.jsonl")
    assert (first.id, wrong.uri) == ("a.jpg", f"{site}/json.jsonl:2")


def test_a_folder_within_an_archive(tmp_path):
    file = tmp_path / "a set.zip"
    file.write_bytes(packed("in/deep/a.jpg", "in/b.jpg", "c.jpg"))
    assert [item.id for item in open_source(f"zip://{file}")] == [
        "in/deep/a.jpg",
        "in/b.jpg",
        "c.jpg",
    ]
    within = open_source(f"zip://in::{file}")
    assert [item.id for item in within] == ["deep/a.jpg", "b.jpg"]
    assert within.name == "in"
    assert [item.id for item in open_source(file.as_uri())] == [
        "in/deep/a.jpg",
        "in/b.jpg",
        "c.jpg",
    ]


@pytest.mark.parametrize(
    ("place", "format", "words"),
    [
        ("ftp://host/a", None, "ftp:// is not supported; give a local path, or a URL of http"),
        ("s3://bucket/some", "coco", "s3://bucket/some: no COCO annotations; looked for *.json"),
        ("s3://bucket/some", "datumaro", "--format datumaro is read from disk alone, not from s3:"),
        ("s3://bucket/a", "archive", "s3://bucket/a: not named as archive; what is read"),
        ("s3://bucket/none", None, "s3://bucket/none: no image by its extension at or under it"),
        ("s3://bucket/some", None, "at or under it; 1 other object, the first s3://bucket/some/x"),
        ("zip:///no/such.zip", None, "zip:///no/such.zip: no file /no/such.zip; expected zip://"),
        ("s3:/bucket/a", None, "give a URL as text, pathlib drops a slash of it"),
    ],
)
def test_what_is_not_read_says_what_is(store, place, format, words):
    store.pipe("s3://bucket/some/x.txt", b"")
    assert words in error(place, format)
