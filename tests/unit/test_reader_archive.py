"""Archives and WebDataset shards are read as they are; names in them are never paths."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from reader_sets import DATA, damage, real_data
from test_places_within import HOSTILE, made_tar, made_zip

from hamsight_core.errors import SourceError
from hamsight_core.images.places import fetch
from hamsight_core.items import Item
from hamsight_ingest.listing import Listing
from hamsight_ingest.readers import ReadOptions, open_source, readers

READER = {reader.name: reader for reader in readers()}


def read(path: Path, format: str, **options: object) -> list[Item]:
    source = open_source(path, None, ReadOptions(**options))
    assert source.format == format, source.detected
    items = list(source)
    assert source.count() == len(items)
    assert list(source) == items
    return items


def error(path: Path, format: str | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        list(open_source(path, format))
    return str(caught.value)


def shard(file: Path, **members: bytes | str | dict) -> Path:
    """Write a tar shard; `k__jpg` is the member k.jpg."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as archive:
        for name, content in members.items():
            if isinstance(content, dict):
                content = json.dumps(content)
            raw = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name.replace("__", "."))
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return file


@pytest.mark.parametrize("name", ["set.zip", "set.tar", "set.tgz", "set.tar.gz"])
def test_an_archive_follows_the_rules_of_folders(tmp_path, name):
    names = [
        "train/cat/1.jpg",
        "val/2.PNG",
        "notes.txt",
        ".hidden/3.jpg",
        "__MACOSX/._4.jpg",
        "5.gif",
    ]
    made = made_zip if name.endswith(".zip") else made_tar
    if made is made_zip:
        file = made_zip(tmp_path / name, names)
    else:
        file = made_tar(tmp_path / name, "w" if name.endswith(".tar") else "w:gz", names)
    items = read(file, "archive", tags_from_folder=True)
    assert [(item.subset, item.id, dict(item.tags)) for item in items] == [
        ("train", "cat/1.jpg", {"cat": 1}),
        ("val", "2.PNG", {}),
        ("", "5.gif", {}),
    ]
    assert [fetch(item.uri) for item in items] == [b"train/cat/1.jpg", b"val/2.PNG", b"5.gif"]
    assert open_source(file).name == "set"
    assert [item.subset for item in read(file, "archive", subset="s")] == ["s"] * 3


def test_a_folder_called_as_the_archive_counts_for_nothing(tmp_path):
    file = made_zip(tmp_path / "Set.zip", ["set/train/1.jpg", "set/2.jpg"])
    assert [(i.subset, i.id) for i in read(file, "archive")] == [("train", "1.jpg"), ("", "2.jpg")]
    file = made_zip(tmp_path / "train.zip", ["train/1.jpg"])
    assert [(i.subset, i.id) for i in read(file, "archive")] == [("train", "1.jpg")]


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_hostile_names_are_only_names(tmp_path, name):
    file = (made_zip if name == "a.zip" else made_tar)(tmp_path / name)
    items = read(file, "archive")
    assert [fetch(item.uri).decode() for item in items] == HOSTILE
    for item in items:
        parts = item.id.split("/")
        assert not {"", ".", ".."} & set(parts)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_wrong_archives_are_named(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"nothing")
    assert "a.zip: not a zip archive" in error(tmp_path / "a.zip")
    (tmp_path / "a.tar").write_bytes(b"nothing" * 200)
    assert "a.tar: not a tar archive" in error(tmp_path / "a.tar")
    whole = made_tar(tmp_path / "b.tar", names=[f"{n}.jpg" for n in range(9)]).read_bytes()
    (tmp_path / "b.tar").write_bytes(whole[:5000])
    assert "b.tar: a damaged tar archive: at byte" in error(tmp_path / "b.tar")
    broken = bytearray(whole)
    broken[5120 + 150] ^= 0xFF
    (tmp_path / "b.tar").write_bytes(broken)
    assert "a damaged tar archive: at byte 5120, after 5 members" in error(tmp_path / "b.tar")
    (tmp_path / "c.tgz").write_bytes(made_tar(tmp_path / "d.tgz", "w:gz").read_bytes()[:90])
    assert "c.tgz: damaged compressed data" in error(tmp_path / "c.tgz")
    made_zip(tmp_path / "e.zip", ["a.txt"])
    assert "no image file among its members" in error(tmp_path / "e.zip", "archive")


def test_what_cannot_be_unpacked_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.jpg", b"x" * 100)
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(raw)
    (item,) = read(tmp_path / "a.zip", "archive")
    with pytest.raises(SourceError, match="encrypted"):
        fetch(item.uri)


def test_links_in_a_tar_are_not_followed(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind in (("l.jpg", tarfile.SYMTYPE), ("h.jpg", tarfile.LNKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        member = tarfile.TarInfo("a.jpg")
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    assert [item.id for item in read(tmp_path / "a.tar", "archive")] == ["a.jpg"]


def test_a_shard(tmp_path):
    file = shard(
        tmp_path / "train-0000.tar",
        **{
            "a/1__jpg": b"one",
            "a/1__json": {"caption": "said", "n": 1, "b": True, "x": None, "l": [1]},
            "a/1__txt": "words\n",
            "a/1__cls": "7",
            "2__png": b"two",
            "2__txt": "said",
            "3__txt": "no image",
            "4__seg.png": b"mask",
            "4__webp": b"four",
        },
    )
    items = read(file, "webdataset", tags_from_folder=True)
    assert [(item.subset, item.id) for item in items] == [
        ("train", "a/1.jpg"),
        ("train", "2.png"),
        ("train", "4.webp"),
    ]
    assert items[0].captions == ("words", "said")
    assert dict(items[0].tags) == {"7": 1, "a": 1}
    assert dict(items[0].attributes) == {"n": "1", "b": "true", "l": "[1]"}
    assert [fetch(item.uri) for item in items] == [b"one", b"two", b"four"]
    source = open_source(file)
    list(source)
    assert source.notes == ["members not read, .seg.png: 1", "samples without an image: 1"]


def test_a_folder_of_shards(tmp_path):
    for number in range(2):
        shard(tmp_path / f"{number:05}.tar", **{"1__jpg": b"%d" % number, "1__txt": "words"})
    shard(tmp_path / "val" / "0.tar", **{"1__jpg": b"val"})
    items = read(tmp_path, "webdataset")
    assert [(item.subset, item.id, fetch(item.uri)) for item in items] == [
        ("", "00000/1.jpg", b"0"),
        ("", "00001/1.jpg", b"1"),
        ("val", "0/1.jpg", b"val"),
    ]


def test_wrong_samples_are_named(tmp_path):
    file = shard(tmp_path / "a.tar", **{"1__jpg": b"x", "1__json": '{"a":\n 1,}'})
    words = error(file)
    assert words.startswith(f"{file}: 1.json, line 2, column")
    file = shard(tmp_path / "a.tar", **{"1__jpg": b"x", "1__json": "[1]"})
    assert error(file) == f"{file}: 1.json: expected an object"
    file = shard(tmp_path / "a.tar", **{"1__jpg": b"x", "1__txt": b"\xff"})
    assert error(file) == f"{file}: 1.txt: byte 0: not UTF-8 text"


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz", "shard.tar"])
def test_damaged_archives(tmp_path, name):
    names = [f"{n}.jpg" for n in range(6)]
    file = tmp_path / name
    if name == "shard.tar":
        shard(file, **{"1__jpg": b"x", "1__json": {"n": 1}, "2__jpg": b"y", "2__txt": "words"})
    elif name == "a.zip":
        made_zip(file, names)
    else:
        made_tar(file, "w:gz" if name == "a.tgz" else "w", names)
    reader = READER["webdataset" if name == "shard.tar" else "archive"]
    damage([file], lambda: reader.open(Listing(file), ReadOptions()), 150)


@real_data
def test_ten_thousand_photos_in_a_zip():
    items = read(DATA / "tiny-imagenet-10k.zip", "archive", tags_from_folder=True)
    assert len({item.id for item in items}) == len(items) == 10_000
    assert len({tag for item in items for tag in item.tags}) == 200
    assert all(fetch(item.uri)[:3] == b"\xff\xd8\xff" for item in items[::500])
