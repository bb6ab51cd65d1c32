"""Annotated boxes as items of a table of their own: ingest, what follows pictures, queries."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import toy
from PIL import Image

import hamsight
from hamsight_core.catalog.model_row import TableKind
from hamsight_core.errors import EmptyCatalogError, ExpressionError, UsageError
from hamsight_core.images.crops import crop_of
from hamsight_core.items import Box

BOXES = [
    (1, "dog", (2, 2, 8, 6)),
    (1, "cat", (12, 4, 10, 12)),
    (2, "dog", (0, 0, 24, 18)),
    (3, "cat", (20, 10, 9, 9)),  # beyond the edge
]


def dataset(root: Path, boxes=BOXES, subset: str = "train") -> Path:
    """Write four pictures, of which three have boxes."""
    toy.photos(root / subset, 4)
    return toy.coco(root, [(n + 1, f"{n:03}.jpg") for n in range(4)], boxes, subset=subset)


def objects(session, columns: str = "id, tag") -> list[dict]:
    return session.sql(f"SELECT {columns} FROM objects_toy ORDER BY id").to_pylist()


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    return toy.model(tmp_path_factory.mktemp("package"))


@pytest.fixture
def session(dsn, tmp_path, package):
    with hamsight.open(dsn) as opened:
        opened.ingest(dataset(tmp_path / "zoo"), model=package, objects=True)
        yield opened


@pytest.mark.homes("chdb", "http")
def test_an_object_is_what_its_crop_is(session, tmp_path, package) -> None:
    rows = objects(session, "id, parent, number, tag, x, y, width, height, area, uri, feature")
    assert [(row["id"], row["parent"], row["number"], row["tag"]) for row in rows] == [
        ("000.jpg#1", "000.jpg", 1, "dog"),
        ("000.jpg#2", "000.jpg", 2, "cat"),
        ("001.jpg#1", "001.jpg", 1, "dog"),
        ("002.jpg#1", "002.jpg", 1, "cat"),
    ]
    assert [(row["x"], row["width"], row["height"]) for row in rows][1] == (12, 10, 12)
    assert [round(row["area"], 4) for row in rows] == [0.1111, 0.2778, 1, 0.0741]
    crops = []
    for row, (_, label, box) in zip(rows, BOXES, strict=True):
        image = Image.open(row["uri"]).convert("RGB")
        crops.append(image.crop(crop_of(Box(label, *box), *image.size)))
    expected = toy.direct(package, crops)
    found = np.array([row["feature"] for row in rows], np.float32)
    assert np.allclose(found, expected, atol=0.01)
    # and pictures are as without objects
    whole = session.sql("SELECT feature FROM items_toy ORDER BY id").to_pydict()["feature"]
    pictures = [Image.open(tmp_path / f"zoo/train/{n:03}.jpg").convert("RGB") for n in range(4)]
    assert np.allclose(np.array(whole, np.float32), toy.direct(package, pictures), atol=0.01)


@pytest.mark.homes("chdb")
def test_a_second_ingest_follows_changed_boxes_alone(session, tmp_path, monkeypatch) -> None:
    encoded: list[str] = []
    from hamsight_ingest import objects as module

    made = module._encoded

    def counted(one, *rest):
        encoded.append(one.id)
        return made(one, *rest)

    monkeypatch.setattr(module, "_encoded", counted)
    again = session.ingest(tmp_path / "zoo")  # keeps the objects up without being told
    assert (again.objects.unchanged, again.objects.added, encoded) == (4, 0, [])
    # the first box goes, another is named otherwise, one moves, a picture gets its first
    boxes = [
        (1, "cat", (12, 4, 10, 12)),
        (2, "wolf", (0, 0, 24, 18)),
        (3, "cat", (10, 10, 9, 9)),
        (4, "dog", (1, 1, 5, 5)),
    ]
    before = {row["id"]: row["feature"] for row in objects(session, "id, feature")}
    done = session.ingest(dataset(tmp_path / "zoo", boxes))
    assert sorted(encoded) == ["002.jpg#1", "003.jpg#1"]
    assert (done.objects.added, done.objects.replaced, done.objects.deleted) == (1, 3, 1)
    rows = objects(session, "id, tag, feature")
    assert [(row["id"], row["tag"]) for row in rows] == [
        ("000.jpg#1", "cat"),
        ("001.jpg#1", "wolf"),
        ("002.jpg#1", "cat"),
        ("003.jpg#1", "dog"),
    ]
    features = {row["id"]: row["feature"] for row in rows}
    assert features["000.jpg#1"] == before["000.jpg#2"]
    assert features["001.jpg#1"] == before["001.jpg#1"]
    # another picture under the same boxes
    shutil.copy(tmp_path / "zoo/train/003.jpg", tmp_path / "zoo/train/001.jpg")
    session.ingest(tmp_path / "zoo", dataset="zoo")
    assert encoded[2:] == ["001.jpg#1"]
    assert session.verify().num_rows == 0
    # a picture that lost all of its boxes, and one that is no longer there
    (tmp_path / "zoo/train/003.jpg").unlink()
    left = toy.coco(tmp_path / "zoo", [(n, f"{n - 1:03}.jpg") for n in (1, 2, 3)], boxes[:2])
    assert session.ingest(left, prune=True).objects.deleted == 1
    assert [row["id"] for row in objects(session)] == ["000.jpg#1", "001.jpg#1"]


@pytest.mark.homes("chdb", "http", "cluster")
def test_objects_go_where_their_pictures_go(session, tmp_path) -> None:
    session.delete(["000.jpg"])
    assert [row["id"] for row in objects(session)] == ["001.jpg#1", "002.jpg#1"]
    session.rename_dataset("zoo", "ark")
    assert {row["dataset"] for row in objects(session, "id, dataset")} == {"ark"}
    shutil.move(tmp_path / "zoo", tmp_path / "ark")
    session.move_dataset("ark", tmp_path / "ark")
    assert all(str(tmp_path / "ark") in row["uri"] for row in objects(session, "id, uri"))
    assert session.verify().num_rows == 0
    assert session.delete_dataset("ark") == 3
    assert objects(session) == []


@pytest.mark.homes("chdb")
def test_verify_finds_objects_without_a_box(session) -> None:
    catalog = session.catalog()
    (items,) = [one.items_table for one in catalog.models()]
    catalog.client.command(f"DELETE FROM {items} WHERE id = '001.jpg'")
    rows = session.verify().to_pylist()
    assert [(row["kind"], row["id"]) for row in rows] == [("object-alone", "001.jpg#1")]


@pytest.mark.homes("chdb")
def test_other_weights_and_another_hash_take_objects_along(session, tmp_path) -> None:
    before = objects(session, "id, tag, area, x, parent, number")
    other = toy.model(tmp_path / "other", seed=9)
    done = session.encode_again(str(other))
    assert (done.items, done.objects.items, done.complete) == (4, 4, True)
    assert objects(session, "id, tag, area, x, parent, number") == before
    hashed = session.rehash(scheme="sign", objects=True)
    assert hashed.items == 4 and hashed.model.kind is TableKind.OBJECTS
    assert objects(session, "id, tag, area, x, parent, number") == before
    assert session.verify().num_rows == 0
    found = session.query(item="000.jpg#1", objects=True, exclude_self=False)
    assert found[0].name == "zoo/train/000.jpg#1"


FILTERS = {
    'tag == "dog" and area > 0.2': ["001.jpg#1"],
    'parent.subset == "train" and cat': ["000.jpg#2", "002.jpg#1"],
    "parent.dog > 0 and parent.cat > 0": ["000.jpg#1", "000.jpg#2"],
    "not parent.cat": ["001.jpg#1"],
    'parent == "000.jpg" and number in [2, 3] and x + width > 20': ["000.jpg#2"],
    'like(parent.filename, "00_.jpg") and height < 7': ["000.jpg#1"],
    '"good" in parent.groups or width > 20': ["001.jpg#1", "002.jpg#1"],
    'parent.tags["dog"] == 1 and tags["cat"] == 1': ["000.jpg#2"],
}


@pytest.mark.homes("chdb", "http", "cluster")
def test_filters_know_objects_and_their_pictures(session) -> None:
    session.add_to_group("good", ["002.jpg"])
    for where, ids in FILTERS.items():
        assert sorted(m.id for m in session.query(where=where, objects=True)) == ids, where
    by_area = session.query(objects=True, sort="-area", where="area > 0")
    assert [m.tag for m in by_area] == ["dog", "cat", "dog", "cat"]
    session.save_query("big", where="parent.dog and area > 0.2", sort="area", objects=True)
    assert [m.id for m in session.run("big")] == ["000.jpg#2", "001.jpg#1"]


WRONG = {
    "groups": "found groups, which objects do not have; write parent.groups",
    "area > parent.width": "found area beside a value of the picture",
    "parent.dgo > 1": "found the name dgo, expected a column or a tag",
    "dgo": "the nearest is dog",
    "parent.lower(id)": "write the function around it",
    "parent. == 1": "found ., expected",
    "parent.parent.id == 'a'": "found parent.parent",
}


@pytest.mark.homes("chdb")
def test_wrong_filters_and_requests_say_what_is_meant(session, tmp_path, package) -> None:
    for where, said in WRONG.items():
        with pytest.raises(ExpressionError) as raised:
            session.query(where=where, objects=True)
        assert said in str(raised.value), where
    with pytest.raises(ExpressionError, match="only objects have a parent; write width"):
        session.query(where="parent.width > 1")
    with pytest.raises(ExpressionError, match="expected a value of the object itself"):
        session.query(sort="parent.width", objects=True)
    with pytest.raises(UsageError, match="holds no objects of the model"):
        session.query(item="000.jpg", objects=True, model="mini")
    plain = toy.photos(tmp_path / "plain", 2)
    session.delete_dataset("zoo")
    session.ingest(plain, model=package)
    with pytest.raises(EmptyCatalogError, match="hamsight ingest FOLDER --objects"):
        session.query(item="000.jpg", objects=True)


@pytest.mark.homes("chdb", "http")
def test_queries_find_objects_by_picture_region_item_and_object(session, tmp_path) -> None:
    file = tmp_path / "zoo/train/000.jpg"
    box = crop_of(Box("", *BOXES[1][2]), 24, 18)
    region = (box[0], box[1], box[2] - box[0], box[3] - box[1])
    best = session.query(image=str(file), box=region, objects=True)[0]
    assert (best.name, best.similarity > 0.999) == ("zoo/train/000.jpg#2", True)
    assert (best.parent, best.tag, best.box.width) == ("000.jpg", "cat", 10)
    whole = session.query(item="001.jpg", objects=True)[0]  # its box is all of it
    assert (whole.id, whole.similarity > 0.999) == ("001.jpg#1", True)
    back = session.query(item="001.jpg#1")[0]
    assert (back.id, back.similarity > 0.999) == ("001.jpg", True)
    others = session.query(item="000.jpg#1", objects=True)
    assert "000.jpg#1" not in {m.id for m in others} and len(others) == 3
    assert set(others.to_arrow().column_names) >= {"parent", "number", "tag", "x", "area"}
    session.query(item="000.jpg#1", objects=True).save(tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").width > 400


@pytest.mark.homes("chdb")
def test_the_command_shows_crop_and_parent(session, dsn, tmp_path) -> None:
    args = ("query", "--objects", "--item", "000.jpg#1", "--db", dsn)
    shown = toy.command(*args).stdout
    assert shown.split("\n")[0].split()[3:6] == ["item", "tag", "parent"]
    assert "/000.jpg#2 " in shown
    rows = json.loads(toy.command(*args, "--format", "json").stdout)
    assert {(row["tag"], row["parent"]) for row in rows} >= {("cat", "000.jpg")}
    done = toy.command("ingest", tmp_path / "zoo", "--db", dsn)
    assert "objects: 0 added, 0 replaced, 4 unchanged, 0 deleted" in done.stdout
    assert "objects_toy" in toy.command("info", "--db", dsn).stdout


@pytest.mark.homes("chdb")
def test_wrong_labels_of_objects_are_found_and_put_right(dsn, tmp_path, package) -> None:
    """Two kinds of pictures, of one of which an object has the other's label."""
    toy.photos(tmp_path / "zoo/train", 12)
    for number in range(12):
        half = Image.new("RGB", (24, 18), (230, 40, 10) if number % 2 else (10, 60, 220))
        half.paste(toy.picture(number).resize((6, 6)), (1, 1))
        half.save(tmp_path / f"zoo/train/{number:03}.jpg")
    labels = ["red" if number % 2 else "blue" for number in range(12)]
    labels[4] = "red"
    boxes = [(n + 1, label, (2, 2, 18, 14)) for n, label in enumerate(labels)]
    toy.coco(tmp_path / "zoo", [(n + 1, f"{n:03}.jpg") for n in range(12)], boxes)
    with hamsight.open(dsn) as session:
        session.ingest(tmp_path / "zoo", model=package, objects=True)
        found = session.find_mislabelled(objects=True)
        row = found.table.to_pylist()[0]
        assert (row["id"], row["tag"], row["suggested"]) == ("004.jpg#1", "red", "blue")
        assert found.members[0] == ("zoo", "train", "004.jpg")
        assert session.analyses().to_pylist()[0]["current"]
        file = tmp_path / "reviewed.csv"
        file.write_text("dataset,subset,id,tag,suggested\nzoo,train,004.jpg#1,red,blue\n")
        assert session.relabel(file, objects=True).changed == 1
        assert session.relabel(file, objects=True).changed == 0
        (item,) = session.query(where='id == "004.jpg"')
        assert item.tags == {"blue": 1}
        assert session.query(where='parent == "004.jpg"', objects=True)[0].tag == "blue"
        assert len(session.find_mislabelled(objects=True).table) == 0
        file.write_text("dataset,subset,id,tag,suggested\nzoo,train,004.jpg,blue,green\n")
        assert session.relabel(file).changed == 1
        assert session.query(where='parent == "004.jpg"', objects=True)[0].tag == "green"
        assert session.cluster(2, objects=True).table.num_rows == 2
        with pytest.raises(UsageError, match="duplicates are found among pictures alone"):
            session.find_duplicates(objects=True)
    sheet = tmp_path / "sheet.png"
    done = toy.command("find", "outliers", "--objects", "--all", "--db", dsn, "--save", sheet)
    assert len(done.stdout.splitlines()) == 14 and sheet.exists()


@pytest.mark.homes("chdb")
def test_show_draws_crops_regions_and_objects(session, dsn, tmp_path, monkeypatch) -> None:
    assert session.show("000.jpg#2")["parent"] == "000.jpg"
    session.show("000.jpg#2", save=tmp_path / "crop.png")
    assert Image.open(tmp_path / "crop.png").size == (15, 16)
    session.show("000.jpg", save=tmp_path / "part.png", box=(2, 3, 10, 5))
    assert Image.open(tmp_path / "part.png").size == (10, 5)
    session.show("000.jpg", save=tmp_path / "boxes.png", objects=True)
    assert Image.open(tmp_path / "boxes.png").width > 400
    wrong = {
        ("003.jpg", "--objects"): "has no boxes",
        ("000.jpg#1", "--objects"): "is an object",
        ("000.jpg", "--box", "90,0,5,5"): "lies outside",
        ("000.jpg", "--objects", "--box", "1,1,5,5"): "give one of the two",
    }
    for args, said in wrong.items():
        done = toy.command("show", *args, "--db", dsn, "--save", tmp_path / "no.png")
        assert done.exit_code and said in done.stderr, args
    assert "give --save" in toy.command("show", "000.jpg", "--objects", "--db", dsn).stderr
    launched: list[str] = []
    monkeypatch.setattr("typer.launch", lambda file: launched.append(file) or 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    toy.command("show", "000.jpg", "--open", "--db", dsn)
    toy.command("query", "--item", "000.jpg", "--open", "--db", dsn)
    assert [Image.open(file).format for file in launched] == ["PNG", "PNG"]
    monkeypatch.setattr("typer.launch", lambda file: 1)
    done = toy.command("show", "000.jpg", "--open", "--db", dsn)
    assert done.exit_code and "no program of this machine opens" in done.stderr


@pytest.mark.homes("chdb")
@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("hamsight_ingest.object_writer.ObjectWriter", "flush"),  # pictures stand, objects do not
        ("hamsight_ingest.writer", "delete_older"),  # objects stand twice
        ("hamsight_ingest.object_writer", "delete_older"),  # those of gone boxes stand still
    ],
)
def test_an_ingest_that_breaks_off_goes_on(
    session, tmp_path, package, monkeypatch, module, function
) -> None:
    boxes = [(1, "dog", (3, 3, 8, 6)), (2, "wolf", (0, 0, 24, 18)), (4, "ox", (1, 1, 9, 9))]
    changed = dataset(tmp_path / "zoo", boxes)
    (changed / "train/003.jpg").write_bytes(toy.jpeg(77))

    def broken(*args: object, **options: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.{function}", broken)
        with pytest.raises(RuntimeError, match="killed"):
            session.ingest(changed)
    session.ingest(changed)
    assert session.verify().num_rows == 0
    rows = objects(session, "id, tag, x, feature")
    assert [(row["id"], row["tag"], row["x"]) for row in rows] == [
        ("000.jpg#1", "dog", 3),
        ("001.jpg#1", "wolf", 0),
        ("003.jpg#1", "ox", 1),
    ]
    before = {row["id"]: row["feature"] for row in rows}
    session.delete_dataset("zoo")
    session.ingest(changed, model=package, objects=True)
    assert {row["id"]: row["feature"] for row in objects(session, "id, feature")} == before


@pytest.mark.homes("chdb")
def test_objects_of_pictures_that_go_meanwhile_are_not_written(
    session, tmp_path, monkeypatch
) -> None:
    from hamsight_ingest.object_writer import ObjectWriter

    flush = ObjectWriter.flush

    def after_a_deletion(writer: ObjectWriter) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(ObjectWriter, "flush", flush)
            session.delete(["000.jpg"])
            flush(writer)

    monkeypatch.setattr(ObjectWriter, "flush", after_a_deletion)
    session.ingest(dataset(tmp_path / "zoo", [*BOXES[1:], (1, "ox", (5, 5, 4, 4))]))
    assert [row["id"] for row in objects(session)] == ["001.jpg#1", "002.jpg#1"]
    assert session.verify(files="none").num_rows == 0


@pytest.mark.homes("chdb")
def test_subsets_and_groups_take_objects_along(session) -> None:
    from hamsight_curate.to_subset import move_back, move_to_subset

    catalog = session.catalog()
    catalog.client.command(
        f"INSERT INTO {toy.generation(session)} SELECT * REPLACE ('val' AS subset)"
        f" FROM {toy.generation(session)} WHERE id = '003.jpg'"
    )
    move_to_subset(catalog, [("zoo", "train", "000.jpg")], "val")
    assert [m.name for m in session.query(objects=True, where='parent.subset == "val"')] == [
        "zoo/val/000.jpg#1",
        "zoo/val/000.jpg#2",
    ]
    move_back(catalog)
    assert {row["subset"] for row in objects(session, "id, subset")} == {"train"}
    found = session.query(objects=True, where="cat")
    assert session.add_to_group("cats", found).changed == 2
    assert [m.id for m in session.query(where='"cats" in groups')] == ["000.jpg", "002.jpg"]


@pytest.mark.homes("chdb")
def test_a_shell_completes_names_of_filters(session, dsn) -> None:
    from types import SimpleNamespace

    from hamsight.cli.completion import expressions

    here = SimpleNamespace(params={"db": dsn})
    assert expressions(here, "not (wid") == ["not (width"]
    assert expressions(here, "do") == ["dog"]
    of_objects = SimpleNamespace(params={"db": dsn, "objects": True})
    assert expressions(of_objects, 'tag == "dog" and ar') == ['tag == "dog" and area']
    assert expressions(of_objects, "pa") == ["parent", "parent."]
    assert expressions(of_objects, "parent.gr") == ["parent.groups"]
    assert expressions(of_objects, "gr") == []
    assert expressions(of_objects, 'tag == "do') == []
