"""Folders and COCO datasets are recognised and read, or an error names the place that is wrong."""

import json
import os
import random
import tracemalloc
from pathlib import Path

import pytest
import reader_sets

from hamsight_core.errors import SourceError, UsageError
from hamsight_core.images.places import fetch
from hamsight_core.items import Box
from hamsight_ingest.readers import ReadOptions, open_source, readers

DATA = Path(__file__).parents[2].parent / "shared" / "data"
real_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def listed(path: Path, **options: object) -> list[tuple[str, str]]:
    source = open_source(path, None, ReadOptions(**options))
    items = list(source)
    assert source.count() == len(items)
    assert items == list(source)
    return [(item.subset, item.id) for item in items]


def error(path: Path, format: str | None = None, **options: object) -> str:
    try:
        return reader_sets.error(path, format, **options)
    except UsageError as caught:
        return str(caught)


# Folders


def test_a_folder_is_read_in_order_with_the_folders_within(tmp_path):
    make(tmp_path, "b.jpg", "a.PNG", "x/2.webp", "x/1.tiff", "x/y/3.gif", "notes.txt", "x/l.json")
    source = open_source(tmp_path)
    assert (source.format, source.name) == ("folder", tmp_path.name)
    assert source.detected == "5 image files"
    items = list(source)
    assert [item.id for item in items] == ["a.PNG", "b.jpg", "x/1.tiff", "x/2.webp", "x/y/3.gif"]
    assert [item.uri for item in items] == [str(tmp_path / item.id) for item in items]
    assert {item.status for item in items} == {"unannotated"}
    assert not source.notes


def test_hidden_files_and_folders_are_left_out(tmp_path):
    make(tmp_path, "a.jpg", ".b.jpg", ".git/c.jpg", "__MACOSX/d.jpg", "Thumbs.db", "x/._e.jpg")
    assert listed(tmp_path) == [("", "a.jpg")]


def test_first_level_folders_of_known_names_are_subsets(tmp_path):
    make(tmp_path, "Train/cat/1.jpg", "val/cat/1.jpg", "other/train/1.jpg", "0.jpg")
    assert listed(tmp_path) == [
        ("", "0.jpg"),
        ("Train", "cat/1.jpg"),
        ("", "other/train/1.jpg"),
        ("val", "cat/1.jpg"),
    ]
    assert listed(tmp_path, subset_from_folder=True)[2] == ("other", "train/1.jpg")
    assert listed(tmp_path, subset="mine")[1] == ("mine", "Train/cat/1.jpg")


def test_folders_become_tags(tmp_path):
    make(tmp_path, "train/pets/cat/1.jpg", "train/2.jpg")
    tags = {
        i.id: dict(i.tags) for i in open_source(tmp_path, None, ReadOptions(tags_from_folder=True))
    }
    assert tags == {"2.jpg": {}, "pets/cat/1.jpg": {"pets": 1, "cat": 1}}
    options = ReadOptions(tags_from_folder=True, subset="s")
    assert [dict(item.tags) for item in open_source(tmp_path, None, options)] == [
        {"train": 1},
        {"train": 1, "pets": 1, "cat": 1},
    ]


def test_one_image_file(tmp_path):
    make(tmp_path, "a b.jpg", "c.jpg")
    (item,) = open_source(tmp_path / "a b.jpg")
    assert (item.id, item.subset, item.uri) == ("a b.jpg", "", str(tmp_path / "a b.jpg"))


def test_a_relative_path_gives_absolute_uris(tmp_path, monkeypatch):
    make(tmp_path, "d/a.jpg")
    monkeypatch.chdir(tmp_path / "d")
    source = open_source(Path("."))
    assert source.name == "d"
    assert [item.uri for item in source] == [str(tmp_path / "d" / "a.jpg")]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_are_followed_but_not_in_circles(tmp_path):
    make(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "linked").symlink_to(tmp_path / "b")
    (tmp_path / "self.jpg").symlink_to(tmp_path / "self.jpg")
    source = open_source(tmp_path)
    assert [item.id for item in source] == ["self.jpg", "a/1.jpg", "b/2.jpg", "linked/2.jpg"]
    (note,) = source.notes
    assert str(tmp_path / "a" / "up") in note


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read every folder"
)
def test_a_folder_that_may_not_be_read_is_named(tmp_path):
    make(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a").chmod(0)
    try:
        source = open_source(tmp_path)
        assert [item.id for item in source] == ["b/2.jpg"]
        assert source.notes == [f"{tmp_path / 'a'}: folder not read: Permission denied"]
    finally:
        (tmp_path / "a").chmod(0o700)


@pytest.mark.skipif(os.name == "nt", reason="names are bytes on POSIX alone")
def test_a_name_that_is_not_text_can_still_be_opened(tmp_path):
    name = b"caf\xe9 1.jpg"
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"bytes")
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    (item,) = open_source(tmp_path)
    assert item.id == "caf\\xe9 1.jpg"
    item.uri.encode()
    assert fetch(item.uri) == b"bytes"


def test_a_folder_deeper_than_the_stack(tmp_path):
    deep = tmp_path
    for _ in range(600):
        deep = deep / "d"
    try:
        deep.mkdir(parents=True)
    except OSError:
        pytest.skip("this system has no paths of this length")
    make(deep, "a.jpg")
    assert len(listed(tmp_path)) == 1


def test_a_large_folder_takes_little_memory(tmp_path):
    for folder in range(20):
        make(tmp_path, *(f"{folder:02}/image_{i:04}.jpg" for i in range(500)))
    source = open_source(tmp_path)
    tracemalloc.start()
    assert sum(1 for _ in source) == 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000


def test_what_cannot_be_read_is_named(tmp_path):
    make(tmp_path, "flowers/readme.txt", "pets/a.jpg", "notes.txt")
    assert "did you mean flowers?" in error(tmp_path / "flower")
    assert "no images and no dataset of a known format" in error(tmp_path / "flowers")
    assert "*.json with the lists" in error(tmp_path / "flowers")
    assert "no image file in it or below; looked for" in error(tmp_path / "flowers", "folder")
    assert "a file of no known format" in error(tmp_path / "notes.txt")
    assert "no such file or folder" in error(tmp_path / "notes.txt" / "x")
    assert "no such file or folder" in error(tmp_path / ("x" * 5000))
    words = error(tmp_path / "pets", "folders")
    assert words.startswith("unknown format 'folders'; formats are coco, ")
    assert words.endswith("; did you mean folder?")
    words = error(tmp_path / "pets", "coco")
    assert "looks like the format folder: 1 image file; use --format folder" in words
    assert "no COCO annotations; looked for" in error(tmp_path / "flowers", "coco")


def test_every_reader_says_what_it_carries():
    for reader in readers():
        assert reader.name.islower()
        assert reader.description
        assert reader.carries <= {"subsets", "tags", "boxes", "captions"}


# COCO

CATEGORIES = [{"id": 1, "name": "cat"}, {"id": 2, "name": "traffic light"}]


def images(*names: str, first: int = 10) -> list[dict[str, object]]:
    return [{"id": first + i, "file_name": name} for i, name in enumerate(names)]


def box(image: int, category: int, *bbox: float, **more: object) -> dict[str, object]:
    return {"image_id": image, "category_id": category, "bbox": list(bbox), **more}


def write(file: Path, **content: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


@pytest.fixture
def coco(tmp_path):
    """Two images of train with boxes, keypoints and captions, one of val with captions."""
    make(tmp_path, "train2017/a.jpg", "train2017/sub/b.jpg", "val2017/a.jpg")
    folder = tmp_path / "annotations"
    boxes = [
        box(10, 1, 1, 2, 3, 4, iscrowd=0, segmentation=[[1, 2, 3, 4]]),
        box(10, 1, 5, 6, 7.5, 8, iscrowd=1, segmentation={"counts": [1], "size": [2, 2]}),
        box(10, 2, 0, 0, 0, 0),
    ]
    both = images("a.jpg", "sub/b.jpg")
    write(
        folder / "instances_train2017.json", images=both, annotations=boxes, categories=CATEGORIES
    )
    write(
        folder / "person_keypoints_train2017.json",
        images=both,
        annotations=[box(10, 1, 1, 2, 3, 4, keypoints=[0] * 51), box(11, 1, 9, 9, 9, 9)],
        categories=CATEGORIES[:1],
    )
    captions = [{"image_id": 10, "caption": "A café."}, {"image_id": 10, "caption": "Zwei Katzen"}]
    write(folder / "captions_train2017.json", images=both, annotations=captions)
    write(
        folder / "captions_val2017.json",
        images=images("a.jpg", first=99),
        annotations=[{"image_id": 99, "caption": "another"}],
    )
    return tmp_path


def test_coco_files_of_a_subset_are_merged(coco):
    source = open_source(coco)
    assert (source.format, source.name, source.count()) == ("coco", coco.name, 3)
    assert "annotations/instances_train2017.json" in source.detected
    first, second, third = source
    assert (first.subset, first.id) == ("train2017", "a.jpg")
    assert first.uri == str(coco / "train2017" / "a.jpg")
    assert first.tags == {"cat": 2, "traffic light": 1}
    assert first.boxes == (
        Box("cat", 1, 2, 3, 4),
        Box("cat", 5, 6, 7.5, 8),
        Box("traffic light", 0, 0, 0, 0),
    )
    assert first.captions == ("A café.", "Zwei Katzen")
    assert first.attributes == {"coco_id": "10"}
    assert (second.id, second.tags) == ("sub/b.jpg", {"cat": 1})
    assert second.uri == str(coco / "train2017" / "sub" / "b.jpg")
    assert (third.subset, third.id, third.captions) == ("val2017", "a.jpg", ("another",))
    assert third.uri == str(coco / "val2017" / "a.jpg")
    first, second = source.notes
    assert first.startswith("segments are not read, their boxes are: 2, the first in ")
    assert second.endswith("annotations[0]: keypoints are not read, their boxes are")


def test_equal_boxes_within_one_file_are_all_kept(tmp_path):
    make(tmp_path, "a.jpg")
    twice = [box(10, 1, 1, 2, 3, 4)] * 2
    write(tmp_path / "i.json", images=images("a.jpg"), annotations=twice, categories=CATEGORIES)
    (item,) = open_source(tmp_path)
    assert (item.tags, len(item.boxes)) == ({"cat": 2}, 2)


def test_coco_by_its_json_file_alone(coco):
    source = open_source(coco / "annotations" / "captions_val2017.json")
    assert source.name == coco.name
    assert [(item.subset, item.id) for item in source] == [("val2017", "a.jpg")]
    assert len(list(open_source(coco / "annotations"))) == 3


def test_options_of_coco(coco):
    (_, second, _) = open_source(coco, "coco", ReadOptions(tags_from_folder=True))
    assert second.tags == {"cat": 1, "sub": 1}
    source = open_source(coco, "coco", ReadOptions(subset_from_folder=True))
    assert any("--subset-from-folder" in note for note in source.notes)
    words = error(coco, subset="all")
    assert "a.jpg is in the subsets 'train2017' and 'val2017'" in words
    (item,) = open_source(
        coco / "annotations" / "captions_val2017.json", None, ReadOptions(subset="all")
    )
    assert (item.subset, item.uri) == ("all", str(coco / "val2017" / "a.jpg"))


@pytest.mark.parametrize(
    ("annotations", "image", "subset"),
    [
        ("annotations/instances_val.json", "images/val/a.jpg", "val"),
        ("annotations/instances_val.json", "images/a.jpg", "val"),
        ("annotations/train.json", "train/a.jpg", "train"),
        ("annotations/labels.json", "images/a.jpg", ""),
        ("annotations/labels.json", "JPEGImages/a.jpg", ""),
        ("coco.json", "a.jpg", ""),
        ("train/_annotations.coco.json", "train/a.jpg", "train"),
        ("annotations/instances_default.json", "annotations/a.jpg", ""),
    ],
)
def test_where_images_are_found(tmp_path, annotations, image, subset):
    make(tmp_path, image)
    write(tmp_path / annotations, images=images("a.jpg"), annotations=[], categories=CATEGORIES)
    (item,) = open_source(tmp_path)
    assert (item.subset, item.uri) == (subset, str(tmp_path / image))


def test_missing_images_are_still_items(tmp_path):
    make(tmp_path, "images/b.jpg")
    both = images("a.jpg", "b.jpg")
    file = write(tmp_path / "annotations" / "instances_x.json", images=both, annotations=[])
    assert [item.uri for item in open_source(tmp_path)] == [
        str(tmp_path / "images" / "a.jpg"),
        str(tmp_path / "images" / "b.jpg"),
    ]
    (tmp_path / "images" / "b.jpg").unlink()
    source = open_source(tmp_path)
    assert source.count() == 2
    (note,) = source.notes
    assert str(file) in note
    assert "none of its first 2 images was found" in note


def test_file_names_of_other_systems_and_places(tmp_path):
    names = (".\\sub\\a.jpg", "/abs/b.jpg", "https://host/c.jpg")
    make(tmp_path, "sub/a.jpg")
    write(tmp_path / "x.json", images=images(*names), annotations=[])
    first, second, third = open_source(tmp_path)
    assert (first.id, first.uri) == ("sub/a.jpg", str(tmp_path / "sub" / "a.jpg"))
    assert second.id == "abs/b.jpg"
    assert third.uri == "https://host/c.jpg"


def test_files_that_are_not_read_have_a_word(coco):
    nothing = {"images": [], "annotations": []}
    write(coco / "annotations" / "panoptic_val2017.json", **nothing)
    write(coco / "annotations" / "image_info_test2017.json", **nothing)
    write(coco / "annotations" / "settings.json", text="no COCO")
    source = open_source(coco)
    assert source.count() == 3
    assert [note for note in source.notes if "ignored" in note] == [
        "annotations/image_info_test2017.json: ignored: it has no annotations",
        "annotations/panoptic_val2017.json: ignored: panoptic segments are not read",
    ]
    assert source.unread == ["annotations/settings.json"]


def test_a_folder_with_other_json_is_a_folder(tmp_path):
    make(tmp_path, "a.jpg")
    write(tmp_path / "settings.json", images="a.jpg")
    (tmp_path / "empty.json").touch()
    assert open_source(tmp_path).format == "folder"


def test_broken_json_names_line_and_column(coco):
    file = coco / "annotations" / "instances_train2017.json"
    file.write_text('{"images": [],\n "annotations": [ ,]}')
    words = error(coco)
    assert f"{file}: line 2, column 19: not JSON" in words
    assert f"{coco} was taken for coco" in words
    assert "--format folder" in words
    assert "--format folder" not in error(coco, "coco")
    file.write_text('{"images": [], "annotations": [' + "[" * 100_000)
    assert f"{file}: " in error(coco)
    file.write_bytes(b'{"images": [], "annotations": ["\xff"]}')
    assert "byte 32: not UTF-8" in error(coco)


GOOD = {"images": images("a.jpg", "b.jpg"), "categories": CATEGORIES}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"annotations": [box(10, 91, 1, 1, 1, 1)]}, "annotations[0].category_id = 91"),
        ({"annotations": [box(77, 1, 1, 1, 1, 1)]}, "annotations[0].image_id = 77"),
        ({"annotations": [box(10, 1, 1, 1), box(10, 1, 1)]}, "annotations[0].bbox = [1, 1]"),
        ({"annotations": [box(10, 1, 1, 1, 1, "2")]}, 'annotations[0].bbox = [1, 1, 1, "2"]'),
        (
            {"annotations": [box(10, 1, 1, 1, 1, float("nan"))]},
            "annotations[0].bbox = [1, 1, 1, NaN]",
        ),
        ({"annotations": [box(10, 1, 1, 1, 1, 10**400)]}, "annotations[0].bbox = [1, 1, 1, 1000"),
        ({"annotations": [{"category_id": 1}]}, 'annotations[0]: the key "image_id" is missing'),
        ({"annotations": [{"image_id": 10}]}, 'neither "category_id" nor "caption"'),
        ({"annotations": [{"image_id": 10, "caption": 5}]}, "annotations[0].caption = 5"),
        ({"annotations": [3]}, "annotations[0] = 3: expected an object"),
        ({"images": [*images("a.jpg"), *images("b.jpg")]}, "images[1].id = 10"),
        ({"images": [{"id": 1}]}, 'images[0]: the key "file_name" is missing'),
        ({"images": [{"id": 1.5, "file_name": "a"}]}, "images[0].id = 1.5"),
        ({"images": [{"id": 1, "file_name": ""}]}, 'images[0].file_name = ""'),
        ({"categories": [{"id": 1}]}, 'categories[0]: the key "name" is missing'),
        ({"categories": 5}, "categories = 5: expected a list"),
        (
            {"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]},
            "categories[1].id = 1: expected ids that differ",
        ),
    ],
)
def test_what_is_wrong_in_coco_is_named(tmp_path, content, place):
    file = write(tmp_path / "instances_x.json", **{"annotations": [], **GOOD, **content})
    unreadable = place.startswith(("images[0]", "categories = 5"))
    words = error(tmp_path, rest_read=not unreadable)
    assert f"{file}: " in words
    assert place in words


def test_files_of_one_subset_have_ids_of_their_own(tmp_path):
    make(tmp_path, "a.jpg", "b.jpg")
    write(tmp_path / "a.json", images=images("a.jpg"), annotations=[])
    boxes = [box(10, 1, 1, 2, 3, 4)]
    write(tmp_path / "b.json", images=images("b.jpg"), annotations=boxes, categories=CATEGORIES)
    items = {item.id: dict(item.tags) for item in open_source(tmp_path)}
    assert items == {"a.jpg": {}, "b.jpg": {"cat": 1}}


def test_images_of_one_name_are_one_image_with_a_note(tmp_path):
    make(tmp_path, "a.jpg")
    boxes = [box(10, 1, 1, 2, 3, 4), box(11, 2, 5, 6, 7, 8)]
    both = images("a.jpg", "a.jpg")
    write(tmp_path / "x.json", images=both, annotations=boxes, categories=CATEGORIES)
    source = open_source(tmp_path)
    (item,) = source
    assert item.tags == {"cat": 1, "traffic light": 1}
    assert source.notes == [
        f"{tmp_path / 'x.json'}: images[1]: images of one name and several ids are one image"
    ]


def test_text_that_is_not_unicode_can_be_stored(tmp_path):
    broken = [{"id": "\ud800", "file_name": "\udfff.jpg"}]
    boxes = [box("\ud800", 1, 0, 0, 1, 1)]
    labels = [{"id": 1, "name": "\ud800"}]
    write(tmp_path / "x.json", images=broken, annotations=boxes, categories=labels)
    (item,) = open_source(tmp_path)
    assert (item.id, item.attributes["coco_id"]) == ("?.jpg", "?")
    assert item.tags == {"?": 1}
    write(tmp_path / "x.json", images=broken, annotations=["\ud800"])
    assert 'annotations[0] = "?"' in error(tmp_path, rest_read=True)


def test_damaged_annotations_end_in_items_or_a_source_error(coco):
    file = coco / "annotations" / "instances_train2017.json"
    whole, dice = file.read_bytes(), random.Random(0)
    for _ in range(500):
        damaged = bytearray(whole)
        for _ in range(dice.choice((1, 3))):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        file.write_bytes(damaged[: dice.choice((len(damaged), dice.randrange(len(damaged))))])
        try:
            items = list(open_source(coco))
        except SourceError as caught:
            str(caught).encode()
        else:
            assert items


# Real datasets


@real_data
def test_coco128():
    items = list(open_source(DATA / "coco128"))
    assert len(items) == 128
    assert sum(len(item.boxes) for item in items) == 939
    assert {item.subset for item in items} == {"train2017"}
    assert all(Path(item.uri).is_file() for item in items)
    assert all(sum(item.tags.values()) == len(item.boxes) for item in items)


@real_data
@pytest.mark.parametrize(
    ("name", "count"),
    [("caltech101", 1224), ("flowers", 400), ("emoji", 400)],
)
def test_real_folders(name, count):
    source = open_source(DATA / name)
    assert (source.format, source.name, source.count()) == ("folder", name, count)


@real_data
def test_class_folders_are_tags():
    items = list(open_source(DATA / "flowers", None, ReadOptions(tags_from_folder=True)))
    assert len({tag for item in items for tag in item.tags}) == 5
    assert {sum(item.tags.values()) for item in items} == {1}


@real_data
def test_subsets_of_real_folders():
    assert {item.subset for item in open_source(DATA / "road-signs-yolo", "folder")} == {
        "train",
        "valid",
        "test",
    }


def test_coco_categories_that_files_number_in_different_ways_are_told(tmp_path):
    for place, number in (("train", 1), ("val", 9)):
        write(
            tmp_path / f"annotations/instances_{place}.json",
            images=images(f"{place}.jpg"),
            annotations=[],
            categories=[
                {"id": number, "name": "cat", "supercategory": "animal"},
                {"id": 7, "name": f"{place} only"},
            ],
        )
    source = open_source(tmp_path, "coco")
    assert [(one.label, one.number, one.supercategory) for one in source.categories] == [
        ("cat", 1, "animal"),
        ("train only", 7, ""),
    ]
    first, second = (note for note in source.notes if "category" in note)
    assert "instances_val.json: the category 'cat' has the ids 1 and 9" in first
    assert "'val only' has the id 7, which 'train only' has in another file" in second
