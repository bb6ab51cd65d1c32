"""Datasets as they lie in the world: what a person would expect of each of ../shared/cases/formats.

The expectations are read off the annotation files, by eye. An item is its subset, id, tags, boxes
and captions; `notes` and `refused` are words that must stand in a note, or in the id or reason of
a rejected entry. Every file must be accounted for.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hamsight_core.images.decode import decode
from hamsight_core.images.places import fetch
from hamsight_ingest.readers import open_source
from hamsight_ingest.source import Refused

CASES = Path(__file__).parents[2].parent / "shared" / "cases" / "formats"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"the cases are not here: {CASES}")

Sides = tuple[float, float, float, float]


@dataclass(frozen=True)
class Said:
    """What is expected of an item besides its subset and id."""

    tags: dict[str, int] = field(default_factory=dict)
    boxes: tuple[tuple[str, Sides], ...] = ()
    captions: tuple[str, ...] = ()


def boxed(*boxes: tuple[str, Sides], **tags: int) -> Said:
    """Return boxes and their tags, and `tags` without boxes."""
    counts = dict(tags)
    for label, _ in boxes:
        counts[label] = counts.get(label, 0) + 1
    return Said(counts, boxes)


def told(*captions: str) -> Said:
    return Said(captions=captions)


NOTHING = Said()
CAT = boxed(("cat", (10, 10, 20, 20)))
"""The box of most COCO files here."""
VOC_CAT = boxed(("cat", (10, 10, 50, 40)))
"""Pixels 11 to 60 and 11 to 50, counted from 1, both ends included."""
SHAPE_CAT = boxed(("cat", (10, 10, 50, 40)))
"""LabelMe's rectangle from (10, 10) to (60, 50)."""
MIDDLE = (40, 24, 20, 32)
"""YOLO's 0.5 0.5 0.2 0.4 of 100 x 80 pixels."""
SMALL = (45, 36, 10, 8)
"""YOLO's 0.5 0.5 0.1 0.1 of 100 x 80 pixels."""
DRESS = told("A child in a pink dress .", "A girl, going")
POLYGON = (10, 10, 20, 30)
"""Around the polygon 10,10 30,10 30,40."""

Items = dict[str, Said]
"""Items by "subset/id"."""

EXPECTED: dict[str, Items] = {
    "coco-absolute-path": {"/images/a.jpg": CAT},
    "coco-bbox-empty": {"/a.jpg": boxed(("cat", POLYGON), ("dog", (10, 10, 20, 20)))},
    "coco-negative-box": {
        "/a.jpg": boxed(("cat", (30, 30, 20, 20)), ("dog", (90, 70, 50, 50)), ("dog", (5, 5, 0, 0)))
    },
    "coco-nfd": {"/Müller.jpg": CAT},
    "coco-no-file-name-lvis": {"val/val2017/000000397133.jpg": CAT},
    "coco-other-names-ids-restart": {"train/train1.jpg": CAT, "val/val1.jpg": CAT},
    "coco-other-names-merged": {
        "train/frame_000000.jpg": CAT,
        "val/frame_000000.jpg": boxed(("dog", (40, 10, 20, 20))),
    },
    "coco-polygon-only": {"/a.jpg": boxed(("cat", POLYGON))},
    "coco-train2017-json": {"train2017/train20171.jpg": CAT, "val2017/val20171.jpg": CAT},
    "folder-eadir": {"/holiday/1.jpg": NOTHING},
    "jpeg-without-eoi": {f"/{name}.jpg": NOTHING for name in ("eoi1", "noeoi", "ok", "zeroeoi")},
    # The label without points says that there is a cat, not where.
    "labelme-empty-points": {"/a.jpg": boxed(("dog", (1, 1, 1, 1)), cat=1)},
    "labelme-float-group": {"/a.jpg": boxed(("cat", (5, 6, 45, 54)))},
    "labelme-other-folder": {"/images/a.jpg": SHAPE_CAT, "/images/b.jpg": SHAPE_CAT},
    "labelme-windows-absolute": {"/images/a.jpg": SHAPE_CAT},
    "png-ancillary-crc": {"/a.png": NOTHING},
    "silent-broken-metadata-jsonl": {"/1.jpg": told("x", "y")},
    "silent-datumaro": {"/a.jpg": boxed(("cat", (1, 2, 3, 4))), "/b.jpg": NOTHING},
    "silent-fiftyone-coco": {"train/a.jpg": CAT, "validation/a.jpg": CAT},
    "silent-flickr8k": {"/a.jpg": DRESS, "/b.jpg": told("Dog")},
    "silent-img2dataset-files": {
        "/00000/000000000.jpg": told("cap"),
        "/00000/000000001.jpg": told("cap"),
    },
    "silent-labelme-two-deep": {"/2024/jan/a.jpg": SHAPE_CAT},
    "silent-metadata-utf16": {"/1.jpg": told("x")},
    "silent-roboflow-annotations-csv": {
        "train/a.jpg": boxed(("raccoon", (10, 10, 50, 40))),
        "train/b.jpg": NOTHING,
        "valid/a.jpg": boxed(("raccoon", (10, 10, 50, 40))),
        "valid/b.jpg": NOTHING,
    },
    # The middle of the box is 35, 30.
    "silent-roboflow-createml": {
        "train/a.jpg": boxed(("cat", (10, 10, 50, 40))),
        "train/b.jpg": NOTHING,
    },
    "silent-sidecar-txt": {"/a.jpg": told("a photo of a cat"), "/b.jpg": told("dog")},
    "silent-split-labelstudio-coco": {"test/images/a.jpg": CAT, "train/images/a.jpg": CAT},
    # The region has no attribute that could be its class.
    "silent-via": {"train/a.jpg": boxed(("region", (1, 1, 8, 8))), "train/b.jpg": NOTHING},
    "silent-voc-gb2312": {f"/{stem}.jpg": VOC_CAT for stem in "abcdefghij"},
    "silent-voc-per-split": {"test/a.jpg": VOC_CAT, "train/a.jpg": VOC_CAT},
    "silent-yolo-flow-yaml": {"train/a.jpg": boxed(("cat", SMALL))},
    "silent-yolo-in-inner-folder": {
        "train/a.jpg": boxed(("cat", MIDDLE)),
        "val/a.jpg": boxed(("cat", MIDDLE)),
    },
    "silent-yolo-no-yaml": {"train/a.jpg": boxed(("0", MIDDLE))},
    "silent-yolo-yaml-without-train": {"train/a.jpg": boxed(("cat", MIDDLE))},
    "table-Images-capital": {"/a.jpg": DRESS, "/b.jpg": told("Dog")},
    "table-boxes-rows": {
        "/a.jpg": boxed(("raccoon", (10, 10, 50, 40)), ("cat", (35, 20, 32, 21))),
        "/b.jpg": boxed(("raccoon", (1, 1, 8, 8))),
    },
    "table-id-is-class": {
        "train/train/a.jpg": Said({"w_1": 1}),
        "train/train/b.jpg": Said({"w_1": 1}),
        "train/train/c.jpg": Said({"new_whale": 1}),
    },
    "table-python-list-tags": {"/a.jpg": Said({"cat": 1, "dog": 1}), "/b.jpg": NOTHING},
    "table-spaced-pipe-captions": {
        "/a.jpg": told("Two young guys look .", "Second ."),
        "/b.jpg": told("Dogs ."),
    },
    "table-split-folders": {"train/a.jpg": Said({"cat": 1}), "val/b.jpg": Said({"dog": 1})},
    "voc-encoding-utf8-alias": {"/a.jpg": boxed(("café", (10, 10, 50, 40)))},
    "voc-gb2312-second": {"/a.jpg": VOC_CAT, "/b.jpg": boxed(("猫", (10, 10, 50, 40)))},
    "voc-nfd": {"/Müller.jpg": VOC_CAT},
    "wds-bad-json": {"/s-0/a.jpg": told("ok"), "/s-0/c.jpg": told("c")},
    "wds-dot-slash": {"/s-0/a.jpg": told("cap a"), "/s-0/b.jpg": told("cap b")},
    "wds-input-outputs": {
        "/shard-000000/s0.input.jpg": told("cap"),
        "/shard-000000/s1.input.jpg": told("cap2"),
    },
    "wds-one-truncated-shard": {
        "/00000/00000a.jpg": told("A"),
        "/00000/00000b.jpg": told("B"),
        "/00001/00001a.jpg": told("A"),
        "/00002/00002a.jpg": told("A"),
        "/00002/00002b.jpg": told("B"),
    },
    "xml-flat-images-in-splits": {"train/a.jpg": VOC_CAT, "val/b.jpg": VOC_CAT},
    "xml-other-folder-pets": {"/a.jpg": VOC_CAT, "/b.jpg": VOC_CAT},
    "yolo-absolute-paths": {
        "train/a.jpg": boxed(("truck", SMALL)),
        "val/a.jpg": boxed(("truck", SMALL)),
    },
    "yolo-labelTxt": {"train/a.jpg": boxed(("label_0", (0, 0, 2, 2)))},
    "yolo-validation-key": {
        "train/a.jpg": boxed(("cat", MIDDLE)),
        "validation/a.jpg": boxed(("cat", MIDDLE)),
    },
    "zip-gbk-names": {"/猫a1.jpg": CAT},
}

NOTES: dict[str, list[str]] = {
    "coco-bbox-empty": ["ann.json", "polygon"],
    "coco-negative-box": ["ann.json", "negative"],
    "coco-no-file-name-lvis": ["lvis_v1_val.json", "URL"],
    "folder-eadir": ["@eaDir", "#recycle", "@Recycle", "lost+found", "System Volume Information"],
    "labelme-empty-points": ["a.json", "points"],
    "silent-via": ["via_region_data.json", "region"],
    "yolo-labelTxt": ["valid/images"],
}
REFUSED: dict[str, list[str]] = {
    "silent-broken-metadata-jsonl": ["metadata.jsonl:2"],
    "wds-bad-json": ["b.json"],
    "wds-one-truncated-shard": ["00001.tar"],
}

MISSING = {"silent-roboflow-createml": {"train/b.jpg"}}
"""Images that are named, but not there: they end in the rejects."""


@pytest.mark.parametrize("case", sorted(EXPECTED))
def test_a_case_gives_what_a_person_would_expect(case):
    source = open_source(CASES / case)
    found, refused = {}, []
    for item in source:
        if isinstance(item, Refused):
            refused.append(f"{item.id} {item.uri} {item.reason}")
            continue
        key = unicodedata.normalize("NFC", f"{item.subset}/{item.id}")
        boxes = tuple((b.label, (b.x, b.y, b.width, b.height)) for b in item.boxes)
        assert key not in found
        found[key] = (dict(item.tags), boxes, item.captions)
        if key not in MISSING.get(case, ()):
            assert fetch(item.uri), item.uri
    expected = {
        key: (
            said.tags,
            tuple((label, pytest.approx(box)) for label, box in said.boxes),
            said.captions,
        )
        for key, said in EXPECTED[case].items()
    }
    assert found == expected
    for words in NOTES.get(case, []):
        said = [*source.notes, *source.ignored]
        assert any(words in note for note in said), (words, said)
    assert len(refused) == len(REFUSED.get(case, []))
    for words, one in zip(REFUSED.get(case, []), refused, strict=True):
        assert words in one
    assert not source.unread, source.unread


def test_every_case_has_an_expectation():
    assert {one.name for one in CASES.iterdir() if one.is_dir()} == set(EXPECTED)


@pytest.mark.parametrize(
    "name",
    [
        *(f"jpeg-without-eoi/{name}.jpg" for name in ("eoi1", "noeoi", "zeroeoi", "ok")),
        "png-ancillary-crc/a.png",
    ],
)
def test_a_picture_that_viewers_show_is_read_and_its_fault_told(name):
    picture = decode((CASES / name).read_bytes())
    assert (picture.width, picture.height) in ((800, 600), (64, 48))
    assert bool(picture.fault) == (not name.endswith("ok.jpg"))
