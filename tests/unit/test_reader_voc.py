"""Pascal VOC is read in its layouts, or an error names the file, the line and the element."""

from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_sets import damage, error, image, opened, refused, text

from hamsight_core.items import Box
from hamsight_ingest.listing import Listing
from hamsight_ingest.readers import ReadOptions, open_source, readers


def one(name: str, *sides: object, more: str = "") -> str:
    tags = ("xmin", "ymin", "xmax", "ymax")
    box = "".join(f"<{tag}>{side}</{tag}>" for tag, side in zip(tags, sides, strict=True))
    return f"<object><name>{escape(name)}</name>{more}<bndbox>{box}</bndbox></object>"


def voc(file: Path, *objects: str, name: str = "") -> Path:
    filename = f"<filename>{name or file.stem + '.jpg'}</filename>"
    return text(file, "<annotation>", filename, *objects, "</annotation>")


@pytest.fixture
def year(tmp_path):
    """Three images, one in train and trainval, one in val, one in no set and not annotated."""
    root = tmp_path / "VOC2012"
    for name in ("a", "b", "c"):
        image(root / f"JPEGImages/{name}.jpg", 40, 20)
    flags = "<difficult>1</difficult><truncated>1</truncated><occluded>0</occluded>"
    boxes = [one("cat", 1, 1, 40, 20, more=flags), one("cat", 2.5, 3, 4, 5), one("dog", 9, 9, 9, 9)]
    voc(root / "Annotations/a.xml", *boxes)
    voc(root / "Annotations/b.xml", one("dog", 5, 6, 7, 8))
    text(root / "ImageSets/Main/train.txt", "a")
    text(root / "ImageSets/Main/val.txt", "b")
    text(root / "ImageSets/Main/dog_train.txt", "a -1", "b  1")
    return root


def test_the_layout_of_voc(year):
    source, items = opened(year, "voc")
    assert source.detected == "Pascal VOC annotations in Annotations"
    assert list(items) == ["train/a.jpg", "val/b.jpg", "/c.jpg"]
    first = items["train/a.jpg"]
    assert first.uri == str(year / "JPEGImages/a.jpg")
    assert first.tags == {"cat": 2, "dog": 1}
    # Pixels from 1 with both ends become edges from 0: the first box is the whole image.
    assert first.boxes == (
        Box("cat", 0, 0, 40, 20),
        Box("cat", 1.5, 2, 2.5, 3),
        Box("dog", 8, 8, 1, 1),
    )
    assert first.attributes == {"difficult": "1", "truncated": "1"}
    assert items["/c.jpg"].status == "unannotated"
    assert source.notes == [
        f"{year / 'ImageSets/Main/dog_train.txt'}: sets of one class in ImageSets are not subsets,"
        " left out"
    ]


def test_an_image_in_several_sets(year):
    file = text(year / "ImageSets/Main/trainval.txt", "a", "b", "c", "gone")
    source, items = opened(year, "voc")
    assert list(items) == ["train/a.jpg", "val/b.jpg", "trainval/c.jpg"]
    assert any(
        note.startswith("names in more than one set") and note.endswith(f"2, the first in {file}")
        for note in source.notes
    )
    assert (
        "gone: names in ImageSets with neither an image nor an annotation, left out" in source.notes
    )


def test_a_devkit_of_one_year_and_of_more(year):
    assert len(opened(year.parent, "voc")[1]) == 3
    voc(year.parent / "VOC2007/Annotations/a.xml")
    words = error(year.parent, "voc")
    assert f"2 datasets; give {year.parent / 'VOC2007'} or {year}" in words


@pytest.mark.parametrize(
    ("images", "xml", "key"),
    [
        ("images/a.png", "annotations/a.xml", "/a.png"),
        ("a.png", "a.xml", "/a.png"),
        ("train/a.png", "train/a.xml", "train/a.png"),
        ("batch/a.png", "batch/a.xml", "/batch/a.png"),
        ("JPEGImages/x/a.png", "Annotations/x/a.xml", "/x/a.png"),
    ],
)
def test_where_images_are_found(tmp_path, images, xml, key, monkeypatch):
    image(tmp_path / images)
    voc(tmp_path / xml, one("cat", 1, 1, 2, 2), name="a.png")
    _, items = opened(tmp_path, "voc")
    assert {name: dict(item.tags) for name, item in items.items()} == {key: {"cat": 1}}
    assert [item.uri for item in items.values()] == [str(tmp_path / images)]
    monkeypatch.chdir(tmp_path)
    assert opened(Path("."), "voc")[1] == items


def test_an_image_of_another_name_or_none(year):
    voc(year / "Annotations/b.xml", name="c.jpg")
    (year / "JPEGImages/b.jpg").unlink()
    voc(year / "Annotations/d.xml", name="d.PNG")
    _, items = opened(year, "voc")
    assert list(items) == ["train/a.jpg", "/c.jpg", "/d.PNG"]
    assert items["/d.PNG"].uri == str(year / "JPEGImages/d.PNG")


def test_what_is_not_read_has_a_word(year):
    part = "<part><name>head</name></part>"
    file = voc(year / "Annotations/a.xml", one("cat", 0, 0, 9, 9, more=part))
    other = text(year / "Annotations/x.xml", "<svg/>")
    source, items = opened(year, "voc")
    assert items["train/a.jpg"].boxes == (Box("cat", -1, -1, 10, 10),)
    assert {note.split(": ")[0] for note in source.notes} >= {f"{file}:3", str(other)}


def test_options(year):
    source, items = opened(year, "voc", subset="all", subset_from_folder=True)
    assert list(items) == ["all/a.jpg", "all/b.jpg", "all/c.jpg"]
    assert source.notes[0].startswith("--subset-from-folder is ignored: ImageSets/Main")


def test_options_of_files_beside_images(tmp_path):
    image(tmp_path / "pets/cats/a.jpg")
    voc(tmp_path / "pets/a.xml")
    options = {"subset_from_folder": True, "tags_from_folder": True}
    _, items = opened(tmp_path, "voc", **options)
    assert {key: dict(item.tags) for key, item in items.items()} == {
        "pets/cats/a.jpg": {"cats": 1},
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<object/>", ":3: <object>: expected <name> in it"),
        ("<object><name> </name></object>", ":3: <name>: empty; expected the name of a class"),
        ("<object><name>a</name></object>", ":3: <object>: expected <bndbox> in it"),
        (one("a", 1, 1, "x", 1), ":3: <xmax>: 'x'; expected a number"),
        (one("a", 1, 1, "inf", 1), ":3: <xmax>: 'inf'; expected a number"),
        ("<object><name>a<name></object>", ":3: column 24: not XML: mismatched tag"),
        ("<a>" * 100 + "</a>" * 100, ":3: <a> is in more than 64 elements"),
    ],
)
def test_a_wrong_annotation_names_file_line_and_element(year, content, words):
    file = voc(year / "Annotations/a.xml", content)
    assert f"{file}{words}" in error(year, "voc", rest_read=True)


def test_what_is_wrong_is_refused_and_the_rest_is_read(year):
    voc(year / "Annotations/a.xml", one("cat", 1, 1, 2, 2), one("cat", 1, 1, "x", 1))
    assert refused(year) == "Annotations/a.xml:4"
    assert {item.id: dict(item.tags) for item in open_source(year)}["a.jpg"] == {"cat": 1}
    text(year / "Annotations/a.xml", "<annotation>")
    assert refused(year) == "Annotations/a.xml:2"


def test_a_box_drawn_from_another_corner_is_turned(year):
    voc(year / "Annotations/a.xml", one("cat", 9, 8, 5, 2))
    source, items = opened(year, "voc")
    assert items["train/a.jpg"].boxes == (Box("cat", 4, 1, 5, 7),)
    assert any("negative size" in note for note in source.notes)


def test_entities_are_refused(year):
    laughs = ['<!ENTITY a0 "ha">', *(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 9))]
    doctype = ["<!DOCTYPE annotation [", *laughs, "]>"]
    body = "<annotation><object><name>&a8;</name></object></annotation>"
    file = text(year / "Annotations/a.xml", '<?xml version="1.0"?>', *doctype, body)
    assert f"{file}:2: a DOCTYPE, which could hide entities; delete it" in error(
        year, "voc", rest_read=True
    )
    file.write_bytes(file.read_text().encode("utf-16"))
    assert f"{file}:2: a DOCTYPE" in error(year, "voc", rest_read=True)
    text(file, '<!DOCTYPE annotation SYSTEM "file:///etc/passwd">', body)
    assert f"{file}:1: a DOCTYPE" in error(year, "voc", rest_read=True)


def test_other_encodings(year):
    file = year / "Annotations/a.xml"
    xml = f"<annotation>{one('käse', 1, 1, 2, 2)}</annotation>"
    file.write_bytes(f'<?xml version="1.0" encoding="cp1252"?>{xml}'.encode("cp1252"))
    assert opened(year, "voc")[1]["train/a.jpg"].tags == {"käse": 1}
    file.write_bytes(f'<?xml version="1.0" encoding="none"?>{xml}'.encode())
    assert f"{file}:1: " in error(year, "voc", rest_read=True)


def test_a_folder_with_other_xml_is_a_folder(tmp_path):
    image(tmp_path / "a.jpg")
    text(tmp_path / "a.xml", "<svg/>")
    assert open_source(tmp_path).format == "folder"


def test_damage(year):
    reader = next(reader for reader in readers() if reader.name == "voc")
    files = [*year.glob("Annotations/*.xml"), *year.glob("ImageSets/Main/*.txt")]
    damage(files, lambda: reader.open(Listing(year), ReadOptions()))


NAME = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9)
BOX = st.tuples(NAME, *[st.integers(0, 999)] * 2, *[st.integers(1, 999)] * 2)


@settings(max_examples=60, deadline=None)
@given(boxes=st.lists(BOX, max_size=5))
def test_what_is_written_is_read(tmp_path_factory, boxes):
    root = tmp_path_factory.mktemp("voc")
    image(root / "JPEGImages/a.jpg")
    objects = [one(name, x + 1, y + 1, x + w, y + h) for name, x, y, w, h in boxes]
    voc(root / "Annotations/a.xml", *objects)
    item = opened(root, "voc")[1]["/a.jpg"]
    assert item.boxes == tuple(Box(*box) for box in boxes)
    assert sum(item.tags.values()) == len(boxes)
