"""`hamsight verify` names every difference, and nothing else, wherever the catalog is."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import made_catalog
import numpy as np
import pytest
import toy
from made_catalog import Made, made_items
from typer.testing import CliRunner

import hamsight
from hamsight.cli.app import app
from hamsight_core.errors import EmptyCatalogError, UsageError
from hamsight_core.items import Item
from hamsight_core.models.package import BUILT_IN
from hamsight_curate.verify import differences, verify
from hamsight_curate.verify_files import Files

ITEMS = made_items(60)


@pytest.fixture
def made(dsn: str, tmp_path: Path) -> Iterator[hamsight.Session]:
    """A catalog of 60 made items, whose files never were."""
    made_catalog.fill(dsn, tmp_path / "model", ITEMS)
    with hamsight.open(dsn) as opened:
        yield opened


@pytest.fixture
def photos(dsn: str, tmp_path: Path) -> Iterator[tuple[hamsight.Session, Path]]:
    """A catalog of six photos that `mini` encoded, and their folder."""
    folder = toy.photos(tmp_path / "photos", 6)
    with hamsight.open(dsn) as opened:
        if not (BUILT_IN / "mini/model.toml").is_file():
            pytest.skip("the built-in model mini is not here")
        opened.ingest(folder)
        yield opened, folder


def change(session: hamsight.Session, sql: str) -> None:
    table = "" if sql.startswith("models ") else toy.generation(session)
    session.sql(f"ALTER TABLE {table} {sql} SETTINGS mutations_sync = 2", write=True)


def found(session: hamsight.Session, files: str = "none", dataset: str | None = None) -> set:
    """Return (kind, dataset, subset, id) of each difference."""
    rows = session.verify(files=files, dataset=dataset).to_pylist()
    named = [(row["kind"], row["dataset"], row["subset"], row["id"]) for row in rows]
    assert len(set(named)) == len(named)
    return set(named)


def test_nothing_differs_after_an_ingest(photos) -> None:
    session, _ = photos
    for files in Files:
        assert session.verify(files=files.value).num_rows == 0


def test_files_that_differ_are_named(photos) -> None:
    session, folder = photos
    (folder / "000.jpg").unlink()
    (folder / "001.jpg").write_bytes(b"shorter")
    os.utime(folder / "002.jpg", ns=(1, 123_456_789_000_000_001))
    status = (folder / "003.jpg").stat()
    data = bytearray((folder / "003.jpg").read_bytes())
    data[-9] ^= 1
    (folder / "003.jpg").write_bytes(data)
    os.utime(folder / "003.jpg", ns=(status.st_atime_ns, status.st_mtime_ns))
    (folder / "004.jpg").unlink()
    (folder / "004.jpg").mkdir()

    def item(kind: str, number: int) -> tuple:
        return (kind, "photos", "", f"00{number}.jpg")

    always = {item("file-missing", 0), item("file-size", 1), item("file-unreadable", 4)}
    assert found(session, "stat") == {*always, item("file-time", 1), item("file-time", 2)}
    assert found(session, "digest") == {*always, item("file-digest", 1), item("file-digest", 3)}
    assert found(session, "none") == set()
    rows = {(row["kind"], row["id"]): row for row in session.verify(files="stat").to_pylist()}
    assert rows["file-missing", "000.jpg"]["expected"] == str(folder / "000.jpg")
    assert rows["file-missing", "000.jpg"]["found"] == "file not found"
    assert rows["file-size", "001.jpg"]["found"] == "7 bytes"
    assert rows["file-time", "002.jpg"]["found"] == "1973-11-29T21:33:09.000000001Z"
    digests = {row["id"]: row for row in session.verify(files="digest").to_pylist()}
    assert digests["003.jpg"]["found"] == hashlib.sha256(data).hexdigest()


def test_an_archive_and_its_members(photos, tmp_path) -> None:
    session, folder = photos
    archive = tmp_path / "more.zip"
    with zipfile.ZipFile(archive, "w") as writer:
        for number in (1, 2):
            writer.write(folder / f"00{number}.jpg", f"in/{number}.jpg")
    session.ingest(archive, dataset="zipped")
    assert found(session, "digest") == set()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.write(folder / "003.jpg", "in/1.jpg")
    kinds = {(kind, id) for kind, _, _, id in found(session, "digest", "zipped")}
    assert ("file-digest", "in/1.jpg") in kinds
    assert {id for _, id in kinds} == {"in/1.jpg", "in/2.jpg"}
    assert found(session, "stat", "zipped") == set()
    archive.unlink()
    assert found(session, "stat") == {
        ("file-missing", "zipped", "", f"in/{number}.jpg") for number in (1, 2)
    }


def test_rows_that_contradict_themselves_are_named(made) -> None:
    assert found(made) == set()
    first, second, third, fourth, fifth = (one.identity for one in ITEMS[6:11])

    def id(identity: tuple) -> str:
        return "'" + identity[2] + "'"

    change(
        made,
        "UPDATE hash = toFixedString(bitXor(hash,"
        f" toFixedString(unhex('80000000000000FF'), 8)), 8) WHERE id = {id(first)}",
    )
    change(made, f"UPDATE feature = arrayResize(feature, 63) WHERE id = {id(second)}")
    change(
        made,
        "UPDATE feature = arrayMap(x -> toBFloat16(toFloat32(x) * 1.5), feature)"
        f" WHERE id = {id(third)}",
    )
    change(
        made,
        f"UPDATE feature = arrayMap(x -> toBFloat16(nan), feature) WHERE id = {id(fourth)}",
    )
    table = toy.generation(made)
    made.sql(f"INSERT INTO {table} SELECT * FROM {table} WHERE id = {id(fifth)}", write=True)
    rows = made.verify(files="none").to_pylist()
    assert {(row["kind"], row["dataset"], row["subset"], row["id"]) for row in rows} >= {
        ("hash-bits", *first),
        ("feature-dimension", *second),
        ("feature-length", *third),
        ("feature-length", *fourth),
        ("item-twice", *fifth),
    }
    assert {tuple(row[key] for key in ("dataset", "subset", "id")) for row in rows} == {
        first, second, third, fourth, fifth,
    }  # fmt: skip
    (wrong,) = [row for row in rows if row["kind"] == "hash-bits" and row["id"] == first[2]]
    assert wrong["found"] == "9 of 64 bits differ"
    assert all(row["model"] == "made" for row in rows)
    cats = {identity for identity in (first, second, third, fourth, fifth) if identity[0] == "cats"}
    assert {row[1:] for row in found(made, dataset="cats")} == cats


def test_numbers_that_became_zero_in_the_table_contradict_no_bit(dsn, tmp_path) -> None:
    tiny = 1e-45  # float32 holds it, BFloat16 does not
    feature = np.zeros(20, np.float32)
    feature[0], feature[1], feature[2], feature[19] = 1, tiny, -tiny, tiny
    package = made_catalog.made_package(tmp_path / "model", dimension=20)
    one = Made("d", Item(id="a.jpg", uri="/a.jpg"), feature)
    with hamsight.open(dsn) as session:
        session.catalog(create=True).register(package)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made_catalog, "made_package", lambda *_: package)
        made_catalog.fill(dsn, tmp_path / "model", [one])
    with hamsight.open(dsn) as session:
        (row,) = session.sql("SELECT hex(hash) AS h, feature FROM items_made").to_pylist()
        assert row["h"] == "C00010" and np.count_nonzero(row["feature"]) == 1
        assert found(session) == set()
        change(session, "UPDATE hash = unhex('C00018') WHERE true")
        assert found(session) == {("hash-bits", "d", "", "a.jpg")}


def test_thousands_of_rows_in_small_pages(dsn, tmp_path) -> None:
    items = made_items(3000)
    made_catalog.fill(dsn, tmp_path / "model", items)
    with hamsight.open(dsn) as session:
        catalog = session.catalog()
        assert list(differences(catalog, files=Files.NONE, page=97)) == []
        missing = verify(catalog, files=Files.STAT, page=97).to_pylist()
        assert {row["kind"] for row in missing} == {"file-missing"}
        order = [(row["dataset"], row["subset"], row["id"]) for row in missing]
        assert order == sorted(
            (one.identity for one in items), key=lambda i: [part.encode() for part in i]
        )
        table = toy.generation(session)
        session.sql(f"INSERT INTO {table} SELECT * FROM {table}", write=True)
        for page in (1, 97, 5000):
            if page > 1 or session.delete(where="width > 200") == 2899:
                twice = list(differences(catalog, files=Files.NONE, page=page))
                assert {one.kind for one in twice} == {"item-twice"}
                assert {one.found for one in twice} == {"2 rows"}
                left = session.sql("SELECT count() AS n FROM items_made")["n"].to_pylist()[0]
                assert len(twice) == left / 2


def test_models_and_tables_are_compared(made, dsn, tmp_path) -> None:
    made_catalog.fill(dsn, tmp_path / "second", ITEMS[:4], "second")
    made_catalog.fill(dsn, tmp_path / "third", ITEMS[:4], "third")
    made.sql(f"CREATE TABLE items_orphan AS {toy.generation(made, 'made')}", write=True)
    made.sql("CREATE VIEW items_view AS SELECT 1", write=True)
    made.sql(f"DROP TABLE {toy.generation(made, 'third')} SYNC", write=True)
    (tmp_path / "model" / "image.onnx").write_text("another network")
    (tmp_path / "second" / "model.toml").unlink()
    rows = {(row["kind"], row["model"]): row for row in made.verify(files="none").to_pylist()}
    assert set(rows) == {
        ("package-digest", "made"),
        ("package-missing", "second"),
        ("table-missing", "third"),
        ("model-missing", ""),
    }
    assert rows["model-missing", ""]["found"] == "table items_orphan"
    assert len(rows["package-digest", "made"]["found"]) == 64
    assert found(made, dataset="cats") == {("package-digest", "", "", "")}


def test_a_hash_of_another_length_than_the_models(made) -> None:
    change(made, "models UPDATE dimension = 60, bits = 56 WHERE true")
    rows = made.verify(files="none").to_pylist()
    assert {row["kind"] for row in rows} == {"hash-length", "feature-dimension"}
    assert [(row["expected"], row["found"]) for row in rows[:1]] == [
        ("64 bits for a feature of 60", "56 bits")
    ]
    change(made, "models UPDATE dimension = 24, bits = 24 WHERE true")
    rows = made.verify(files="none").to_pylist()
    assert (rows[0]["expected"], rows[0]["found"]) == ("FixedString(3)", "FixedString(8)")


def test_ingests_that_did_not_end(photos) -> None:
    session, folder = photos
    insert = (
        "INSERT INTO ingests (dataset, model, source, format, started_at, finished_at, complete)"
        " SELECT {d:String}, 'mini', {s:String}, 'folder', now64(3) + {t:Int32} AS at, at, false"
    )
    session.sql(insert, {"d": "photos", "s": str(folder), "t": -1000}, write=True)
    session.sql(insert, {"d": "gone", "s": "/a'b", "t": 0}, write=True)
    assert found(session) == {("ingest-unfinished", "gone", "", "")}
    session.sql(insert, {"d": "photos", "s": str(folder), "t": 1}, write=True)
    assert found(session, dataset="photos") == {("ingest-unfinished", "photos", "", "")}


def test_rejects_whose_file_appeared(dsn, tmp_path, photos) -> None:
    session, _ = photos
    root = tmp_path / "coco"
    images = root / "images" / "train"
    toy.photos(images, 1)
    (images / "bad.jpg").write_bytes(b"no picture")
    toy.coco(root, [(1, "000.jpg"), (2, "late.jpg"), (3, "bad.jpg"), (4, "never.jpg")])
    outcome = session.ingest(root, dataset="coco")
    assert {one.item.id.rpartition("/")[2] for one in outcome.rejected} == {
        *("late.jpg", "bad.jpg", "never.jpg"),
    }
    assert found(session, "stat") == set()
    (images / "late.jpg").write_bytes(toy.jpeg(9))
    for page in (1, 2, 100):
        rows = verify(session.catalog(), page=page).to_pylist()
        assert [(row["kind"], row["id"].rpartition("/")[2]) for row in rows] == [
            ("reject-readable", "late.jpg")
        ]
    assert found(session, "none") == set()


def test_the_command(made, dsn) -> None:
    made.close()
    result = CliRunner().invoke(app, ["verify", "--db", dsn, "--files", "none"])
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "nothing differs\n")
    result = CliRunner().invoke(app, ["verify", "--db", dsn, "--format", "jsonl"])
    assert result.exit_code == 1 and "60 differences" in result.stderr
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert {(row["dataset"], row["subset"], row["id"]) for row in rows} == {
        one.identity for one in ITEMS
    }
    assert list(rows[0]) == ["kind", "model", "dataset", "subset", "id", "expected", "found"]
    result = CliRunner().invoke(app, ["verify", "--db", dsn, "--dataset", "brids"])
    assert result.exit_code == 2 and "did you mean 'birds'" in result.stderr


def test_it_changes_nothing(made) -> None:
    tables = "SELECT name, total_rows FROM system.tables WHERE database = currentDatabase()"
    before = made.sql(tables + " ORDER BY name").to_pylist()
    made.verify(files="digest")
    assert made.sql(tables + " ORDER BY name").to_pylist() == before


def test_wrong_requests(made, dsn) -> None:
    with pytest.raises(UsageError, match="files is 'all'; expected none, stat, digest"):
        made.verify(files="all")
    with pytest.raises(UsageError, match="no dataset 'x'"):
        made.verify(dataset="x")
    for table in ("items_made", toy.generation(made), "models", "ingests", "rejects"):
        made.sql(f"DROP TABLE {table} SYNC", write=True)
    with pytest.raises(EmptyCatalogError, match="hamsight ingest"):
        made.verify()
