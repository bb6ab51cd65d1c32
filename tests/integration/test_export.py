"""What is exported reads back as what was in the catalog."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import exported
import made_catalog
import pyarrow.parquet as pq
import pytest
import toy
from made_catalog import Made

import hamsight
from hamsight_core.errors import ImageError
from hamsight_core.items import Item
from hamsight_curate.export import images as export_images
from hamsight_curate.export import items as export_items
from hamsight_ingest.listing import Listing
from hamsight_ingest.readers.coco import CocoReader
from hamsight_ingest.readers.table import TableReader
from hamsight_ingest.readers.yolo import YoloReader
from hamsight_ingest.source import ReadOptions


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of three items, so that every export takes several."""
    monkeypatch.setattr(export_items, "PAGE_ROWS", 3)


@pytest.fixture
def made(tmp_path: Path) -> list[Made]:
    return exported.dataset(tmp_path / "source")


@pytest.fixture
def session(dsn: str, tmp_path: Path, made: list[Made]) -> Iterable[hamsight.Session]:
    made_catalog.fill(dsn, tmp_path / "model", made)
    with hamsight.open(dsn) as opened:
        yield opened


def said(items: Iterable[Item], *fields: str) -> dict:
    found = [((item.subset, item.id), [getattr(item, name) for name in fields]) for item in items]
    assert len(dict(found)) == len(found)
    return dict(found)


def test_coco_keeps_boxes_categories_captions_and_ids(session, made, tmp_path) -> None:
    done = session.export(tmp_path / "out", "coco", dataset="photos")
    assert (done.items, done.missing_count) == (7, 0)
    source = CocoReader().open(Listing(tmp_path / "out"), ReadOptions())
    assert source.notes == []
    fields = ("boxes", "tags", "captions")
    read = list(source)
    assert said(read, *fields) == said([one.item for one in made], *fields)
    ids = {(item.subset, item.id): item.attributes["coco_id"] for item in read}
    assert ids == {
        **{("train", "a b.jpg"): "42", ("train", "deep/er/b.jpg"): "7"},
        # 9 is of two items, and one has none: numbered after the largest, in order
        **{("train", "b.jpg"): "43", ("train", "same1.jpg"): "44", ("train", "same2.jpg"): "45"},
        **{("val", "a b.jpg"): "-5", ("val", "漢.jpg"): "1"},
    }
    for item in read:
        original = next(one for one in made if one.identity[1:] == (item.subset, item.id))
        assert Path(item.uri).is_relative_to(tmp_path / "out" / "images")
        assert Path(item.uri).read_bytes() == Path(original.item.uri).read_bytes()


def test_coco_is_what_other_programs_expect(session, made, tmp_path) -> None:
    session.export(tmp_path / "out", "coco", dataset="photos", images="none")
    files = sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert files == [f"{k}_{s}.json" for k in ("captions", "instances") for s in ("train", "val")]
    content = json.loads((tmp_path / "out/annotations/instances_val.json").read_text("utf-8"))
    names = [category["name"] for category in content["categories"]]
    assert names == sorted(exported.LABELS)
    assert [category["id"] for category in content["categories"]] == [1, 2, 3, 4]
    assert {"id", "file_name", "width", "height"} <= content["images"][0].keys()
    assert (content["images"][0]["width"], content["images"][0]["height"]) == (640, 480)
    first = content["annotations"][0]
    box = made[5].item.boxes[0]
    assert first["bbox"] == [box.x, box.y, box.width, box.height]
    assert first["area"] == pytest.approx(box.width * box.height)
    assert (first["iscrowd"], first["image_id"]) == (0, -5)
    assert names[first["category_id"] - 1] == box.label
    assert [one["id"] for one in content["annotations"]] == list(range(1, 7))


def test_coco_keeps_the_ids_of_categories(dsn, tmp_path) -> None:
    categories = [
        {"id": 18, "name": "dog", "supercategory": "animal"},
        {"id": 3, "name": "bicycle"},
        {"id": 90, "name": "no box has it"},
        {"id": "text", "name": "an id that is no number"},
    ]
    root = toy.photos(tmp_path / "set/train", 2).parent
    boxes = [(0, 18, [1, 2, 3, 4]), (0, 3, [0, 0, 5, 5]), (1, "text", [2, 2, 2, 2])]
    content = {
        "images": [{"id": 7 + n, "file_name": f"00{n}.jpg"} for n in range(2)],
        "annotations": [
            {"id": n, "image_id": 7 + image, "category_id": category, "bbox": box}
            for n, (image, category, box) in enumerate(boxes)
        ],
        "categories": categories,
    }
    (root / "annotations").mkdir()
    (root / "annotations/instances_train.json").write_text(json.dumps(content), "utf-8")
    package = str(toy.model(tmp_path / "model"))

    def written(name: str) -> tuple[list, list]:
        session.export(tmp_path / name, "coco", dataset="other", images="none")
        read = json.loads((tmp_path / name / "annotations/instances_train.json").read_text())
        return read["categories"], [
            (one["image_id"], one["category_id"], one["bbox"]) for one in read["annotations"]
        ]

    others = {"id": 91, "name": "an id that is no number"}
    with hamsight.open(dsn) as session:
        session.ingest(root, dataset="set", model=package)
        session.rename_dataset("set", "other")
        expected = [(7 + n, 91 if key == "text" else key, box) for n, key, box in boxes]
        assert written("a") == ([*categories[:3], others], expected)
        session.ingest(root / "train", dataset="other", format="folder", subset="more")
        assert written("b")[0] == [*categories[:3], others]
        catalog = session.catalog()
        catalog.client.command("ALTER TABLE ingests DROP COLUMN categories")
        numbered = ["an id that is no number", "bicycle", "dog"]
        assert written("old")[0] == [{"id": n, "name": one} for n, one in enumerate(numbered, 1)]
        session.ingest(root, dataset="other")
        assert written("c")[0] == [*categories[:3], others]


def test_sources_that_number_labels_in_different_ways(dsn, tmp_path) -> None:
    package = str(toy.model(tmp_path / "model"))
    with hamsight.open(dsn) as session:
        for name, labels in (("one", "ab"), ("two", "bc")):
            toy.photos(tmp_path / name / name, 1)
            shapes = [(0, label, [0, 0, 4, 4]) for label in labels]
            toy.coco(tmp_path / name, [(0, "000.jpg")], shapes, subset=name)
            session.ingest(tmp_path / name, dataset="both", model=package)
        session.export(tmp_path / "out", "coco", dataset="both", images="none")
    content = json.loads((tmp_path / "out/annotations/instances_one.json").read_text())
    assert {one["name"]: one["id"] for one in content["categories"]} == {"b": 0, "c": 1, "a": 2}


def test_coco128_keeps_every_box_category_caption_and_id(dsn, tmp_path, shared) -> None:
    reader = CocoReader().open(Listing(shared / "data/coco128"), ReadOptions())
    source = list(reader)
    with hamsight.open(dsn) as session:
        session.ingest(shared / "data/coco128", model=str(toy.model(tmp_path / "model")))
        done = session.export(tmp_path / "out", "coco", dataset="coco128", images="link")
    assert done.items == 128 and not done.notes
    again = CocoReader().open(Listing(tmp_path / "out"), ReadOptions())
    assert again.categories == reader.categories and len(reader.categories) == 80
    read = list(again)
    fields = ("tags", "captions", "attributes")
    assert said(read, *fields) == said(source, *fields)
    once = {(item.subset, item.id): item.boxes for item in read}
    assert sum(map(len, once.values())) == sum(len(item.boxes) for item in source) == 939
    for item in source:
        for before, after in zip(item.boxes, once[item.subset, item.id], strict=True):
            numbers = [(box.x, box.y, box.width, box.height) for box in (before, after)]
            assert before.label == after.label
            assert numbers[1] == pytest.approx(numbers[0], rel=2**-24)  # 32-bit floats
    files = [
        next((root / "annotations").glob("instances_*.json"))
        for root in (shared / "data/coco128", tmp_path / "out")
    ]
    contents = [json.loads(file.read_text("utf-8")) for file in files]
    ids = [
        sorted((one["image_id"], one["category_id"]) for one in content["annotations"])
        for content in contents
    ]
    assert ids[0] == ids[1] and len(ids[0]) == 939
    assert contents[0]["categories"] == contents[1]["categories"]


def test_yolo_reads_back_within_rounding(session, made, tmp_path) -> None:
    done = session.export(tmp_path / "out", "yolo", dataset="photos")
    assert done.notes == [
        "the format does not hold captions; items that have them: 3",
        "the format does not hold attributes; items that have them: 6",
    ]
    source = YoloReader().open(Listing(tmp_path / "out"), ReadOptions())
    read = list(source)
    assert source.notes == []
    assert said(read, "tags") == said([one.item for one in made], "tags")
    by_id = {(item.subset, item.id): item.boxes for item in read}
    for one in made:
        for before, after in zip(one.item.boxes, by_id[one.item.subset, one.item.id], strict=True):
            assert before.label == after.label
            got, wanted = ((b.x, b.y, b.width, b.height) for b in (after, before))
            assert got == pytest.approx(wanted, abs=1e-4)


def test_yolo_of_subsets_it_does_not_know_boxes_outside_and_names_of_one_label(
    dsn, tmp_path
) -> None:
    from hamsight_core.items import Box

    photo = exported.photo(tmp_path / "source", 1)
    shapes = (Box("dog", -10, 470, 30, 30), Box("cat", 700, 5, 10, 10), Box("dog", 0, 0, 640, 480))
    told = [("", "a.jpg"), ("train2017", "a.jpg"), ("train2017", "a.png"), ("odd/one", "b.jpg")]
    made = [exported.made("d", subset, id, photo, boxes=shapes) for subset, id in told]
    made_catalog.fill(dsn, tmp_path / "model", made)
    with hamsight.open(dsn) as session:
        done = session.export(tmp_path / "out", "yolo", dataset="d", images="link")
    assert done.items == 4
    assert "boxes cut at the border of their image: 4" in done.notes
    assert "boxes outside their image, left out: 4" in done.notes
    read = list(YoloReader().open(Listing(tmp_path / "out"), ReadOptions()))
    assert len(read) == 4 and {item.subset for item in read} == {"train"}
    for item in read:
        first, second = item.boxes
        assert (first.label, second.label) == ("dog", "dog")
        got = (first.x, first.y, first.width, first.height)
        assert got == pytest.approx((0, 470, 20, 10), abs=1e-4)


def test_yolo_without_boxes_is_refused_and_leaves_nothing(dsn, tmp_path) -> None:
    made_catalog.fill(dsn, tmp_path / "model", [exported.made("d", "", "a", "/a.jpg")])
    with hamsight.open(dsn) as session, pytest.raises(hamsight.UsageError, match="no selected"):
        session.export(tmp_path / "out", "yolo", dataset="d")
    assert not [path for path in tmp_path.iterdir() if path.name != "model"]


@pytest.mark.parametrize("to", ["csv", "jsonl", "parquet"])
def test_tables_are_read_back(session, made, tmp_path, to) -> None:
    file = tmp_path / f"table.{to}"
    assert session.export(file, to, dataset="photos").items == 7
    read = list(TableReader().open(Listing(file), ReadOptions()))
    assert [item.uri for item in read] == [one.item.uri for one in in_order(made)]
    assert said(read, "tags") == said([one.item for one in made], "tags")
    for item, one in zip(read, in_order(made), strict=True):
        assert item.captions == tuple(dict.fromkeys(one.item.captions))
    assert read[0].attributes["width"] == "640"


def test_a_table_holds_features_only_when_asked(session, made, tmp_path) -> None:
    session.export(tmp_path / "a.parquet", "parquet", dataset="photos")
    session.export(tmp_path / "b.parquet", "parquet", dataset="photos", features=True)
    plain, full = (pq.read_table(tmp_path / name) for name in ("a.parquet", "b.parquet"))
    assert full.column_names == [*plain.column_names, "hash", "feature"]
    assert full["feature"].to_pylist() == [one.feature.tolist() for one in in_order(made)]
    boxes = plain["boxes"].to_pylist()[0]
    assert boxes[0].keys() == {"label", "x", "y", "width", "height"}
    session.export(tmp_path / "b.jsonl", "jsonl", dataset="photos", features=True)
    rows = [json.loads(line) for line in (tmp_path / "b.jsonl").read_text("utf-8").splitlines()]
    assert [row["hash"] for row in rows] == [value.hex() for value in full["hash"].to_pylist()]
    assert rows[0]["boxes"] == [
        {"label": b.label, "x": b.x, "y": b.y, "width": b.width, "height": b.height}
        for b in in_order(made)[0].item.boxes
    ]


@pytest.mark.parametrize("images", ["copy", "link", "hardlink"])
def test_a_folder_of_images(session, made, tmp_path, images) -> None:
    done = session.export(tmp_path / "out", "folder", dataset="photos", images=images)
    assert done.items == 7 and not done.notes
    files = {path for path in (tmp_path / "out").rglob("*") if not path.is_dir()}
    assert files == {tmp_path / "out/photos" / one.item.subset / one.item.id for one in made}
    for one in made:
        file = tmp_path / "out/photos" / one.item.subset / one.item.id
        assert file.is_symlink() == (images == "link")
        assert file.samefile(one.item.uri) == (images != "copy")
        assert file.read_bytes() == Path(one.item.uri).read_bytes()


def test_several_datasets_are_datasets_of_their_own(dsn, tmp_path) -> None:
    photo = exported.photo(tmp_path / "source", 1)
    names = ("one", "tw/o")
    made = [exported.made(name, "train", "a.jpg", photo, boxes=exported.boxes(1)) for name in names]
    made_catalog.fill(dsn, tmp_path / "model", made)
    with hamsight.open(dsn) as session:
        for to, reader in (("coco", CocoReader()), ("yolo", YoloReader())):
            assert session.export(tmp_path / to, to, dataset=names).items == 2
            folders = sorted((tmp_path / to).iterdir())
            assert folders[0].name == "one" and folders[1].name.startswith("tw_o-")
            for folder in folders:
                assert [item.id for item in reader.open(Listing(folder), ReadOptions())] == [
                    "a.jpg"
                ]


def test_an_item_of_two_models_is_exported_once(dsn, tmp_path, made) -> None:
    made_catalog.fill(dsn, tmp_path / "model", made[:5])
    made_catalog.fill(dsn, tmp_path / "other", made[3:], "other")
    with hamsight.open(dsn) as session:
        assert session.export(tmp_path / "a.jsonl", "jsonl", dataset="photos").items == 7
        done = session.export(tmp_path / "b.jsonl", "jsonl", dataset="photos", model="other")
        assert done.items == 4
        with pytest.raises(hamsight.UsageError, match="--model"):
            session.export(tmp_path / "c.jsonl", "jsonl", dataset="photos", features=True)
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    assert [(row["subset"], row["id"]) for row in rows] == [
        one.identity[1:] for one in in_order(made)
    ]


def in_order(made: list[Made]) -> list[Made]:
    return sorted(made, key=lambda one: one.sorted_by)


def test_images_at_urls_are_fetched_a_few_at_a_time(dsn, tmp_path, monkeypatch) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def slow(uri: str) -> bytes:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with lock:
            now -= 1
        if uri.endswith("/7"):
            raise ImageError("the server answered 404")
        return uri.encode()

    monkeypatch.setattr(export_images, "fetch", slow)
    items = [exported.made("web", "", f"{n:02}.jpg", f"https://host/{n}") for n in range(40)]
    made_catalog.fill(dsn, tmp_path / "model", items)
    with hamsight.open(dsn) as session:
        done = session.export(tmp_path / "out", "folder", dataset="web")
    assert (done.items, done.missing_count) == (39, 1)
    assert done.missing[0].identity == ("web", "", "07.jpg") and "404" in done.missing[0].reason
    assert 4 <= most <= 8
    for path in (tmp_path / "out").rglob("*.jpg"):
        assert path.read_text() == f"https://host/{int(path.stem)}"


@pytest.mark.homes("chdb")
def test_an_export_goes_on_when_its_table_is_dropped_after_a_rehash(
    home, session, made, tmp_path, monkeypatch
) -> None:
    page, pages = export_items.Source._page, []

    def paging(self, *given):
        pages.append(given)
        if len(pages) == 2:
            former = session.catalog().model().items_table
            session.rehash(scheme="sign")
            session.catalog().drop(former)
        return page(self, *given)

    monkeypatch.setattr(export_items.Source, "_page", paging)
    assert session.export(tmp_path / "out.parquet", "parquet", dataset="photos").items == 7
    assert len(pages) > 2
