"""LabelMe's files are read, or an error names the file and the place in it."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_sets import damage, error, image, opened, text

from hamsight_core.items import Box
from hamsight_ingest.listing import Listing
from hamsight_ingest.readers import ReadOptions, open_source, readers


def shape(label: object, *points: object, kind: str = "rectangle", **more: object) -> object:
    return {"label": label, "points": list(points), "shape_type": kind, **more}


def labelme(file: Path, *shapes: object, **more: object) -> Path:
    content = {"version": "5.4.1", "flags": {}, "shapes": list(shapes)}
    content |= {"imagePath": f"{file.stem}.jpg", "imageData": None, **more}
    return text(file, json.dumps(content, indent=2))


@pytest.fixture
def folder(tmp_path):
    """Two images, one annotated."""
    image(tmp_path / "a.jpg")
    image(tmp_path / "b.jpg")
    labelme(
        tmp_path / "a.json",
        shape("cat", [10, 20], [30, 60]),
        shape("cat", [30.5, 60], [10, 20]),
        shape("dog", [0, 0], [1, 1]),
        flags={"blurred": True, "dark": False},
    )
    return tmp_path


def test_a_folder_with_labelme_files(folder, monkeypatch):
    source, items = opened(folder, "labelme")
    assert source.detected == "LabelMe annotations: *.json"
    assert list(items) == ["/a.jpg", "/b.jpg"]
    first = items["/a.jpg"]
    assert first.uri == str(folder / "a.jpg")
    assert first.boxes == (
        Box("cat", 10, 20, 20, 40),
        Box("cat", 10, 20, 20.5, 40),
        Box("dog", 0, 0, 1, 1),
    )
    assert first.tags == {"blurred": 1, "cat": 2, "dog": 1}
    assert items["/b.jpg"].status == "unannotated"
    assert source.notes == []
    monkeypatch.chdir(folder)
    assert opened(Path("."), "labelme")[1] == items


def test_subsets_are_folders(tmp_path):
    for name in ("train/x/a", "batch/a"):
        image(tmp_path / f"{name}.jpg")
        labelme(tmp_path / f"{name}.json", shape("cat", [0, 0], [1, 1]))
    assert list(opened(tmp_path, "labelme")[1]) == ["/batch/a.jpg", "train/x/a.jpg"]
    options = {"subset_from_folder": True, "tags_from_folder": True}
    source, items = opened(tmp_path, "labelme", **options)
    assert {key: dict(item.tags) for key, item in items.items()} == {
        "batch/a.jpg": {"cat": 1},
        "train/x/a.jpg": {"x": 1, "cat": 1},
    }
    assert source.notes == []
    assert "all/train/x/a.jpg" in opened(tmp_path, "labelme", subset="all")[1]


def test_where_the_image_is(tmp_path):
    image(tmp_path / "images/a.jpg")
    image(tmp_path / "images/b.png")
    labelme(tmp_path / "labels/a.json", imagePath="..\\images\\a.jpg")
    labelme(tmp_path / "images/b.json", imagePath="C:\\Users\\me\\b.jpg")
    labelme(tmp_path / "images/gone.json", shape("cat", [0, 0], [1, 1]), imagePath="../x/gone.jpg")
    _, items = opened(tmp_path, "labelme")
    assert list(items) == ["/images/b.png", "/images/gone.jpg", "/images/a.jpg"]
    assert items["/images/gone.jpg"].uri == str(tmp_path / "images/gone.jpg")


def test_an_embedded_image_has_a_word(folder):
    data = base64.b64encode((folder / "a.jpg").read_bytes()).decode()
    file = labelme(folder / "a.json", imageData=data)
    assert opened(folder, "labelme")[0].notes == []
    (folder / "a.jpg").unlink()
    source, items = opened(folder, "labelme")
    assert items["/a.jpg"].uri == str(folder / "a.jpg")
    (note,) = source.notes
    assert note.startswith(f"{file}: images that are not there, but embedded")


@pytest.mark.parametrize(
    ("kind", "points", "box"),
    [
        ("polygon", [[5, 6], [1, 2], [3, 9]], (1, 2, 4, 7)),
        ("circle", [[10, 10], [13, 14]], (5, 5, 10, 10)),
        ("line", [[4, 1], [2, 3]], (2, 1, 2, 2)),
        ("linestrip", [[4, 1], [2, 3], [9, 9]], (2, 1, 7, 8)),
        ("point", [[4, 1]], (4, 1, 0, 0)),
        ("mask", [[1, 2], [3, 4]], (1, 2, 2, 2)),
    ],
)
def test_shapes_are_read_as_boxes_with_a_note(folder, kind, points, box):
    file = labelme(folder / "a.json", shape("x", *points, kind=kind))
    source, items = opened(folder, "labelme")
    assert items["/a.jpg"].boxes == (Box("x", *box),)
    words = f"shapes of the type {kind!r} are read as the boxes around them"
    assert source.notes == [f"{file}: {words}"]


def test_shapes_of_a_group_are_one_instance(folder):
    parts = [
        shape("cat", [0, 0], [1, 1], group_id=1),
        shape("cat", [5, 5], [6, 6], group_id=1),
        shape("cat", [7, 7], [8, 8], group_id=None),
        shape("dog", [0, 0], [1, 1], group_id=1),
    ]
    labelme(folder / "a.json", *parts)
    item = opened(folder, "labelme")[1]["/a.jpg"]
    assert item.tags == {"cat": 2, "dog": 1}
    assert item.boxes[0] == Box("cat", 0, 0, 6, 6)


def test_other_json_has_a_word(folder):
    other = text(folder / "settings.json", '{"theme": "dark"}')
    assert opened(folder, "labelme")[0].notes == [
        f"{other}: JSON files without LabelMe's shapes, left out"
    ]
    (folder / "a.json").unlink()
    assert open_source(folder).format == "folder"


BOX = ([0, 0], [1, 1])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"shapes": 5}, "shapes: expected a list"),
        ({"shapes": [5]}, "shapes[0]: expected an object"),
        ({"shapes": [shape("a", *BOX), shape(7, *BOX)]}, "shapes[1].label: 7; expected text"),
        ({"shapes": [shape("a", points=5)]}, "shapes[0].points: 5; expected a list of [x, y]"),
        ({"shapes": [shape("a", [0, 0], [1])]}, "shapes[0].points[1]: [1]; expected [x, y]"),
        ({"shapes": [shape("a", [0, "x"])]}, "shapes[0].points[0]: [0, 'x']; expected [x, y]"),
        ({"shapes": [shape("a", [0, float("nan")])]}, "shapes[0].points[0]: [0, nan]; expected"),
        ({"shapes": [shape("a", [0, 0], kind="circle")]}, "shapes[0].points: expected 2 points"),
        ({"shapes": [shape("a", *BOX, group_id=[])]}, "shapes[0].group_id: []; expected a number"),
        ({"imagePath": None}, "imagePath: None; expected the path of the image"),
        ({"imagePath": "\0"}, "imagePath: '\\x00'; expected the path of the image"),
        ({"imagePath": "b.jpg"}, "imagePath: "),
        ({"flags": [1]}, "flags: expected an object of names to true or false"),
    ],
)
def test_what_is_wrong_names_file_and_place(folder, content, words):
    labelme(folder / "b.json")
    file = labelme(folder / "a.json", **content)
    file = folder / "b.json" if content.get("imagePath") == "b.jpg" else file
    assert f"{file}: {words}" in error(folder, "labelme", rest_read=True)


def test_broken_json_names_line_and_column(folder):
    labelme(folder / "b.json")
    file = text(folder / "a.json", '{"shapes": [', '"imagePath"')
    assert f"{file}: line 3, column 1: not JSON: Expecting ',' delimiter" in error(
        folder, "labelme", rest_read=True
    )
    file.write_bytes(b'{"shapes": "\xff"}')
    assert f"{file}: byte 12: not UTF-8 text" in error(folder, "labelme", rest_read=True)
    text(file, '{"shapes": ' + "[" * 100_000)
    assert f"{file}: " in error(folder, "labelme", rest_read=True)
    (folder / "a.jpg").unlink()
    text(file, '{"shapes": [], "imagePath": "\\ud800.jpg", "imageData": null}')
    assert "/?.jpg" in opened(folder, "labelme")[1]


def test_damage(folder):
    labelme(folder / "b.json", shape("dog", [1, 1], [2, 2]))
    (reader,) = (reader for reader in readers() if reader.name == "labelme")
    damage([folder / "a.json"], lambda: reader.open(Listing(folder), ReadOptions()))


SHAPE = st.tuples(st.text(max_size=9), *[st.integers(-99, 999)] * 2, *[st.integers(0, 999)] * 2)


@settings(max_examples=60, deadline=None)
@given(boxes=st.lists(SHAPE, max_size=5))
def test_what_is_written_is_read(tmp_path_factory, boxes):
    root = tmp_path_factory.mktemp("labelme")
    image(root / "a.jpg")
    shapes = [shape(label, [x, y], [x + w, y + h]) for label, x, y, w, h in boxes]
    labelme(root / "a.json", *shapes)
    item = opened(root, "labelme")[1]["/a.jpg"]
    assert item.boxes == tuple(Box(*box) for box in boxes)
    assert sum(item.tags.values()) == len(boxes)
