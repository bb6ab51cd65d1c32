"""Bytes come from members of archives, rows of tables and object stores, whatever their names."""

import io
import os
import random
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from hamsight_core.errors import ImageError
from hamsight_core.images.places import (
    fetch,
    member_uri,
    row_uri,
    split_member,
    split_row,
    table_uri,
)
from hamsight_core.images.places.unpacked import unpacked

HOSTILE = [
    "a/b.jpg",
    "../up.jpg",
    "/absolute.jpg",
    "a::b#c?d%41 .jpg",
    "zip://x::y.jpg",
    "'; DROP TABLE items; --.jpg",
    'new\nline\t"quote".jpg',
    "é 😀 ﷺ.jpg",
    "C:\\x\\y.jpg",
    "x" * 200 + "/" + "y" * 2000 + ".jpg",
]


def made_zip(file: Path, names: list[str] = HOSTILE) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, name.encode())
    return file


def made_tar(file: Path, mode: str = "w", names: list[str] = HOSTILE) -> Path:
    with tarfile.open(file, mode) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name.encode())
            archive.addfile(member, io.BytesIO(name.encode()))
    return file


def made_table(file: Path, rows: int = 500) -> tuple[str, str]:
    """Write a table of images and return (its format's kind, its uri)."""
    table = pa.table(
        {
            "image": [{"bytes": b"image %d" % row, "path": None} for row in range(rows)],
            "x#&= é\n": [b"other %d" % row for row in range(rows)],
        }
    )
    if file.suffix == ".parquet":
        pq.write_table(table, file, row_group_size=70)
    elif file.suffix == ".feather":
        feather.write_feather(table, file, compression="lz4", chunksize=60)
    else:
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=50)
    return table_uri("parquet" if file.suffix == ".parquet" else "arrow", file)


def reason(uri: str, **options: object) -> str:
    with pytest.raises(ImageError) as caught:
        fetch(uri, **options)
    return str(caught.value)


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))
def test_any_name_comes_back(member, archive):
    archive = f"/{archive}"
    uri = member_uri("zip", member, archive)
    uri.encode()
    assert split_member(uri) == ("zip", member, archive)


@given(st.binary(min_size=1))
def test_bytes_that_are_no_text_come_back(raw):
    name = raw.decode("utf-8", "surrogateescape")
    uri = member_uri("tar", name, "/a.tar")
    uri.encode()
    assert split_member(uri)[1] == name


@given(st.text(st.characters(codec="utf-8")), st.integers(0, 10**18 - 1))
def test_any_column_comes_back(column, row):
    path = Path(os.path.abspath("/data/a #?%41::é.parquet"))
    place = split_row(row_uri(table_uri("parquet", path), row, column))
    assert (place.kind, place.table, place.row, place.column) == ("parquet", str(path), row, column)
    url = "s3://bucket/a #?%41::é.parquet"
    place = split_row(row_uri(table_uri("parquet", url), row, column))
    assert (place.kind, place.table, place.row, place.column) == ("parquet", url, row, column)


def test_members_of_any_name(tmp_path):
    archives = [("zip", made_zip(tmp_path / "a::b #%41.zip"))]
    for suffix, mode in ((".tar", "w"), (".tgz", "w:gz"), (".tar.bz2", "w:bz2"), (".txz", "w:xz")):
        archives.append(("tar", made_tar(tmp_path / f"t{suffix}", mode)))
    for kind, archive in archives:
        for name in HOSTILE:
            assert fetch(member_uri(kind, name, str(archive))) == name.encode()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(a.name for _, a in archives)


def test_members_that_cannot_be_read(tmp_path):
    archive = str(made_zip(tmp_path / "a.zip"))
    tar = str(made_tar(tmp_path / "a.tar"))
    assert reason(member_uri("zip", "none", archive)) == "no such member in the archive"
    assert reason(member_uri("tar", "none", tar)) == "no such member in the archive"
    for kind, place in (("zip", archive), ("tar", tar)):
        assert "larger than 6" in reason(member_uri(kind, "a/b.jpg", place), max_bytes=6)
        assert "not a" in reason(member_uri("tar" if kind == "zip" else "zip", "a/b.jpg", place))
        assert "file not found" in reason(member_uri(kind, "a", f"{place}.no"))
    assert "expected zip://MEMBER::ARCHIVE" in reason("zip://a.jpg")
    assert "download it first" in reason("zip://a.jpg::ftp://a/b.zip")


def test_a_changed_archive_is_read_anew(tmp_path):
    file = made_zip(tmp_path / "a.zip", ["a.jpg"])
    assert fetch(member_uri("zip", "a.jpg", str(file))) == b"a.jpg"
    made_zip(file, ["longer.jpg", "a.jpg"])
    assert fetch(member_uri("zip", "longer.jpg", str(file))) == b"longer.jpg"


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("hamsight_core.images.places.unpacked._ALLOWED_BYTES", 1000)
    with tarfile.open(tmp_path / "b.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("a.jpg")
        member.size = 10_000_000
        archive.addfile(member, io.BytesIO(bytes(member.size)))
    assert "unpacks to more than" in reason(member_uri("tar", "a.jpg", str(tmp_path / "b.tgz")))
    with pytest.raises(ImageError), (tmp_path / "b.tgz").open("rb") as opened:
        unpacked(opened)


@pytest.mark.parametrize("name", ["t.parquet", "t.feather", "t.arrow"])
def test_rows_in_any_order(tmp_path, name):
    table = made_table(tmp_path / name)
    rows = [0, 499, 69, 70, 71, 0, *random.Random(1).sample(range(500), 60)]
    for row in rows:
        assert fetch(row_uri(table, row, "image")) == b"image %d" % row
        assert fetch(row_uri(table, row, "x#&= é\n")) == b"other %d" % row
    assert "no row 500: the table has 500 rows" in reason(row_uri(table, 500, "image"))
    assert "no column 'none'" in reason(row_uri(table, 0, "none"))
    assert "larger than 5" in reason(row_uri(table, 0, "image"), max_bytes=5)


def test_rows_without_bytes(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"file")
    rows = [{"bytes": None, "path": "a.jpg"}, None, {"bytes": b"", "path": None}]
    pq.write_table(pa.table({"image": rows}), tmp_path / "t.parquet")
    table = table_uri("parquet", tmp_path / "t.parquet")
    assert fetch(row_uri(table, 0, "image")) == b"file"
    assert reason(row_uri(table, 1, "image")) == "the row has no image"
    assert reason(row_uri(table, 2, "image")) == "the row has no image"
    assert "not a row of a table" in reason("parquet:///x.parquet#row=-1&column=a")


def test_threads_share_archives_and_tables(tmp_path):
    uris = {}
    for number in range(20):
        archive = str(made_zip(tmp_path / f"{number}.zip", [f"{n}.jpg" for n in range(20)]))
        uris.update({member_uri("zip", f"{n}.jpg", archive): b"%d.jpg" % n for n in range(20)})
    table = made_table(tmp_path / "t.parquet")
    uris.update({row_uri(table, row, "image"): b"image %d" % row for row in range(200)})
    wrong = []

    def read(seed: int) -> None:
        for uri in random.Random(seed).sample(list(uris), 150):
            if fetch(uri) != uris[uri]:
                wrong.append(uri)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz", "t.parquet", "t.feather", "t.arrow"])
def test_damage_ends_in_bytes_or_an_error(tmp_path, name):
    file = tmp_path / name
    if name.startswith("t."):
        uri = row_uri(made_table(file, 60), 30, "image")
    else:
        names = [f"{number}.jpg" for number in range(9)]
        made = made_zip(file, names) if name == "a.zip" else None
        made_tar(file, "w:gz" if name == "a.tgz" else "w", names) if made is None else None
        uri = member_uri("zip" if name == "a.zip" else "tar", "7.jpg", str(file))
    whole = file.read_bytes()
    dice = random.Random(2)
    for _ in range(150):
        damaged = bytearray(whole)
        if dice.random() < 0.3:
            del damaged[dice.randrange(len(damaged)) :]
        for _ in range(min(len(damaged), dice.choice((1, 1, 4)))):
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        file.unlink()
        file.write_bytes(damaged)
        started = time.monotonic()
        try:
            assert isinstance(fetch(uri), bytes)
        except ImageError as error:
            str(error).encode()
        assert time.monotonic() - started < 5


def test_object_stores_without_their_package():
    words = {scheme: reason(f"{scheme}://bucket/a.jpg") for scheme in ("s3", "gs")}
    if "s3fs" in words["s3"]:
        assert "pip install 'hamsight[s3]'" in words["s3"]
    if "gcsfs" in words["gs"]:
        assert "pip install 'hamsight[gs]'" in words["gs"]


def test_objects_are_read_through_fsspec(tmp_path, monkeypatch):
    store = MemoryFileSystem()
    objects = {"a #?.jpg": b"bytes", "a.zip": made_zip(tmp_path / "a.zip").read_bytes()}
    for name, content in objects.items():
        with store.open(f"s3://bucket/{name}", "wb") as opened:
            opened.write(content)
    monkeypatch.setattr(fsspec, "filesystem", lambda name: store)
    try:
        assert fetch("s3://bucket/a #?.jpg") == b"bytes"
        assert reason("s3://bucket/a #?.jpg", max_bytes=4) == "larger than 4 bytes"
        assert reason("s3://bucket/none") == "file not found"
        assert fetch(member_uri("zip", "a/b.jpg", "s3://bucket/a.zip")) == b"a/b.jpg"
    finally:
        store.store.clear()
