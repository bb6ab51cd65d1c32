"""An annotated dataset says elsewhere what it says on disk: in buckets, archives, on the web."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import object_store
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import toy
from reader_sets import image, text
from test_reader_voc import one, voc
from web_folder import Quiet, Unlisted, served

from hamsight_core.errors import SourceError
from hamsight_core.images.places import fetch
from hamsight_ingest.readers import ReadOptions, open_source
from hamsight_ingest.source import Numbered, Refused, Source


@pytest.fixture(params=[Quiet])
def site(request, tmp_path) -> Iterator[str]:
    """The URL of a web server of the folder tmp_path/sets."""
    with served(tmp_path / "sets", request.param) as url:
        yield url


def coco(root: Path) -> None:
    for name in ("a b", "c"):
        image(root / f"val/{name}.jpg", 40, 20)
    boxes = [(1, "cat", (1, 2, 3, 4)), (1, "dog", (0, 0, 9, 9))]
    toy.coco(root, [(1, "a b.jpg"), (2, "c.jpg")], boxes, [(2, "a dog")], subset="val")


def yolo(root: Path) -> None:
    image(root / "images/train/a é.jpg", 200, 100, orientation=6)
    image(root / "images/val/b.png", 50, 60)
    text(root / "labels/train/a é.txt", "0 0.5 0.5 0.2 0.4")
    text(root / "data.yaml", "train: images/train", "val: images/val", "names: [cat, dog]")


def pascal(root: Path) -> None:
    for name in ("a", "b"):
        image(root / f"JPEGImages/{name}.jpg", 40, 20)
    voc(root / "Annotations/a.xml", one("cat", 1, 1, 40, 20))
    text(root / "ImageSets/Main/train.txt", "a")


def csv(root: Path) -> None:
    image(root / "train/a b.jpg")
    image(root / "train/c.jpg")
    text(root / "train/metadata.csv", "file_name,label,n", "a b.jpg,cat,1", "c.jpg,dog,2")


def parquet(root: Path) -> None:
    rows = [{"bytes": toy.jpeg(n), "path": None} for n in range(3)]
    (root / "data").mkdir(parents=True)
    table = pa.table({"image": rows, "text": ["x", "y", "z"]})
    pq.write_table(table, root / "data/train-00000-of-00001.parquet")


def shards(root: Path) -> None:
    root.mkdir(parents=True)
    for shard in ("train-0", "val-0"):
        with tarfile.open(root / f"{shard}.tar", "w") as tar:
            for name, content in (("k.jpg", toy.jpeg(3)), ("k.json", b'{"caption": "x", "n": 1}')):
                member = tarfile.TarInfo(f"{shard[0]}/{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


FORMATS = {
    "coco": coco,
    "yolo": yolo,
    "voc": pascal,
    "imagefolder": csv,
    "huggingface": parquet,
    "webdataset": shards,
}


def said(source: Source) -> list[tuple]:
    """What a dataset says of its items, with the bytes of their images."""
    items = list(source)
    assert source.count() == len(items)
    return [
        (one.subset, one.id, one.tags, one.boxes, one.captions, one.attributes, fetch(one.uri))
        for one in items
    ]


@pytest.fixture
def made(request, tmp_path) -> tuple[str, Path]:
    root = tmp_path / "sets" / "a set"
    FORMATS[request.param](root)
    return request.param, root


def packed(root: Path, file: Path, within: str = "") -> Path:
    """Pack a folder into a zip or tar archive."""
    names = sorted(path for path in root.rglob("*") if path.is_file())
    if file.suffix == ".zip":
        with zipfile.ZipFile(file, "w") as archive:
            for path in names:
                archive.write(path, f"{within}{path.relative_to(root)}")
    else:
        with tarfile.open(file, "w:gz") as archive:
            for path in names:
                archive.add(path, f"{within}{path.relative_to(root)}")
    return file


@pytest.mark.parametrize("made", FORMATS, indirect=True)
def test_a_bucket_and_the_web(made, site, monkeypatch):
    format, root = made
    local = open_source(root)
    expected = said(local)
    with object_store.filled(monkeypatch) as store:
        for file in root.rglob("*"):
            if file.is_file():
                store.pipe(f"s3://bucket/in/a set/{file.relative_to(root)}", file.read_bytes())
        for place in ("s3://bucket/in/a set", f"{site}/{quote('a set')}/"):
            source = open_source(place)
            assert (source.format, source.name, source.path) == (format, "a set", place)
            assert source.detected.startswith(local.detected.split(":")[0])
            assert said(source) == expected
            assert isinstance(source, Numbered) == isinstance(local, Numbered)
            assert all("hamsight-" not in item.uri for item in source)
            assert said(open_source(place, format)) == expected


@pytest.mark.parametrize("made", [*list(FORMATS)[:5]], indirect=True)
def test_archives(made, tmp_path, site):
    format, root = made
    expected = said(open_source(root))
    zipped = packed(root, tmp_path / "sets" / "a set.zip")
    wrapped = packed(root, tmp_path / "sets" / "w.tar.gz", "top/")
    for place in (zipped, wrapped, f"zip://{zipped}", f"tar://top::{wrapped}", f"{site}/w.tar.gz"):
        source = open_source(place)
        assert (source.format, source.path) == (format, place)
        assert said(source) == expected
    assert open_source(zipped, format).name == "a set"
    if format != "huggingface":
        assert open_source(zipped, "archive").format == "archive"


def test_one_annotation_file_table_or_shard(tmp_path, site):
    root = tmp_path / "sets"
    coco(root / "c")
    yolo(root / "y")
    shards(root / "w")
    table = pa.table({"image": [toy.jpeg(1)], "label": ["cat"]})
    pq.write_table(table, root / "t.parquet")
    with pa.OSFile(str(root / "t.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as to:
        to.write_table(table)
    image(root / "images/a.jpg")
    text(root / "l.jsonl", json.dumps({"image": "a.jpg", "label": "dog"}))
    for file in ("c/annotations/instances_val.json", "y/data.yaml", "w/train-0.tar", "t.parquet"):
        source = open_source(f"{site}/{file}")
        assert said(source) == said(open_source(root / file))
        assert source.format == open_source(root / file).format
    for file in ("t.arrow", "l.jsonl"):
        assert said(open_source(f"{site}/{file}")) == said(open_source(root / file))


@pytest.mark.parametrize("site", [Unlisted], indirect=True)
def test_a_server_that_lists_nothing(tmp_path, site):
    root = tmp_path / "sets"
    coco(root / "c")
    place = f"{site}/c/annotations/instances_val.json"
    expected = said(open_source(root / "c/annotations/instances_val.json"))
    assert said(open_source(place)) == expected
    with pytest.raises(SourceError, match=r"/c: HTTP 403 .*; what is read from there is"):
        open_source(f"{site}/c")


def test_what_is_wrong_is_named_by_its_place(tmp_path, site):
    root = tmp_path / "sets" / "a set"
    pascal(root)
    voc(root / "Annotations/b.xml", "<object><name/></object>")
    zipped = packed(root, tmp_path / "a.zip")
    for place, named in ((f"{site}/a%20set", f"{site}/a%20set"), (zipped, str(zipped))):
        (wrong,) = (item for item in open_source(place) if isinstance(item, Refused))
        assert (wrong.id, wrong.uri) == ("Annotations/b.xml:3", f"{named}/Annotations/b.xml:3")
        assert "hamsight-" not in wrong.reason


def test_files_elsewhere_are_never_files_here(tmp_path, site):
    """What a dataset elsewhere calls a path is a path there."""
    root = tmp_path / "sets" / "deep" / "c"
    outside = image(tmp_path / "outside.jpg")
    toy.coco(root, [(1, str(outside)), (2, "../../up.jpg")], subset="val")
    image(root.parent / "up.jpg")
    uris = [item.uri for item in open_source(f"{site}/deep/c")]
    assert uris == [f"{site}/deep/c{outside}", f"{site}/up.jpg"]
    zipped = packed(root, tmp_path / "a.zip")
    uris = [item.uri for item in open_source(zipped)]
    assert uris[0] == f"zip:/{outside}::{zipped}"
    assert uris[1].startswith("zip://")
    assert uris[1].endswith(f"up.jpg::{zipped}")


def test_a_folder_of_images_with_a_text_beside_stays_one(tmp_path, site):
    image(tmp_path / "sets/p/a b.jpg")
    text(tmp_path / "sets/p/README.txt", "photos")
    source = open_source(f"{site}/p", None, ReadOptions(subset="s"))
    assert (source.format, [(one.subset, one.id) for one in source]) == (
        "folder",
        [("s", "a b.jpg")],
    )
