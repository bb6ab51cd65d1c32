"""Features and hashes made elsewhere, from every kind of file, in every home."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import toy

import hamsight
from hamsight_core.errors import HamsightError, ModelError, SourceError, UsageError
from hamsight_core.hashing.sign import sign_hash
from hamsight_ingest.features.load import import_features

COUNT, DIMENSION = 40, 24


@pytest.fixture
def session(dsn):
    with hamsight.open(dsn) as opened:
        opened.catalog(create=True)
        yield opened


@pytest.fixture
def features():
    return np.random.default_rng(1).normal(size=(COUNT, DIMENSION)).astype(np.float32) * 3


def names(count=COUNT):
    return [f"{n:03}.jpg" for n in range(count)]


def write(kind, path, features, ids=None, hashes=None):
    """Write features or hashes (n, bytes) in a kind of file; return its path and options."""
    ids = names(len(features)) if ids is None else ids
    path = path / f"made.{kind}"
    if kind == "npz":
        arrays = {"features": features} if hashes is None else {"hashes": hashes}
        np.savez(path, ids=np.array(ids), **arrays)
    elif kind == "sqlite":
        values = features if hashes is None else hashes
        column = "embedding" if hashes is None else "hash"
        with closing(sqlite3.connect(path)) as base:
            base.execute(f'CREATE TABLE "my vectors" (id, {column})')
            rows = [(id, value.tobytes()) for id, value in zip(ids, values, strict=True)]
            base.executemany('INSERT INTO "my vectors" VALUES (?, ?)', rows)
            base.commit()
    elif hashes is None:
        table = pa.table({"id": ids, "embedding": list(features)})
        _write_arrow(kind, table, path)
    else:
        rows = [row.tobytes() for row in hashes]
        table = pa.table({"id": ids, "hash": pa.array(rows, pa.binary(hashes.shape[1]))})
        _write_arrow(kind, table, path)
    return path


def _write_arrow(kind, table, path):
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=7)
        return
    new = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
    with new(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=9)


def stored(session, table):
    rows = session.catalog().client.query(f"SELECT * FROM {table} ORDER BY id").named_results()
    return list(rows)


def load(session, path, model="elsewhere", **options):
    done = import_features(session.catalog(), path, model, **options)
    return {
        name: (counts.added, counts.replaced, counts.unchanged)
        for name, counts in done.datasets.items()
    }


KINDS = ["parquet", "arrow", "ipc", "npz", "sqlite"]


@pytest.mark.parametrize("kind", KINDS)
def test_features_of_each_kind_come_back_as_unit_vectors(session, tmp_path, features, kind):
    path = write(kind, tmp_path, features)
    assert load(session, path, dimension=DIMENSION) == {"made": (COUNT, 0, 0)}
    rows = stored(session, "items_elsewhere")
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert [row["id"] for row in rows] == names()
    np.testing.assert_allclose([row["feature"] for row in rows], unit, atol=0.005)
    hashes = [np.frombuffer(row["hash"], np.uint8) for row in rows]
    np.testing.assert_array_equal(hashes, sign_hash(unit))
    assert load(session, path) == {"made": (0, 0, COUNT)}
    assert stored(session, "items_elsewhere") == rows
    assert session.verify(files="none").to_pylist() == []
    found = session.query(item="007.jpg", k=3, exclude_self=False)
    assert found[0].id == "007.jpg"
    nearest = np.argsort(-unit @ unit[7], kind="stable")[:3]
    assert [one.id for one in found] == [names()[n] for n in nearest]


@pytest.mark.parametrize("kind", KINDS)
def test_hashes_alone_rank_by_hamming(session, tmp_path, features, kind):
    hashes = sign_hash(features)
    path = write(kind, tmp_path, features, hashes=hashes)
    assert load(session, path, bits=DIMENSION) == {"made": (COUNT, 0, 0)}
    rows = stored(session, "items_elsewhere")
    assert all(len(row["feature"]) == 0 for row in rows)
    assert [row["hash"] for row in rows] == [row.tobytes() for row in hashes]
    found = session.query(item="003.jpg", k=COUNT, rank="hamming", exclude_self=False)
    bits = np.unpackbits(hashes, axis=1)
    assert [one.distance for one in found] == sorted((bits != bits[3]).sum(axis=1).tolist())
    with pytest.raises(UsageError, match="--rank hamming"):
        session.query(item="003.jpg")


def test_pictures_are_compared_with_imported_hashes(session, tmp_path, features):
    package = toy.model(tmp_path / "toy")
    folder = toy.photos(tmp_path / "photos", 3)
    hashes = sign_hash(toy.direct(package, [toy.picture(n) for n in range(3)]))
    load(session, write("npz", tmp_path, features, names(3), hashes), "toy", bits=DIMENSION)
    asked = {"image": folder / "001.jpg", "model": str(package)}
    with pytest.raises(UsageError, match="--rank hamming"):
        session.query(**asked)
    assert session.query(**asked, rank="hamming")[0].id == "001.jpg"


def test_hash_keys_of_datumaro(session, tmp_path, features):
    hashes = sign_hash(features[:3])
    keys = {"train/a/b": hashes[0].tolist(), "default/c": [hashes[1].tolist()]}
    path = tmp_path / "hash_keys.json"
    path.write_text(json.dumps({"hashkey": {**keys, "val/d": hashes[2].tolist()}}))
    assert load(session, path, bits=24, dataset="set") == {"set": (3, 0, 0)}
    rows = stored(session, "items_elsewhere")
    found = [(row["dataset"], row["subset"], row["id"], row["hash"]) for row in rows]
    assert found == [
        ("set", "train", "a/b", hashes[0].tobytes()),
        ("set", "", "c", hashes[1].tobytes()),
        ("set", "val", "d", hashes[2].tobytes()),
    ]
    for wrong in ({"hashkey": {"a/b": [256] * 3}}, {"hashkey": {"a": [1, 2, 3]}}, {"a": 1}):
        path.write_text(json.dumps(wrong))
        with pytest.raises(SourceError, match=r"hash_keys\.json"):
            load(session, path)


def test_changed_rows_replace_theirs_and_keep_what_the_user_set(session, tmp_path, features):
    load(session, write("npz", tmp_path, features), dimension=DIMENSION)
    session.add_to_group("mine", ["001.jpg"])
    features[1] *= -1
    more = np.concatenate([features, features[:1] + 1])
    path = write("npz", tmp_path, more, [*names(), "new.jpg"])
    assert load(session, path) == {"made": (1, 1, COUNT - 1)}
    rows = {row["id"]: row for row in stored(session, "items_elsewhere")}
    assert len(rows) == COUNT + 1 == len(stored(session, "items_elsewhere"))
    assert rows["001.jpg"]["groups"] == ["mine"]
    unit = features[1] / np.linalg.norm(features[1])
    np.testing.assert_allclose(rows["001.jpg"]["feature"], unit, atol=0.005)


def test_columns_say_dataset_subset_and_place(session, tmp_path, features):
    table = pa.table(
        {
            "number": pa.array([5, 6, 7]),
            "dataset": ["a", "b", "b"],
            "split": ["train", None, "val"],
            "path": ["/x/5.jpg", "/x/6.jpg", "/x/7.jpg"],
            "vec": pa.array([row.tolist() for row in features[:3]], pa.list_(pa.float64())),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    columns = {"id": "number", "feature": "vec"}
    done = load(session, tmp_path / "t.parquet", dimension=DIMENSION, columns=columns)
    assert done == {"a": (1, 0, 0), "b": (2, 0, 0)}
    rows = stored(session, "items_elsewhere")
    assert [(row["dataset"], row["subset"], row["id"], row["uri"]) for row in rows] == [
        ("a", "train", "5", "/x/5.jpg"),
        ("b", "", "6", "/x/6.jpg"),
        ("b", "val", "7", "/x/7.jpg"),
    ]
    recorded = session.catalog().rows("list_ingests", {"limit": 9})
    assert {(row[0], row[3], row[6], row[7]) for row in recorded} == {
        ("a", "features", True, 1),
        ("b", "features", True, 2),
    }


def test_features_of_a_model_that_the_catalog_has(session, tmp_path, features):
    package = toy.model(tmp_path / "toy")
    folder = toy.photos(tmp_path / "photos", 2)
    session.ingest(folder, model=str(package))
    path = write("npz", tmp_path, features, hashes=None)
    assert load(session, path, "toy", dataset="photos") == {"photos": (COUNT - 2, 2, 0)}
    rows = stored(session, "items_toy")
    assert rows[0]["uri"] == str(folder / "000.jpg")
    assert (rows[0]["width"], rows[2]["width"]) == (24, 0)
    with pytest.raises(UsageError, match="--dimension is 9, but the catalog's model 'toy' has 24"):
        load(session, path, "toy", dimension=9)


def test_pictures_need_the_package_that_made_the_features(session, tmp_path, features):
    load(session, write("npz", tmp_path, features), "toy", dimension=DIMENSION)
    folder = toy.photos(tmp_path / "photos", 1)
    with pytest.raises(ModelError) as caught:
        session.query(image=folder / "000.jpg")
    assert "--model FOLDER" in str(caught.value)
    package = toy.model(tmp_path / "toy")
    assert len(session.query(image=folder / "000.jpg", model=str(package), k=5)) == 5
    other = toy.model(tmp_path / "other", dimension=23)
    with pytest.raises(HamsightError, match="imported, of dimension 24"):
        session.query(image=folder / "000.jpg", model=str(other))


@pytest.mark.parametrize("kind", ["parquet", "npz", "sqlite"])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("nan", "row 6: the feature holds NaN"),
        ("zero", "row 6: the feature is all zeros"),
        ("no id", "row 6: there is no id"),
        ("twice", "rows 3 and 6: both are the item made/002.jpg"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_imported(
    session, tmp_path, features, kind, wrong, said
):
    ids = names()
    if wrong in ("nan", "zero"):
        features[5, 3 if wrong == "nan" else slice(None)] = np.nan if wrong == "nan" else 0
    else:
        ids[5] = "" if wrong == "no id" else ids[2]
    path = write(kind, tmp_path, features, ids)
    with pytest.raises(SourceError) as caught:
        load(session, path, dimension=DIMENSION)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert session.catalog().models() == []
    left = session.sql("SELECT name FROM system.tables WHERE database = currentDatabase()")
    assert not [name for name in left["name"].to_pylist() if name.startswith(("import", "items"))]


@pytest.mark.parametrize("kind", ["parquet", "ipc", "npz", "sqlite"])
def test_a_wrong_length_is_named(session, tmp_path, features, kind):
    path = write(kind, tmp_path, features)
    with pytest.raises(SourceError, match=r"row 1: the feature has \d+ \w+; expected"):
        load(session, path, dimension=DIMENSION + 8)
    (tmp_path / "hashes").mkdir()
    path = write(kind, tmp_path / "hashes", features, hashes=sign_hash(features))
    with pytest.raises(SourceError, match=r"row 1: the hash has 3 bytes; expected 4"):
        load(session, path, bits=32)


def test_a_ragged_row_and_a_gap_are_named(session, tmp_path):
    good = [1.0] * DIMENSION
    for wrong, said in (
        ([1.0], "row 2: the feature has 1 numbers; expected 24"),
        (None, "row 2: there is no feature"),
        ([None, *good[1:]], "row 2: the feature has a gap"),
    ):
        table = pa.table({"id": ["a", "b", "c"], "feature": [good, wrong, good]})
        pq.write_table(table, tmp_path / "t.parquet")
        with pytest.raises(SourceError, match=said):
            load(session, tmp_path / "t.parquet", dimension=DIMENSION)


def test_what_cannot_be_imported_is_said(session, tmp_path, features):
    text = tmp_path / "a.txt"
    text.write_text("hello")
    good = write("parquet", tmp_path, features)
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(good.read_bytes()[:300])
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, ids=np.array(["a", None], object), features=features[:2])
    two = write("sqlite", tmp_path, features)
    with closing(sqlite3.connect(two)) as base:
        base.execute("CREATE TABLE other (a)")
    for path, options, said in (
        (text, {}, "no known kind; expected Parquet"),
        (cut, {}, "cannot be read"),
        (pickled, {}, "cannot be read as npz"),
        (tmp_path / "gone", {}, "No such file"),
        (good, {"columns": {"id": "nope"}}, "no column 'nope' for the role id; it has"),
        (good, {"columns": {"what": "id"}}, "roles are id"),
        (good, {"columns": {"feature": ""}}, "neither features nor hashes"),
        (good, {"table": "t"}, "is no SQLite file"),
        (good, {"dataset": "a/b"}, "has no '/'"),
        (two, {}, "'my vectors', 'other': choose one with --table"),
        (two, {"table": "none"}, "no such table"),
    ):
        with pytest.raises(HamsightError, match=said):
            load(session, path, dimension=DIMENSION, **options)
    with pytest.raises(UsageError, match="--dimension of the features"):
        load(session, good)
    assert load(session, two, dimension=DIMENSION, table="my vectors") == {"made": (COUNT, 0, 0)}


def test_the_command(dsn, tmp_path, features):
    path = write("parquet", tmp_path, features)
    command = ("import-features", path, "--model", "dino", "--db", dsn, "--dataset", "birds")
    assert toy.command(*command).exit_code == 2
    said = toy.command(*command, "--dimension", "24", "--column", "uri=")
    assert said.exit_code == 0
    assert "birds: 40 added, 0 replaced, 0 unchanged (model dino" in said.stdout
    assert "0 added, 0 replaced, 40 unchanged" in toy.command(*command).stdout
    said = toy.command("query", "--item", "001.jpg", "--db", dsn, "-k", "2", "--format", "csv")
    assert said.exit_code == 0
    assert toy.command("query", "--text", "a dog", "--db", dsn).exit_code == 4


def test_a_new_model_takes_over_what_other_models_know_of_an_item(session, features, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    session.ingest(folder, model=str(toy.model(tmp_path / "toy")), tags_from_folder=True)
    session.add_to_group("a", "001.jpg")
    session.set("001.jpg", status="reviewed", attributes={"by": "ann"})
    path = write("parquet", tmp_path, features[:5])
    for model in ("one", "two"):
        counts = load(session, path, model, dataset="photos", dimension=DIMENSION)
        assert counts == {"photos": (5, 0, 0)}
        counts = load(session, path, model, dataset="photos")
        assert counts == {"photos": (0, 0, 5)}
        known = {row["id"]: row for row in stored(session, "items_toy")}
        own = {"hash", "feature", "ingested_at", "metadata_digest"}
        for row in stored(session, f"items_{model}"):
            if row["id"] in known:
                for name in row.keys() - own:
                    assert row[name] == known[row["id"]][name], name
            else:
                assert (row["uri"], row["status"], row["groups"]) == ("", "unannotated", [])
    session.remove_from_group("a", "001.jpg", model="one")
    load(session, write("parquet", tmp_path, features[:5] + 1), "one", dataset="photos")
    assert [row["groups"] for row in stored(session, "items_one")] == [[]] * 5


def test_a_broken_npz_is_an_error_and_takes_no_memory(session, tmp_path):
    """A shape beyond all memory, an encrypted member, an unknown and a broken compression."""

    def member(x, at, value):
        place = x.find(b"PK\x01\x02")
        while place >= 0:
            x[place + at] = value
            place = x.find(b"PK\x01\x02", place + 4)

    def broken(x):
        start = x.find(b"feature.npy") + 60
        x[start : start + 20] = b"\xff" * 20

    for name, shape, damage in (
        ("huge", (10**13, 512), None),
        ("encrypted", (1, 512), lambda x: member(x, 8, 1)),
        ("unknown", (1, 512), lambda x: member(x, 10, 99)),
        ("broken", (1, 512), broken),
    ):
        header = io.BytesIO()
        said = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, said)
        path = tmp_path / f"{name}.npz"
        np.savez_compressed(path, id=["a"])
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("feature.npy", header.getvalue() + b"\0" * 2048)
        content = bytearray(path.read_bytes())
        if damage is not None:
            damage(content)
        path.write_bytes(content)
        with pytest.raises(SourceError, match=f"{name}.npz cannot be read as npz"):
            load(session, path, dimension=512)


def test_deeply_nested_json_is_an_error(session, tmp_path):
    path = tmp_path / "hash_keys.json"
    path.write_text('{"hashkey": ' + "[" * 200_000)
    with pytest.raises(SourceError, match="is no JSON"):
        load(session, path, bits=24)
