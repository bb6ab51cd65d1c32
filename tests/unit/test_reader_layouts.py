"""More layouts that datasets have in the world: what a person expects of each is beside it.

Texts are files as they lie; None is a picture of 100 x 80 pixels, and what ends in -> a link.
"""

from __future__ import annotations

import json
import os
import tarfile
import unicodedata
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reader_sets import image, text

from hamsight_ingest.readers import open_source
from hamsight_ingest.source import Refused

BOX = "<bndbox><xmin>11</xmin><ymin>11</ymin><xmax>60</xmax><ymax>50</ymax></bndbox>"
VOC = f"<annotation><filename>a.jpg</filename><object><name>cat</name>{BOX}</object></annotation>"
YOLO = "0 .5 .5 .2 .4"
CORNER = {"x": 10, "y": 10, "width": 50, "height": 50}
MIDDLE = {"x": 35, "y": 30, "width": 50, "height": 40}
RECTANGLE = {"label": "cat", "points": [[10, 10], [60, 50]], "shape_type": "rectangle"}
LABELME = json.dumps({"shapes": [RECTANGLE], "imagePath": "a.jpg"})
DECOMPOSED = unicodedata.normalize("NFD", "Müller")
CAT, DOG = ("cat (10, 10, 50, 40)",), ("dog (40, 24, 20, 32)",)
YOLO_CAT = ("cat (40, 24, 20, 32)",)


def cvat(*elements: str) -> str:
    return f"<annotations><version>1.1</version>{''.join(elements)}</annotations>"


def on(name: str) -> str:
    box = '<box label="cat" xtl="10" ytl="10" xbr="60" ybr="50" occluded="0"/>'
    return f'<image id="0" name="{name}" width="100" height="80">{box}</image>'


TRACK = (
    '<track id="0" label="cat">'
    '<box frame="0" xtl="10" ytl="10" xbr="60" ybr="50" outside="0" occluded="0"/>'
    '<box frame="1" xtl="10" ytl="10" xbr="60" ybr="50" outside="1" occluded="0"/></track>'
)
ALIKE = {
    "images/a.jpg": None,
    "train.json": json.dumps(
        [{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": MIDDLE}]}]
    ),
}

LAYOUTS: dict[str, tuple[dict[str, str | None], dict[str, tuple[str, ...]]]] = {
    "yolo: data.yaml in two folders side by side": (
        {
            **{f"set{n}/train/images/a.jpg": None for n in (1, 2)},
            **{f"set{n}/train/labels/a.txt": YOLO for n in (1, 2)},
            "set1/data.yaml": "train: train/images\nnames: [cat]",
            "set2/data.yaml": "train: train/images\nnames: [dog]",
        },
        {"train/set1/a.jpg": YOLO_CAT, "train/set2/a.jpg": DOG},
    ),
    "yolo: Darknet's file in a folder": (
        {
            "data/obj/a.jpg": None,
            "data/obj/a.txt": YOLO,
            "data/obj.names": "cat",
            "data/train.txt": "data/obj/a.jpg",
            "data/obj.data": "classes = 1\ntrain = data/train.txt\nnames = data/obj.names",
        },
        {"train/obj/a.jpg": YOLO_CAT},
    ),
    "yolo: a path beside the folder of another machine": (
        {
            "datasets/x/images/train/a.jpg": None,
            "datasets/x/labels/train/a.txt": YOLO,
            "x.yaml": "path: ../datasets/x\ntrain: images/train\nnames: [cat]",
        },
        {"train/a.jpg": YOLO_CAT},
    ),
    "yolo: names in another form": (
        {
            "images/Müller.jpg": None,
            f"labels/{DECOMPOSED}.txt": YOLO,
            "data.yaml": "train: images\nnames: [cat]",
        },
        {"train/Müller.jpg": YOLO_CAT},
    ),
    "yolo: names in another case": (
        {"Train/Images/A.JPG": None, "Train/Labels/A.TXT": YOLO, "classes.txt": "cat"},
        {"Train/A.JPG": YOLO_CAT},
    ),
    "voc: splits below a folder": (
        {
            **{f"set/{split}/a.jpg": None for split in ("train", "valid")},
            **{f"set/{split}/a.xml": VOC for split in ("train", "valid")},
        },
        {"train/a.jpg": CAT, "valid/a.jpg": CAT},
    ),
    "voc: ImageNet's folders": (
        {"Data/CLS-LOC/val/a.JPEG": None, "Annotations/CLS-LOC/val/a.xml": VOC},
        {"val/CLS-LOC/val/a.JPEG": CAT},
    ),
    "voc: a set in another form": (
        {
            f"JPEGImages/{DECOMPOSED}.jpg": None,
            "Annotations/Müller.xml": VOC,
            "ImageSets/Main/train.txt": "Müller",
        },
        {f"train/{DECOMPOSED}.jpg": CAT},
    ),
    "voc: without an extension, as Stanford Dogs": (
        {"Images/n02/a.jpg": None, "Annotation/n02/a": VOC},
        {"/n02/a.jpg": CAT},
    ),
    "labelme: splits of images and labels": (
        {"images/train/a.jpg": None, "labels/train/a.json": LABELME},
        {"train/a.jpg": CAT},
    ),
    "cvat: several files in a folder": (
        {
            "x/a.jpg": None,
            "x/b.jpg": None,
            "1.xml": cvat(on("x/a.jpg")),
            "2.xml": cvat(on("b.jpg")),
        },
        {"/x/a.jpg": CAT, "/b.jpg": CAT},
    ),
    "cvat: a video": (
        {
            "images/frame_000000.PNG": None,
            "images/frame_000001.PNG": None,
            "annotations.xml": cvat(TRACK),
        },
        {"/frame_000000.PNG": CAT, "/frame_000001.PNG": ()},
    ),
    "createml: as Apple writes it": (
        {
            "a.jpg": None,
            "annotations.json": json.dumps(
                [
                    {
                        "imagefilename": "a.jpg",
                        "annotation": [{"label": "cat", "coordinates": MIDDLE}],
                    }
                ]
            ),
        },
        {"/a.jpg": CAT},
    ),
    "createml: a split by the name of its file": (ALIKE, {"train/a.jpg": CAT}),
    "labelstudio: JSON-MIN without annotation_id": (
        {
            "a.jpg": None,
            "min.json": json.dumps(
                [{"id": 1, "image": "/x/a.jpg", "label": [{**CORNER, "rectanglelabels": ["cat"]}]}]
            ),
        },
        {"/a.jpg": ("cat (10, 8, 50, 40)",)},
    ),
    "text-lines: keras-retinanet's": (
        {
            "images/a.jpg": None,
            "images/b.jpg": None,
            "annotations.csv": "images/a.jpg,10,10,60,50,cat\nimages/b.jpg,,,,,",
            "classes.csv": "cat,0",
        },
        {"/a.jpg": CAT, "/b.jpg": ()},
    ),
    "text-lines: a class for each image": (
        {"val/a.jpg": None, "val.txt": "a.jpg 1", "classes.txt": "cat\ndog"},
        {"val/a.jpg": ("dog",)},
    ),
    "sidecar: splits below a folder, names in another form": (
        {f"set/train/{DECOMPOSED}.jpg": None, "set/train/Müller.txt": "A cat."},
        {f"train/{DECOMPOSED}.jpg": ("A cat.",)},
    ),
    "coco: names quoted for a URL": (
        {
            "images/my cat.jpg": None,
            "coco.json": json.dumps(
                {
                    "images": [{"id": 1, "file_name": "my%20cat.jpg"}],
                    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [10, 10, 50, 40]}],
                    "categories": [{"id": 1, "name": "cat"}],
                }
            ),
        },
        {"/my%20cat.jpg": CAT},
    ),
    "table: paths of Windows": (
        {"data/x/a.jpg": None, "labels.csv": "path,label\nC:\\me\\data\\x\\a.jpg,cat"},
        {"/data/x/a.jpg": ("cat",)},
    ),
    "table: another extension, and a class label": (
        {"images/A.JPG": None, "labels.csv": "Image Name,Class Label\nA.jpeg,cat"},
        {"/A.JPG": ("cat",)},
    ),
    "table: boxes of CelebA": (
        {"images/a.jpg": None, "boxes.csv": "image_id,x_1,y_1,width,height\na.jpg,10,10,50,40"},
        {"/a.jpg": ("region (10, 10, 50, 40)",)},
    ),
}


def laid(root: Path, files: dict[str, str | None]) -> Path:
    for name, content in files.items():
        if content is None:
            image(root / name, 100, 80)
        else:
            text(root / name, content)
    return root


def said(path: Path) -> dict[str, tuple[str, ...]]:
    """Return what is said of each item by "subset/id": its boxes, else its tags, and captions."""
    found = {}
    for item in open_source(path):
        assert not isinstance(item, Refused), item
        assert os.path.isfile(item.uri), item.uri
        boxes = [f"{b.label} ({b.x:g}, {b.y:g}, {b.width:g}, {b.height:g})" for b in item.boxes]
        found[f"{item.subset}/{item.id}"] = (*(boxes or item.tags), *item.captions)
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_read_as_a_person_reads_them(tmp_path, layout):
    files, expected = LAYOUTS[layout]
    assert said(laid(tmp_path / "set", files)) == expected
    source = open_source(tmp_path / "set")
    source.count()
    assert not source.unread


def test_one_of_two_data_yaml_that_cannot_be_read_is_refused_alone(tmp_path):
    files, _ = LAYOUTS["yolo: data.yaml in two folders side by side"]
    laid(tmp_path, {**files, "set2/data.yaml": "train: train/images\nnames: [cat"})
    items = list(open_source(tmp_path))
    assert [one.id for one in items if isinstance(one, Refused)] == [
        "set2/data.yaml:line 3, column 1"
    ]
    assert [one.id for one in items if not isinstance(one, Refused)] == ["set1/a.jpg"]


def test_what_is_no_file_is_told_and_never_opened(tmp_path):
    image(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "a.txt")
    os.mkfifo(tmp_path / "pipe.json")
    for name in ("nowhere.csv", "b.jpg"):
        os.symlink("gone", tmp_path / name)
    os.symlink("loop.xml", tmp_path / "loop.xml")
    source = open_source(tmp_path)
    assert [item.id for item in source] == ["a.jpg", "b.jpg"]  # a link called as an image is one
    assert source.unread == ["a.txt", "loop.xml", "nowhere.csv", "pipe.json"]


def test_a_line_of_labels_that_is_no_text_is_refused_alone(tmp_path):
    laid(tmp_path, {"images/a.jpg": None, "data.yaml": "train: images\nnames: [cat]"})
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_bytes(f"{YOLO}\n\xff\n{YOLO}\n".encode("latin-1"))
    first, second = open_source(tmp_path)
    assert (dict(first.tags), second.id) == ({"cat": 2}, "labels/a.txt:2")


def test_cvat_calls_no_subset_default(tmp_path):
    content = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [10, 10, 50, 40]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    for split in ("train", "val"):
        name = f"{split}/annotations/instances_default.json"
        laid(tmp_path, {f"{split}/images/a.jpg": None, name: json.dumps(content)})
    assert said(tmp_path) == {"train/a.jpg": CAT, "val/a.jpg": CAT}


def test_hidden_files_are_told_but_for_those_of_tools(tmp_path):
    hidden = (".annotations.json", ".DS_Store", ".git/config", ".labels/a.txt")
    laid(tmp_path, {"a.jpg": None, **dict.fromkeys(hidden, "")})
    source = open_source(tmp_path)
    assert source.count() == 1
    assert source.ignored == ["hidden files and folders are left out: .annotations.json, .labels"]


def test_names_of_documents_do_not_hide_what_may_hold_annotations(tmp_path):
    names = ("changes.csv", "credits.json", "manifest.jsonl")
    laid(tmp_path, {"a.jpg": None, "LICENSE.txt": "", **dict.fromkeys(names, "{}")})
    assert open_source(tmp_path).unread == list(names)


def test_lists_of_classes_beside_annotations_are_known(tmp_path):
    lists = dict.fromkeys(("classes.txt", "labels.txt"), "cat\ndog")
    laid(tmp_path, {"a.jpg": None, "a.json": LABELME, **lists})
    source = open_source(tmp_path)
    assert len(list(source)) == 1
    assert not source.unread
    words = "names of classes, which the annotations have themselves"
    assert source.ignored == [f"classes.txt and 1 more: {words}"]


def test_shards_of_parquet_as_the_hub_converts_datasets(tmp_path):
    picture = image(tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").unlink()
    for split in ("train", "test"):
        (tmp_path / "default" / split).mkdir(parents=True)
        table = pa.table({"image": [{"bytes": picture, "path": "a.jpg"}], "label": [split]})
        pq.write_table(table, tmp_path / "default" / split / "0000.parquet")
    items = list(open_source(tmp_path))
    assert [(item.subset, *item.tags) for item in items] == [("test", "test"), ("train", "train")]


@pytest.mark.parametrize(
    ("said_more", "words"),
    [
        ({"keypoints": [1, 2, 2]}, "keypoints are not read, their boxes are"),
        ({"segmentation": [[1, 1, 5, 1, 5, 9]]}, "segments are not read, their boxes are"),
        ({"bbox": [], "segmentation": [[1]]}, "annotations whose segments give no box are tags"),
    ],
)
def test_what_coco_says_beside_boxes_is_told(tmp_path, said_more, words):
    one = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], **said_more}
    images = [{"id": 1, "file_name": "a.jpg"}]
    content = {"images": images, "annotations": [one], "categories": [{"id": 1, "name": "cat"}]}
    laid(tmp_path, {"a.jpg": None, "coco.json": json.dumps(content)})
    source = open_source(tmp_path)
    assert [dict(item.tags) for item in source] == [{"cat": 1}]
    assert words in "".join(source.notes)


def test_a_file_that_is_refused_is_not_told_as_unread_too(tmp_path):
    laid(tmp_path, {"a.jpg": None, "b.jpg": None, "a.json": LABELME, "b.json": LABELME[:-3]})
    source = open_source(tmp_path)
    assert [one.id for one in source if isinstance(one, Refused)] == ["b.json:line 1, column 109"]
    assert not source.unread


def test_a_number_for_each_image_is_no_class_unless_a_name_says_so(tmp_path):
    laid(tmp_path, {"images/a.jpg": None, "list_eval_partition.txt": "a.jpg 0"})
    source = open_source(tmp_path)
    assert [dict(item.tags) for item in source] == [{}]
    assert source.unread == ["list_eval_partition.txt"]


def test_a_table_whose_names_several_images_have_is_told(tmp_path):
    laid(tmp_path, {"train/1.jpg": None, "val/1.jpg": None, "t.csv": "image,label\n1.jpg,cat"})
    source = open_source(tmp_path)
    assert len(list(source)) == 3
    assert any("several files could be" in note for note in source.notes)


def test_a_table_counts_whose_later_rows_name_images(tmp_path):
    rows = "".join(f"{number}.jpg,cat\n" for number in range(60))
    laid(tmp_path, {"images/z.jpg": None, "t.csv": f"image,label\n{rows}z.jpg,dog"})
    items = {item.id: dict(item.tags) for item in open_source(tmp_path)}
    assert (len(items), items["z.jpg"]) == (61, {"dog": 1})


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("labels.csv", "image;label\na.jpg;卡车".encode("gbk"), "labels.csv:2: byte 6 of it is"),
        (
            "via.json",
            b'{"a": {"regions": [], "filename": ',
            "via.json: line 1, column 35: not JSON",
        ),
    ],
)
def test_why_a_damaged_file_is_not_read_is_told(tmp_path, name, content, words):
    image(tmp_path / "a.jpg")
    (tmp_path / name).write_bytes(content)
    source = open_source(tmp_path)
    assert source.count() == 1
    assert source.unread == [name]
    assert words in "".join(source.notes)


def test_captions_of_shards_by_other_names(tmp_path):
    with tarfile.open(tmp_path / "s-0.tar", "w") as shard:
        for name, data in (("1.jpg", image(tmp_path / "x.jpg").read_bytes()), ("1.caption", b"A")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            shard.addfile(member, BytesIO(data))
    (tmp_path / "x.jpg").unlink()
    text(tmp_path / "wids.json", "{}")
    source = open_source(tmp_path)
    assert [item.captions for item in source] == [("A",)]
    assert not source.unread
