"""YOLO datasets are read in their layouts, or an error names the file and the line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_sets import DATA, damage, error, image, opened, real_data, text

from hamsight_core.items import Box
from hamsight_ingest.listing import Listing
from hamsight_ingest.readers import ReadOptions, open_source, readers

NAMES = "names: [cat, traffic light]"


@pytest.fixture
def ultralytics(tmp_path):
    """images/train and labels/train beside data.yaml, names as a mapping."""
    image(tmp_path / "images/train/a.jpg", 200, 100)
    image(tmp_path / "images/train/sub/b.png", 100, 100)
    image(tmp_path / "images/val/a.jpg", 50, 50)
    text(tmp_path / "labels/train/a.txt", "0 0.5 0.5 0.2 0.4", "", "1 0.1 0.1 0.1 0.1", "0 1 1 0 0")
    text(tmp_path / "labels/val/a.txt")
    text(
        tmp_path / "data.yaml",
        "path: ../somewhere/else",
        "train: images/train",
        "val: images/val",
        "test:  # none",
        "names:",
        "  0: cat",
        "  1: no",
    )
    return tmp_path


def test_the_layout_of_ultralytics(ultralytics):
    source, items = opened(ultralytics, "yolo")
    assert source.detected == "YOLO dataset: data.yaml names classes and images"
    assert source.name == ultralytics.name
    assert list(items) == ["train/a.jpg", "train/sub/b.png", "val/a.jpg"]
    first = items["train/a.jpg"]
    assert first.uri == str(ultralytics / "images/train/a.jpg")
    assert first.tags == {"cat": 2, "no": 1}
    assert [box.label for box in first.boxes] == ["cat", "no", "cat"]
    assert (first.boxes[0].x, first.boxes[0].y) == pytest.approx((80, 30))
    assert (first.boxes[0].width, first.boxes[0].height) == pytest.approx((40, 40))
    assert {items["train/sub/b.png"].status, items["val/a.jpg"].status} == {"unannotated"}
    assert source.notes == []


def test_the_yaml_file_itself_and_a_relative_path(ultralytics, monkeypatch):
    assert len(opened(ultralytics / "data.yaml", "yolo")[1]) == 3
    monkeypatch.chdir(ultralytics)
    source, items = opened(Path("."), "yolo")
    assert source.name == ultralytics.name
    assert items["val/a.jpg"].uri == str(ultralytics / "images/val/a.jpg")


def test_the_plain_layout_with_a_yaml_that_was_moved(tmp_path):
    image(tmp_path / "train/images/a.jpg")
    image(tmp_path / "valid/images/a.jpg")
    text(tmp_path / "train/labels/a.txt", "1 0.5 0.5 1 1")
    text(tmp_path / "data.yml", "train: ../train/images", "val: ../valid/images", "nc: 2", NAMES)
    _, items = opened(tmp_path, "yolo")
    assert list(items) == ["train/a.jpg", "val/a.jpg"]
    assert items["train/a.jpg"].boxes == (Box("traffic light", 0, 0, 200, 100),)


def test_lists_of_folders_and_of_images(tmp_path):
    for name in ("images/a/1.jpg", "images/b/1.jpg", "images/c/1.jpg"):
        image(tmp_path / name)
    text(tmp_path / "labels/c/1.txt", "0 0.5 0.5 1 1")
    text(tmp_path / "val.txt", "./images/c/1.jpg", "data/images/c/gone.jpg", "", "images/c/1.jpg")
    text(tmp_path / "data.yaml", "train: [images/a, images/b]", "val: val.txt", NAMES)
    source, items = opened(tmp_path, "yolo")
    assert list(items) == [
        "train/images/a/1.jpg",
        "train/images/b/1.jpg",
        "val/images/c/1.jpg",
        "val/data/images/c/gone.jpg",
    ]
    assert items["val/images/c/1.jpg"].tags == {"cat": 1}
    (note,) = source.notes
    assert note.startswith(f"{tmp_path / 'val.txt'}: images named by more than one list")


def test_darknet(tmp_path):
    image(tmp_path / "obj_train_data/a.jpg")
    text(tmp_path / "obj_train_data/a.txt", "1 0.5 0.5 1 1")
    text(tmp_path / "obj.names", "cat", "dog", "")
    text(tmp_path / "train.txt", "data/obj_train_data/a.jpg")
    text(tmp_path / "obj.data", "classes = 2", "train = data/train.txt", "names = data/obj.names")
    source, items = opened(tmp_path, "yolo")
    assert "obj.data" in source.detected
    assert list(items) == ["train/obj_train_data/a.jpg"]
    assert items["train/obj_train_data/a.jpg"].tags == {"dog": 1}


@pytest.mark.parametrize(
    ("images", "labels", "key"),
    [
        ("a.jpg", "a.txt", "/a.jpg"),
        ("images/a.jpg", "labels/a.txt", "/a.jpg"),
        ("images/train/a.jpg", "labels/train/a.txt", "train/a.jpg"),
        ("valid/images/a.jpg", "valid/labels/a.txt", "valid/a.jpg"),
    ],
)
def test_class_names_without_a_file_that_says_where_images_are(tmp_path, images, labels, key):
    image(tmp_path / images)
    text(tmp_path / labels, "1 0.5 0.5 1 1")
    text(tmp_path / "classes.txt", "cat", "dog")
    _, items = opened(tmp_path, "yolo")
    assert {name: dict(item.tags) for name, item in items.items()} == {key: {"dog": 1}}


def test_class_names_alone_make_no_yolo_dataset(tmp_path):
    image(tmp_path / "a.jpg")
    text(tmp_path / "classes.txt", "cat")
    text(tmp_path / "captions.txt", "0 cats")
    assert open_source(tmp_path).format == "folder"
    words = error(tmp_path, "yolo")
    assert "looks like the format folder" in words


def test_polygons_confidences_and_keypoints_are_boxes_with_a_note(ultralytics):
    file = text(
        ultralytics / "labels/train/a.txt",
        "0 0.1 0.2 0.5 0.2 0.3 0.9",
        "1 0.5 0.5 0.2 0.4 0.87",
        "0 0.1 0.1 0.2 0.1 0.2 0.2 0.1 0.2",
    )
    source, items = opened(ultralytics, "yolo")
    polygon, confident, turned = items["train/a.jpg"].boxes
    assert (polygon.x, polygon.y, polygon.width, polygon.height) == pytest.approx((20, 20, 80, 70))
    assert (confident.x, confident.y) == pytest.approx((80, 30))
    assert (turned.x, turned.y, turned.width, turned.height) == pytest.approx((20, 10, 20, 10))
    assert source.notes == [
        f"polygons are read as the boxes around them: 2, the first in {file}:1",
        f"{file}:2: confidences of boxes are not kept",
    ]
    with (ultralytics / "data.yaml").open("a") as yaml:
        yaml.write("kpt_shape: [1, 3]\n")
    text(file, "0 0.5 0.5 0.2 0.4 0.5 0.5 2")
    source, items = opened(ultralytics, "yolo")
    assert items["train/a.jpg"].boxes[0].x == pytest.approx(80)
    assert source.notes == [f"{file}:1: keypoints are not read, their boxes are"]


def test_boxes_are_of_the_image_as_it_is_seen(ultralytics):
    image(ultralytics / "images/train/a.jpg", 200, 100, orientation=6)
    text(ultralytics / "labels/train/a.txt", "0 0.5 0.5 1 1")
    assert opened(ultralytics, "yolo")[1]["train/a.jpg"].boxes == (Box("cat", 0, 0, 100, 200),)


def test_what_is_left_out_has_a_word(ultralytics):
    orphan = text(ultralytics / "labels/train/sub/gone.txt", "0 0.5 0.5 1 1")
    broken = ultralytics / "images/train/a.jpg"
    broken.write_bytes(b"no image")
    text(
        ultralytics / "data.yaml",
        "train: images/train",
        "val: images/train",
        "test: images/test",
        "nc: 3",
        "names: [cat, dog]",
    )
    source, items = opened(ultralytics, "yolo")
    assert list(items) == ["train/a.jpg", "train/sub/b.png"]
    assert (items["train/a.jpg"].tags, items["train/a.jpg"].boxes) == ({"cat": 2, "dog": 1}, ())
    yaml = ultralytics / "data.yaml"
    assert source.notes == [
        f"{yaml}: nc is '3', but there are 2 names",
        f"{yaml}: test: 'images/test' is not there: left out",
        f"{yaml}: val names the same images as train, {ultralytics / 'images/train'}:"
        " they are read once, as train",
        f"{broken}: images whose size cannot be read: their tags are kept, their boxes left out",
        f"{orphan}: label files without an image, left out",
    ]


def test_options(ultralytics):
    source, items = opened(ultralytics, "yolo", tags_from_folder=True, subset_from_folder=True)
    assert items["train/sub/b.png"].tags == {"sub": 1}
    assert source.notes[0].startswith("--subset-from-folder is ignored")
    words = error(ultralytics, "yolo", subset="all")
    assert "a.jpg is in the subsets 'train' and 'val'; leave out --subset" in words
    (ultralytics / "images/val/a.jpg").rename(ultralytics / "images/val/c.jpg")
    items = opened(ultralytics, "yolo", subset="all")[1]
    assert list(items) == ["all/a.jpg", "all/sub/b.png", "all/c.jpg"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2 0.5 0.5 1 1", "class 2; expected one of the 2 classes of"),
        ("-1 0.5 0.5 1 1", "class -1; expected one of the 2 classes of"),
        ("cat 0.5 0.5 1 1", "'cat'; expected a line CLASS X Y WIDTH HEIGHT"),
        ("0.5 0.5 0.5 1 1", "'0.5'; expected a line CLASS X Y WIDTH HEIGHT"),
        ("0 0.5 0.5 1", "3 numbers after the class; expected 4"),
        ("0 0.1 0.2 0.3 0.4 0.5 0.6 0.7", "7 numbers after the class; expected 4"),
        ("0 0.5 0.5 1 x", "'x'; expected a number"),
        ("0 0.5 0.5 1 nan", "'nan'; expected a number"),
        ("0 0.5 0.5 320 1", "320; expected fractions of the image's size, from 0 to 1"),
    ],
)
def test_a_wrong_label_names_file_and_line(ultralytics, line, words):
    file = text(ultralytics / "labels/train/a.txt", "0 0.5 0.5 1 1", line)
    assert f"{file}:2: {words}" in error(ultralytics, "yolo", rest_read=True)
    file.write_bytes(b"0 0.5 \xff")
    assert f"{file}:1: byte 6 of it is not UTF-8" in error(ultralytics, "yolo")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["names: cat", "train: images/train"], "names: expected a list of names, or a mapping"),
        (["names: {a: cat}", "train: images/train"], "names: 'a'; expected the number of a class"),
        (["names: [[cat]]", "train: images/train"], "names[0]: expected text"),
        (["names: [cat]", "train: {a: b}"], "train: expected a folder, a .txt list of images"),
        (["names: [cat]", "train: data.yaml"], "train: 'data.yaml'; expected a folder or a .txt"),
        (["names: [cat", "train: images/train"], "line 2, column 6: not YAML"),
        (["names: [cat]", "train: images/train", "kpt_shape: 3"], "kpt_shape: expected two number"),
        (["names: " + "[" * 5000, "train: images/train"], "not YAML"),
        (["names: [cat]", "train: images/train", "path: [a]"], "path: expected text"),
    ],
)
def test_a_wrong_yaml_names_the_key(ultralytics, lines, words):
    file = text(ultralytics / "data.yaml", *lines)
    assert f"{file}: {words}" in error(ultralytics, "yolo")


def test_wrong_darknet_files(tmp_path):
    image(tmp_path / "a.jpg")
    data = text(tmp_path / "obj.data", "train = train.txt")
    assert f"{data}: expected a line names = FILE" in error(tmp_path, "yolo")
    text(data, "train = train.txt", "names = obj.names")
    assert f"{data}: names: 'obj.names' is not there" in error(tmp_path, "yolo")
    text(data, "train")
    assert f"{data}:1: 'train'; expected KEY = VALUE" in error(tmp_path, "yolo")
    text(data, "train = train.txt", "names = obj.names")
    text(tmp_path / "obj.names", "cat")
    text(tmp_path / "train.txt", "", "")
    assert "but no image" in error(tmp_path, "yolo")


def test_a_yaml_that_names_no_folder_that_is_there(ultralytics, tmp_path):
    text(ultralytics / "data.yaml", "names: [cat, dog]", "train: nowhere")
    source, items = opened(ultralytics, "yolo")
    assert list(items) == ["train/a.jpg", "train/sub/b.png", "val/a.jpg"]
    assert source.notes == [f"{ultralytics / 'data.yaml'}: train: 'nowhere' is not there: left out"]


def test_a_yaml_of_aliases_takes_no_time(ultralytics):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]
    file = text(ultralytics / "data.yaml", *lines, "names: *a39", "train: images/train")
    assert f"{file}: names[0]: expected text" in error(ultralytics, "yolo")


def test_damage(ultralytics):
    files = [ultralytics / "data.yaml", *(ultralytics / "labels").rglob("*/a.txt")]
    yolo = next(reader for reader in readers() if reader.name == "yolo")
    damage(
        [file for file in files if file.stat().st_size],
        lambda: yolo.open(Listing(ultralytics), ReadOptions()),
    )


LABELS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8),
    min_size=1,
    max_size=4,
)
BOXES = st.lists(
    st.tuples(st.integers(0, 3), *[st.integers(0, 64)] * 4).filter(
        lambda one: one[1] + one[3] <= 64 and one[2] + one[4] <= 64
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(labels=LABELS, boxes=BOXES)
def test_what_is_written_is_read(tmp_path_factory, labels, boxes):
    import yaml

    root = tmp_path_factory.mktemp("yolo")
    image(root / "train/images/a.png", 64, 64)
    boxes = [(index % len(labels), *box) for index, *box in boxes]
    lines = [
        f"{index} {(x + w / 2) / 64} {(y + h / 2) / 64} {w / 64} {h / 64}"
        for index, x, y, w, h in boxes
    ]
    text(root / "train/labels/a.txt", *lines)
    content = {"train": "train/images", "names": dict(enumerate(labels))}
    text(root / "data.yaml", yaml.safe_dump(content, allow_unicode=True))
    item = opened(root, "yolo")[1]["train/a.png"]
    assert item.boxes == tuple(Box(labels[index], *box) for index, *box in boxes)
    assert sum(item.tags.values()) == len(boxes)


@real_data
def test_road_signs():
    source, items = opened(DATA / "road-signs-yolo", "yolo")
    subsets = [item.subset for item in items.values()]
    assert {name: subsets.count(name) for name in subsets} == {
        "train": 100,
        "val": 128,
        "test": 128,
    }
    boxes = [box for item in items.values() for box in item.boxes]
    assert len(boxes) == 424
    assert sum(sum(item.tags.values()) for item in items.values()) == 424
    assert all(min(b.x, b.y) >= -1 and max(b.x + b.width, b.y + b.height) <= 641 for b in boxes)
    assert len({box.label for box in boxes}) == 8
    assert source.notes == []
