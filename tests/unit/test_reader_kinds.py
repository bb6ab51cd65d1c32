"""A small made input of each kind of layout that is easily read wrongly, for those without
../shared. What is expected is written beside each."""

from __future__ import annotations

import io
import json
import tarfile
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pytest
import toy
from reader_sets import image, opened, refused, text

from hamsight_core.errors import SourceError
from hamsight_core.images.decode import decode
from hamsight_core.items import Box
from hamsight_ingest.listing import Listing
from hamsight_ingest.readers import open_source
from hamsight_ingest.readers.accounts import unread_words
from hamsight_ingest.source import Refused

CATEGORIES = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]


def written(file: Path, content: object) -> Path:
    return text(file, json.dumps(content))


def coco(file: Path, *names: str, boxes: int = 1, **more: object) -> Path:
    images = [{"id": n, "file_name": name} for n, name in enumerate(names, 1)]
    annotations = [
        {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], **more} for _ in range(boxes)
    ]
    content = {"images": images, "annotations": annotations, "categories": CATEGORIES}
    return written(file, content)


def voc(file: Path, name: str = "a.jpg", encoding: str = "utf-8", label: str = "cat") -> Path:
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>5</ymax></bndbox>"
    one = f"<object><name>{label}</name>{box}</object>"
    xml = f"<annotation><filename>{name}</filename>{one}</annotation>"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>{xml}'.encode(encoding))
    return file


def said(path: Path) -> dict[str, tuple]:
    """What is said of each item by "subset/id": tags, boxes and captions."""
    source = open_source(path)
    items = {f"{one.subset}/{one.id}": one for one in source if not isinstance(one, Refused)}
    assert not source.unread, source.unread
    sides = {
        key: [(box.label, box.x, box.y, box.width, box.height) for box in one.boxes]
        for key, one in items.items()
    }
    return {key: (dict(one.tags), sides[key], one.captions) for key, one in items.items()}


CAT = ({"cat": 1}, [("cat", 1, 2, 3, 4)], ())
VOC_CAT = ({"cat": 1}, [("cat", 0, 0, 4, 5)], ())
NOTHING = ({}, [], ())


# A. What is not read is told


def test_every_file_is_accounted_for(tmp_path):
    image(tmp_path / "a.jpg")
    for name in ("README.md", "LICENSE", "x.py", "notes/labels.xyz", "b.mp4", "c.mp4"):
        text(tmp_path / name, "words")
    source = open_source(tmp_path)
    assert source.unread == ["b.mp4", "c.mp4", "notes/labels.xyz"]
    assert unread_words(source.unread) == "2 .mp4, 1 .xyz; e.g. b.mp4"


def test_images_that_no_annotation_names_are_told(tmp_path):
    for name in ("images/a.jpg", "images/b.jpg"):
        image(tmp_path / name)
    coco(tmp_path / "x.json", "a.jpg")
    source = open_source(tmp_path)
    assert [item.id for item in source] == ["a.jpg"]
    assert source.ignored == ["images/b.jpg: no COCO file names these images"]
    assert not source.unread


def test_json_of_many_tools(tmp_path):
    for name in ("createml", "via", "via3", "datumaro", "studio", "fiftyone", "mm", "bdd"):
        image(tmp_path / name / "train/a.jpg", 100, 50)
    box = {"x": 2.5, "y": 4, "width": 3, "height": 4}
    written(
        tmp_path / "createml/train/_annotations.createml.json",
        [{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": box}]}],
    )
    region = {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4}
    regions = [{"shape_attributes": region, "region_attributes": {"class": "cat"}}]
    one = {"filename": "a.jpg", "size": 1, "regions": regions, "file_attributes": {}}
    written(tmp_path / "via/train/project.json", {"_via_img_metadata": {"a.jpg1": one}})
    written(
        tmp_path / "via3/train/v3.json",
        {
            "file": {"1": {"fid": 1, "fname": "a.jpg"}},
            "view": {"1": {"fid_list": ["1"]}},
            "metadata": {"m": {"vid": "1", "xy": [2, 1, 2, 3, 4], "av": {"1": "0"}}},
            "attribute": {"1": {"options": {"0": "cat"}}},
        },
    )
    found = [{"type": "bbox", "label_id": 0, "bbox": [1, 2, 3, 4]}]
    written(
        tmp_path / "datumaro/annotations/train.json",
        {
            "categories": {"label": {"labels": [{"name": "cat"}]}},
            "items": [{"id": "a", "annotations": found, "image": {"path": "a.jpg"}}],
        },
    )
    percent = {"x": 1, "y": 4, "width": 3, "height": 8, "rectanglelabels": ["cat"]}
    written(
        tmp_path / "studio/train/project.json",
        [
            {
                "data": {"image": "/data/local-files/?d=here/train/a.jpg"},
                "annotations": [{"result": [{"value": percent, "type": "rectanglelabels"}]}],
            }
        ],
    )
    share = {"label": 0, "bounding_box": [0.01, 0.04, 0.03, 0.08]}
    written(tmp_path / "fiftyone/train/labels.json", {"classes": ["cat"], "labels": {"a": [share]}})
    written(
        tmp_path / "mm/train.json",
        {
            "metainfo": {"classes": ["cat"]},
            "data_list": [
                {"img_path": "a.jpg", "instances": [{"bbox": [1, 2, 4, 6], "bbox_label": 0}]}
            ],
        },
    )
    corners = {"x1": 1, "y1": 2, "x2": 4, "y2": 6}
    written(
        tmp_path / "bdd/train/l.json",
        [{"name": "a.jpg", "labels": [{"category": "cat", "box2d": corners}]}],
    )
    expected = {"train/a.jpg": ({"cat": 1}, [("cat", *map(pytest.approx, (1, 2, 3, 4)))], ())}
    for folder in sorted(tmp_path.iterdir()):
        assert said(folder) == expected, folder.name


def test_supervisely(tmp_path):
    image(tmp_path / "train/img/a.jpg")
    points = {"exterior": [[1, 2], [4, 6]], "interior": []}
    one = {"classTitle": "cat", "geometryType": "rectangle", "points": points}
    size = {"height": 100, "width": 200}
    content = {"tags": [{"name": "dark"}], "size": size, "objects": [one]}
    written(tmp_path / "train/ann/a.jpg.json", content)
    written(tmp_path / "meta.json", {"classes": []})
    assert said(tmp_path) == {"train/a.jpg": ({"dark": 1, "cat": 1}, [("cat", 1, 2, 3, 4)], ())}


def test_texts_beside_images(tmp_path):
    for name in ("0/a.jpg", "0/b.jpg"):
        image(tmp_path / name)
    text(tmp_path / "0/a.txt", "a cat ")
    written(tmp_path / "0/b.json", {"caption": "a dog", "url": "http://h/b.jpg", "n": 1})
    written(tmp_path / "0_stats.json", {"count": 2})
    assert said(tmp_path) == {"/0/a.jpg": ({}, [], ("a cat",)), "/0/b.jpg": ({}, [], ("a dog",))}
    assert open_source(tmp_path).format == "sidecar"


@pytest.mark.parametrize(
    ("file", "line", "label"),
    [
        ("labels/train/a.txt", "1 0.5 0.5 1 1", "1"),
        ("labels/train/a.txt", "0 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9", "0"),
        ("labelTxt/train/a.txt", "1 2 4 2 4 6 1 6 plane 0", "plane"),
    ],
)
def test_labels_without_a_file_of_names(tmp_path, file, line, label):
    image(tmp_path / "images/train/a.jpg")
    text(tmp_path / file, line)
    found = said(tmp_path)
    assert {key: tags for key, (tags, _, _) in found.items()} == {"train/a.jpg": {label: 1}}
    assert len(found["train/a.jpg"][1]) == 1


def test_annotations_of_each_split(tmp_path):
    for split in ("train", "test"):
        image(tmp_path / "voc" / split / "images/a.jpg")
        voc(tmp_path / "voc" / split / "annotations/a.xml")
        image(tmp_path / "coco" / split / "data/a.jpg")
        coco(tmp_path / "coco" / split / "labels.json", "a.jpg")
    assert said(tmp_path / "voc") == {"test/a.jpg": VOC_CAT, "train/a.jpg": VOC_CAT}
    assert said(tmp_path / "coco") == {"test/a.jpg": CAT, "train/a.jpg": CAT}


# B. Nothing is swallowed


def test_a_reserved_file_that_cannot_be_read_is_an_error(tmp_path):
    image(tmp_path / "1.jpg")
    file = text(tmp_path / "metadata.jsonl", "{bad}")
    with pytest.raises(SourceError, match=r"metadata\.jsonl:1: column 2: not JSON") as caught:
        open_source(tmp_path)
    assert "--format folder takes the images alone" in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_line_that_cannot_be_read_is_refused_alone(tmp_path):
    image(tmp_path / "1.jpg")
    text(tmp_path / "metadata.jsonl", '{"file_name": "1.jpg", "text": "x"}', "{bad}")
    assert refused(tmp_path) == "metadata.jsonl:2"
    coco(tmp_path / "c/x.json", "1.jpg", boxes=2)
    content = json.loads((tmp_path / "c/x.json").read_text())
    content["annotations"][1]["image_id"] = 7
    written(tmp_path / "c/x.json", content)
    image(tmp_path / "c/1.jpg")
    assert refused(tmp_path / "c") == "x.json:annotations[1].image_id = 7"


@pytest.mark.parametrize(
    ("encoding", "label"), [("gb2312", "猫"), ("gbk", "貓"), ("latin-1", "é"), ("utf8", "é")]
)
def test_encodings_that_xml_declares(tmp_path, encoding, label):
    image(tmp_path / "JPEGImages/a.jpg")
    voc(tmp_path / "Annotations/a.xml", encoding=encoding, label=label)
    assert said(tmp_path)["/a.jpg"][0] == {label: 1}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
def test_encodings_that_a_mark_declares(tmp_path, encoding):
    image(tmp_path / "1.jpg")
    (tmp_path / "metadata.csv").write_bytes("file_name,text\n1.jpg,é\n2.jpg,z\n".encode(encoding))
    items = list(open_source(tmp_path))
    assert [item.captions for item in items] == [("é",), ("z",)]


# C. Subsets


def test_images_of_two_splits_are_never_one(tmp_path):
    for split in ("train", "val"):
        image(tmp_path / split / "a.jpg")
        coco(tmp_path / f"coco_{split}.json", "a.jpg")
    assert said(tmp_path) == {"train/a.jpg": CAT, "val/a.jpg": CAT}
    (tmp_path / "val/a.jpg").unlink()
    uris = {item.subset: item.uri for item in open_source(tmp_path)}
    assert uris["train"] == str(tmp_path / "train/a.jpg")
    assert uris["val"] != uris["train"]


# D. Pairing


def test_images_and_annotations_in_folders_of_their_own(tmp_path):
    image(tmp_path / "pets/images/a.jpg")
    voc(tmp_path / "pets/annotations/xmls/a.xml")
    image(tmp_path / "pets/annotations/trimaps/a.png")
    assert said(tmp_path / "pets") == {"/a.jpg": VOC_CAT}
    image(tmp_path / "splits/images/val/a.jpg")
    voc(tmp_path / "splits/annotations/a.xml")
    assert said(tmp_path / "splits") == {"val/a.jpg": VOC_CAT}


def test_an_image_that_could_be_several_is_told(tmp_path):
    for folder in ("x", "y"):
        image(tmp_path / folder / "a.jpg")
    coco(tmp_path / "labels.json", "a.jpg")
    source = open_source(tmp_path)
    (item,) = source
    assert item.uri == str(tmp_path / "a.jpg")
    assert any("several files could be" in note for note in source.notes)


# E. WebDataset


def shard(file: Path, **members: str | bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as archive:
        for name, content in members.items():
            raw = content if isinstance(content, bytes) else content.encode()
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return file


def test_shards_as_they_lie(tmp_path):
    parts = {"./a.input.jpg": b"a", "./b.jpg": b"b", "./a.outputs.txt": "x", "./b.txt": "y"}
    shard(tmp_path / "0.tar", **parts, **{"./c.jpg": b"c", "./c.json": "{bad"})
    cut = shard(tmp_path / "1.tar", **{"d.jpg": b"d", "d.txt": "z", "e.jpg": b"e" * 2000})
    cut.write_bytes(cut.read_bytes()[:3000])
    items = list(open_source(tmp_path))
    found = {one.id: one.captions for one in items if not isinstance(one, Refused)}
    assert found == {"0/a.input.jpg": ("x",), "0/b.jpg": ("y",), "1/d.jpg": ("z",)}
    wrong = [one.id for one in items if isinstance(one, Refused)]
    assert sorted(wrong) == ["0.tar:./c.json, line 1, column 2", "1.tar"]


# F, G. Slips, polygons and negative sizes


@pytest.mark.parametrize(
    ("said_of_box", "box"),
    [
        ({"bbox": [], "segmentation": [[1, 2, 4, 2, 4, 6]]}, Box("cat", 1, 2, 3, 4)),
        ({"bbox": [4, 6, -3, -4]}, Box("cat", 1, 2, 3, 4)),
        ({"bbox": None, "segmentation": {"counts": [2, 2, 1, 1], "size": [3, 2]}}, None),
        ({"bbox": []}, None),
        ({"image_id": 1.0, "category_id": "1"}, Box("cat", 1, 2, 3, 4)),
    ],
)
def test_a_slip_in_coco_is_a_note(tmp_path, said_of_box, box):
    image(tmp_path / "a.jpg")
    coco(tmp_path / "x.json", "a.jpg", **said_of_box)
    source = open_source(tmp_path)
    (item,) = source
    assert item.tags == {"cat": 1}
    if box is not None:
        assert item.boxes == (box,)
    assert source.notes or "category_id" in said_of_box


def test_masks_of_coco(tmp_path):
    from hamsight_ingest.readers.coco_masks import around

    # Down the columns of 3 x 4: two zeros, then ones from the last row of the first column.
    assert around({"counts": [2, 2, 8], "size": [3, 4]}) == (0, 0, 2, 3)
    assert around({"counts": [4, 1, 7], "size": [3, 4]}) == (1, 1, 1, 1)
    # As pycocotools packs [4, 1, 7]: each number in groups of 5 bits.
    assert around({"counts": "417", "size": [3, 4]}) == (1, 1, 1, 1)
    assert around({"counts": [12], "size": [3, 4]}) is None


def test_images_that_have_only_a_url(tmp_path):
    image(tmp_path / "val2017/7.jpg")
    content = {
        "images": [{"id": 7, "coco_url": "http://host/val2017/7.jpg"}],
        "annotations": [],
        "categories": [],
    }
    written(tmp_path / "annotations/lvis_v1_val.json", content)
    (item,) = open_source(tmp_path)
    assert (item.subset, item.id) == ("val", "val2017/7.jpg")
    assert item.uri == str(tmp_path / "val2017/7.jpg")


# H. Names


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_in_either_form(tmp_path, form):
    other = "NFD" if form == "NFC" else "NFC"
    image(tmp_path / f"{unicodedata.normalize(form, 'Müller')}.jpg")
    coco(tmp_path / "x.json", f"{unicodedata.normalize(other, 'Müller')}.jpg")
    (item,) = open_source(tmp_path)
    assert Path(item.uri).exists()
    assert item.tags == {"cat": 1}


@pytest.mark.parametrize(
    "name", ["/home/me/set/images/a.jpg", "D:\\set\\images\\a.jpg", "https://h/x/images/a.jpg?w=1"]
)
def test_paths_of_another_machine(tmp_path, name):
    image(tmp_path / "images/a.jpg")
    coco(tmp_path / "x.json", name)
    (item,) = open_source(tmp_path)
    assert (item.id, item.uri) == ("images/a.jpg", str(tmp_path / "images/a.jpg"))


@pytest.mark.parametrize(
    ("name", "encoding"), [("猫咪.jpg", "gbk"), ("ねこ.jpg", "shift_jis"), ("größe.jpg", "cp437")]
)
def test_names_of_zip_members_in_other_encodings(tmp_path, name, encoding):
    raw = name.encode(encoding)
    stand_in = "x" * len(raw)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(stand_in, toy.jpeg(1))
    data = (tmp_path / "a.zip").read_bytes().replace(stand_in.encode(), raw)
    (tmp_path / "a.zip").write_bytes(data)
    (item,) = open_source(tmp_path / "a.zip")
    assert item.id == name
    assert [one.id for one in open_source(tmp_path)] == [name]


# I, J. YOLO's file and tables


def test_a_yaml_of_another_machine_and_its_validation(tmp_path):
    for split in ("train", "val"):
        image(tmp_path / "inner/images" / split / "a.jpg")
        text(tmp_path / "inner/labels" / split / "a.txt", "0 0.5 0.5 1 1")
    text(
        tmp_path / "inner/data.yaml",
        '{"train": "/kaggle/input/x/images/train", "validation": "images/val", "names": ["cat"]}',
    )
    assert {key: tags for key, (tags, _, _) in said(tmp_path).items()} == {
        "train/a.jpg": {"cat": 1},
        "validation/a.jpg": {"cat": 1},
    }
    assert open_source(tmp_path).notes == []


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["image,labels", "a.jpg,\"['cat', 'dog']\""], ({"cat": 1, "dog": 1}, [], ())),
        (["image,labels", 'a.jpg,"[""cat""]"'], ({"cat": 1}, [], ())),
        (["image| n| comment", "a.jpg| 0|  two, three "], ({}, [], ("two, three",))),
        (["image,caption", 'a.jpg,"one; two; three"'], ({}, [], ("one; two; three",))),
        (["filename,class,xmin,ymin,xmax,ymax", "a.jpg,cat,1,2,4,6"], CAT),
        (["image_id,x,y,w,h,label", "a,1,2,3,4,cat"], CAT),
        (["image,cat,dog", "a.jpg,1,0"], ({"cat": 1}, [], ())),
        (["Image,Id", "a.jpg,w_1", "b.jpg,w_1"], ({"w_1": 1}, [], ())),
    ],
)
def test_tables_as_they_lie(tmp_path, lines, expected):
    for name in ("Images/a.jpg", "Images/b.jpg"):
        image(tmp_path / name)
    text(tmp_path / "t.csv", *lines)
    assert said(tmp_path)["/a.jpg"] == expected
    assert "/b.jpg" in said(tmp_path)


def test_a_table_of_splits_and_a_file_that_is_missing(tmp_path):
    image(tmp_path / "train/a.jpg")
    image(tmp_path / "val/a.jpg")
    text(tmp_path / "t.csv", "image,label,split", "a.jpg,cat,train", "a.jpg,dog,val", "c.jpg,,val")
    source = open_source(tmp_path)
    uris = {f"{one.subset}/{one.id}": one.uri for one in source}
    assert uris["train/a.jpg"] == str(tmp_path / "train/a.jpg")
    assert uris["val/a.jpg"] == str(tmp_path / "val/a.jpg")
    (note,) = source.notes
    assert note.startswith(
        f"{tmp_path / 't.csv'}: line 4: images that are not there; looked for in"
    )


# K. Pictures


def test_a_jpeg_without_its_end_and_a_cut_one():
    whole = toy.jpeg(1)
    assert decode(whole).fault == ""
    for data in (whole[:-2], whole[:-1], whole[:-2] + b"\0\0"):
        assert decode(data).fault == "JPEG without its end marker"
    with pytest.raises(SourceError, match="truncated JPEG"):
        decode(whole[: len(whole) * 3 // 4])


def test_a_png_with_a_wrong_text(tmp_path):
    whole = image(tmp_path / "a.png").read_bytes()
    body = b"tEXtComment\0words"
    for checksum in (zlib.crc32(body) ^ 1, zlib.crc32(body)):
        chunk = (len(body) - 4).to_bytes(4, "big") + body + checksum.to_bytes(4, "big")
        picture = decode(whole[:33] + chunk + whole[33:])
        assert bool(picture.fault) == (checksum != zlib.crc32(body))
    for kind in (b"gAMA", b"pHYs", b"acTL"):  # too short
        chunk = b"\0\0\0\1" + kind + b"\0" + zlib.crc32(kind + b"\0").to_bytes(4, "big")
        assert decode(whole[:33] + chunk + whole[33:]).fault
    long = b"zTXtComment\0\0" + zlib.compress(b" " * (2 << 20))
    chunk = (len(long) - 4).to_bytes(4, "big") + long + zlib.crc32(long).to_bytes(4, "big")
    assert "chunk" in decode(whole[:33] + chunk + whole[33:]).fault
    broken = bytearray(whole)
    broken[whole.index(b"IDAT") + 6] ^= 1
    with pytest.raises(SourceError):
        decode(bytes(broken))


# L, M. Folders of the system, and one listing


def test_folders_of_the_system_are_left_out_and_told(tmp_path):
    for folder in ("@eaDir/a.jpg", "#recycle", "lost+found", "x/@Recycle", ".thumbnails"):
        image(tmp_path / folder / "b.jpg")
    image(tmp_path / "a.jpg")
    source = open_source(tmp_path)
    assert [item.id for item in source] == ["a.jpg"]
    assert source.ignored == [
        "folders of the system or a network drive are left out:"
        " #recycle, .thumbnails, @eaDir, @Recycle, lost+found"
    ]


def test_a_folder_is_listed_once(tmp_path, monkeypatch):
    image(tmp_path / "x/a.jpg")
    listed: list[str] = []
    whole = Listing._listed

    def counted(self: Listing, path: str) -> tuple[list[str], list[str]]:
        listed.append(path)
        return whole(self, path)

    monkeypatch.setattr(Listing, "_listed", counted)
    _, items = opened(tmp_path, "folder")
    assert len(items) == 1
    assert len(listed) == len(set(listed)) == 2


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("train/_annotations.coco.json", b'{"images": [', "line 1, column 13: not JSON"),
        ("annotations/instances_train.json", b'{"info": {}, "im', "column 14: not JSON"),
        ("train/_annotations.createml.json", b"[{", "column 3: not JSON"),
        ("Annotations/a.xml", b'<?xml version="1.0" encoding="none"?><annotation/>', ":1: not XML"),
        ("data.yaml", b"a: [1", "column 6: not YAML"),
        ("data.yaml", b"[1]", "expected the keys names and train, val or test"),
        ("metadata.csv", b"", "an empty file"),
        ("photos.tsv000", b"", "an empty file"),
        ("state.json", b"{", "column 2: not JSON"),
    ],
)
def test_a_file_of_a_reserved_name_is_never_passed_over(tmp_path, file, content, words):
    image(tmp_path / "images/train/a.jpg")
    if file == "data.yaml":
        text(tmp_path / "labels/train/a.txt", "0 0.5 0.5 1 1")
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(SourceError) as caught:
        open_source(tmp_path)
    assert str(tmp_path / file) in str(caught.value)
    assert words in str(caught.value)
    assert "--format folder" in str(caught.value)


# Lines of text files without a header


def test_lines_that_name_images(tmp_path):
    for name in ("a", "b"):
        image(tmp_path / "flickr" / "images" / f"{name}.jpg")
    text(tmp_path / "flickr" / "token.txt", "a.jpg#0\tA dog .\na.jpg#1\tRuns .\nb.jpg#0\tA cat .\n")
    assert said(tmp_path / "flickr") == {
        "/a.jpg": ({}, [], ("A dog .", "Runs .")),
        "/b.jpg": ({}, [], ("A cat .",)),
    }
    image(tmp_path / "tiny" / "val" / "images" / "val_0.JPEG")
    text(tmp_path / "tiny" / "val" / "val_annotations.txt", "val_0.JPEG\tn01\t1\t2\t5\t7\n")
    image(tmp_path / "tiny" / "train" / "n02" / "images" / "n02_0.JPEG")
    text(tmp_path / "tiny" / "train" / "n02" / "n02_boxes.txt", "n02_0.JPEG\t0\t1\t3\t4\n")
    assert list(said(tmp_path / "tiny").values()) == [
        ({"n02": 1}, [("n02", 0, 1, 3, 3)], ()),
        ({"n01": 1}, [("n01", 1, 2, 4, 5)], ()),
    ]
    for name in ("a", "b"):
        image(tmp_path / "keras" / f"{name}.jpg")
    text(tmp_path / "keras" / "_classes.txt", "cat\ndog\n")
    text(tmp_path / "keras" / "_annotations.txt", "a.jpg 1,2,4,6,1 0,0,2,2,0\nb.jpg 1,1,2,2,1\n")
    assert said(tmp_path / "keras") == {
        "/a.jpg": ({"dog": 1, "cat": 1}, [("dog", 1, 2, 3, 4), ("cat", 0, 0, 2, 2)], ()),
        "/b.jpg": ({"dog": 1}, [("dog", 1, 1, 1, 1)], ()),
    }


def test_objects_of_kitti(tmp_path):
    numbers = "0.00 0 -1.58 1.00 2.50 5.00 7.50 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59"
    for name in ("000000", "000001"):
        image(tmp_path / "training" / "image_2" / f"{name}.png")
    text(tmp_path / "training" / "label_2" / "000000.txt", f"Car {numbers}\nDontCare {numbers}\n")
    text(tmp_path / "training" / "label_2" / "000001.txt", f"Van {numbers} 0.9\nno line\n")
    found = list(open_source(tmp_path))
    items = {one.id: one for one in found if not isinstance(one, Refused)}
    assert [(dict(one.tags), one.boxes[0].height) for one in items.values()] == [
        ({"Car": 1}, 5.0),
        ({"Van": 1}, 5.0),
    ]
    (wrong,) = (one for one in found if isinstance(one, Refused))
    assert wrong.uri.endswith("000001.txt:2")
    assert "expected a class and 14 numbers" in wrong.reason
