"""CVAT's annotations of images are read, or an error names the file, the line and the element."""

from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_sets import damage, error, image, opened, text

from hamsight_core.items import Box
from hamsight_ingest.listing import Listing
from hamsight_ingest.readers import ReadOptions, readers

META = "<meta><task><labels><label><name>cat</name></label></labels></task></meta>"


def cvat(file: Path, *lines: str) -> Path:
    return text(file, "<annotations>", "<version>1.1</version>", META, *lines, "</annotations>")


def of(content: str, name: str = "a.jpg", more: str = "") -> str:
    return f'<image id="0" name={quoteattr(name)} width="200" height="100" {more}>{content}</image>'


@pytest.fixture
def task(tmp_path):
    """An export of a task with two images."""
    image(tmp_path / "images/a.jpg")
    image(tmp_path / "images/sub/b.jpg")
    cvat(
        tmp_path / "annotations.xml",
        '<image id="7" name="a.jpg" width="200" height="100">',
        '<box label="cat" occluded="1" xtl="1.5" ytl="2" xbr="11.5" ybr="22" z_order="0">',
        '<attribute name="colour">red</attribute></box>',
        '<box label="cat" occluded="0" xtl="0" ytl="0" xbr="200" ybr="100">',
        '<attribute name="colour">black</attribute></box>',
        '<tag label="outside"><attribute name="light">day</attribute></tag>',
        "</image>",
        '<image id="8" name="sub/b.jpg" width="200" height="100"></image>',
    )
    return tmp_path


def test_an_export_of_a_task(task, monkeypatch):
    source, items = opened(task, "cvat")
    assert source.detected == "CVAT annotations in annotations.xml"
    assert list(items) == ["/a.jpg", "/sub/b.jpg"]
    first = items["/a.jpg"]
    assert first.uri == str(task / "images/a.jpg")
    assert first.boxes == (Box("cat", 1.5, 2, 10, 20), Box("cat", 0, 0, 200, 100))
    assert first.tags == {"cat": 2, "outside": 1}
    assert first.attributes == {
        "cat.colour": "red, black",
        "outside.light": "day",
        "cvat_id": "7",
        "occluded": "1",
    }
    assert items["/sub/b.jpg"].status == "unannotated"
    assert source.notes == []
    assert opened(task / "annotations.xml", "cvat")[1] == items
    monkeypatch.chdir(task)
    assert opened(Path("annotations.xml"), "cvat")[1] == items


def test_subsets_and_missing_images(task):
    image(task / "images/train/a.jpg")
    image(task / "images/train/more.jpg")
    train = 'subset="train"'
    cvat(task / "annotations.xml", of("", more=train), of("", "gone.jpg", train), of("", "a.jpg"))
    source, items = opened(task, "cvat")
    assert {key: item.uri for key, item in items.items()} == {
        "train/a.jpg": str(task / "images/train/a.jpg"),
        "train/gone.jpg": str(task / "images/gone.jpg"),
        "/a.jpg": str(task / "images/a.jpg"),
    }
    words = "image files that annotations.xml does not name, left out: 2, the first in"
    assert source.notes == [f"{words} {task / 'images'}"]
    assert "a.jpg is in the subsets 'train' and ''" in error(task, "cvat", subset="all")
    source, _ = opened(task, "cvat", subset_from_folder=True)
    assert "--subset-from-folder is ignored" in source.notes[0]


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ('<polygon label="x" points="10,20;30,5;25,40"/>', (10, 5, 20, 35)),
        ('<polyline label="x" points="1.5,2;3,4"/>', (1.5, 2, 1.5, 2)),
        ('<points label="x" points="7,8"/>', (7, 8, 0, 0)),
        ('<mask label="x" rle="1,2" left="3" top="4" width="5" height="6"/>', (3, 4, 5, 6)),
        ('<ellipse label="x" cx="10" cy="20" rx="4" ry="5"/>', (6, 15, 8, 10)),
        (
            '<ellipse label="x" cx="10" cy="20" rx="4" ry="5" rotation="90"/>',
            pytest.approx((5, 16, 10, 8)),
        ),
        (
            '<box label="x" xtl="10" ytl="10" xbr="30" ybr="20" rotation="90"/>',
            pytest.approx((15, 5, 10, 20)),
        ),
        (
            '<cuboid label="x" xtl1="1" ytl1="2" xbl1="1" ybl1="9" xtr1="5" ytr1="2" xbr1="5"'
            ' ybr1="9" xtl2="3" ytl2="1" xbl2="3" ybl2="8" xtr2="7" ytr2="1" xbr2="7" ybr2="8"/>',
            (1, 1, 6, 8),
        ),
        (
            '<skeleton label="x"><points label="1" points="1,2"/><points label="2" points="4,8"/>'
            "</skeleton>",
            (1, 2, 3, 6),
        ),
    ],
)
def test_shapes_are_read_as_boxes_with_a_note(task, shape, box):
    file = cvat(task / "annotations.xml", of(shape))
    source, items = opened(task, "cvat")
    (read,) = items["/a.jpg"].boxes
    assert (read.x, read.y, read.width, read.height) == box
    assert items["/a.jpg"].tags == {"x": 1}
    assert source.notes[0].startswith(f"{file}:4: ")
    assert "box" in source.notes[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (of('<box label="x" xtl="1"/>'), "<box>: expected an attribute ytl"),
        (
            of('<box label="x" xtl="1" ytl="1" xbr="y" ybr="2"/>'),
            "<box>: xbr='y'; expected a number",
        ),
        (of('<polygon label="x" points="1,2;3"/>'), "<polygon>: points: '3'; expected pairs of"),
        (of('<polygon label="x" points=""/>'), "<polygon>: points: ''; expected pairs of numbers"),
        (of('<skeleton label="x"/>'), "<skeleton>: expected <points> in it"),
        (of('<star label="x"/>'), "<star>: not a shape of CVAT for images; expected box"),
        (of("<tag/>"), "<tag>: expected an attribute label"),
        (of('<tag label="x"><attribute/></tag>'), "<attribute>: expected an attribute name"),
        ('<image id="0"/>', "<image>: expected an attribute name"),
        (of("", ""), '<image>: name=""; expected the path of an image'),
        (
            '<track id="0" label="x"/>',
            "<track>: annotations of a video; expected its frames as frame",
        ),
        ("<image", "column 1: not XML: not well-formed"),
    ],
)
def test_what_is_wrong_names_file_line_and_element(task, line, words):
    file = cvat(task / "annotations.xml", line)
    place = f"{file}:5: " if line == "<image" else f"{file}:4: "
    rest_read = 'name="a.jpg"' in line
    assert place + words in error(task, "cvat", rest_read=rest_read)


def test_wrong_files(task):
    file = cvat(task / "annotations.xml")
    assert f"{task}: CVAT annotations in annotations.xml, but no image" in error(task, "cvat")
    cvat(file, of(""), of(""))
    assert "a.jpg is more than once in the subset ''" in error(task, "cvat")
    text(file, "<!DOCTYPE annotations [<!ENTITY a 'b'>]>", "<annotations/>")
    assert f"{file}:1: a DOCTYPE, which could hide entities" in error(task, "cvat")


def test_a_large_file_is_read_image_by_image(tmp_path):
    import tracemalloc

    shape = '<polygon label="x" points="{}"/>'.format(";".join(["1,2"] * 200))
    cvat(tmp_path / "annotations.xml", *(of(shape, f"{i:06}.jpg") for i in range(800)))
    (reader,) = (reader for reader in readers() if reader.name == "cvat")
    source = reader.open(Listing(tmp_path), ReadOptions())
    tracemalloc.start()
    assert sum(1 for _ in source) == 800
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_500_000


def test_damage(task):
    (reader,) = (reader for reader in readers() if reader.name == "cvat")
    damage([task / "annotations.xml"], lambda: reader.open(Listing(task), ReadOptions()))


NAME = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9)
BOX = st.tuples(NAME, *[st.integers(0, 999)] * 4)


@settings(max_examples=60, deadline=None)
@given(boxes=st.lists(BOX, max_size=5), tags=st.sets(NAME, max_size=3))
def test_what_is_written_is_read(tmp_path_factory, boxes, tags):
    root = tmp_path_factory.mktemp("cvat")
    image(root / "images/a.jpg")
    shapes = [
        f'<box label={quoteattr(name)} xtl="{x}" ytl="{y}" xbr="{x + w}" ybr="{y + h}"/>'
        for name, x, y, w, h in boxes
    ]
    shapes += [f"<tag label={quoteattr(tag)}/>" for tag in sorted(tags)]
    cvat(root / "annotations.xml", of("".join(shapes)))
    item = opened(root, "cvat")[1]["/a.jpg"]
    assert item.boxes == tuple(Box(*box) for box in boxes)
    assert sum(item.tags.values()) == len(boxes) + len(tags)
    assert set(item.tags) == tags | {box[0] for box in boxes}
