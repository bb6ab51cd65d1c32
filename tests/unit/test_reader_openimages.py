"""Open Images' CSV files are read, or an error names the file and the line."""

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_sets import damage, error, image, opened, text

from hamsight_core.items import Box
from hamsight_ingest.listing import Listing
from hamsight_ingest.readers import ReadOptions, readers

BOXES = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsGroupOf"
LABELS = "ImageID,Source,LabelName,Confidence"
CAT = "xclick,/m/01yrx,1"


@pytest.fixture
def dataset(tmp_path):
    """Two images of train, one of validation, in a folder each."""
    image(tmp_path / "train/0a.jpg", 200, 100)
    image(tmp_path / "train/0b.jpg", 200, 100)
    image(tmp_path / "validation/0c.jpg", 100, 100)
    text(tmp_path / "class-descriptions-boxable.csv", "/m/01yrx,Cat", '/m/0bt9lr,"Dog, tame"')
    text(
        tmp_path / "oidv6-train-annotations-bbox.csv",
        BOXES,
        f"0a,{CAT},0.25,0.75,0,1,0,0",
        f"0a,{CAT},0,0.5,0.1,0.2,1,0",
        "0a,xclick,/m/0bt9lr,1,0,1,0,1,0,1",
        f"ff,{CAT},0,1,0,1,0,0",
    )
    text(
        tmp_path / "train-annotations-human-imagelabels-boxable.csv",
        LABELS,
        "0a,verification,/m/01yrx,1",
        "0b,verification,/m/0bt9lr,1",
        "0b,verification,/m/01yrx,0",
        "0b,verification,/m/0new,1",
    )
    text(tmp_path / "validation-annotations-bbox.csv", BOXES, f"0c,{CAT},0,1,0,1,0,0")
    return tmp_path


def test_the_official_files(dataset, monkeypatch):
    source, items = opened(dataset, "openimages")
    assert "oidv6-train-annotations-bbox.csv" in source.detected
    assert list(items) == ["train/0a.jpg", "train/0b.jpg", "validation/0c.jpg"]
    first = items["train/0a.jpg"]
    assert first.uri == str(dataset / "train/0a.jpg")
    assert first.tags == {"Cat": 2, "Dog, tame": 1}
    assert first.boxes[0] == Box("Cat", 50, 0, 100, 100)
    assert (first.boxes[1].y, first.boxes[1].height) == pytest.approx((10, 10))
    assert items["train/0b.jpg"].tags == {"Dog, tame": 1, "/m/0new": 1}
    assert items["validation/0c.jpg"].boxes == (Box("Cat", 0, 0, 100, 100),)
    boxes = dataset / "oidv6-train-annotations-bbox.csv"
    labels = dataset / "train-annotations-human-imagelabels-boxable.csv"
    assert source.notes == [
        f"{boxes}: rows of images that are not here, left out",
        f"{labels}:4: labels verified to be absent (Confidence 0) are no tags, left out",
        f"{labels}:5: classes without a name in class-descriptions*.csv keep their code",
    ]
    monkeypatch.chdir(dataset)
    assert opened(Path("."), "openimages")[1] == items


def test_all_images_in_one_folder(dataset):
    (dataset / "images/x").mkdir(parents=True)
    for file in list(dataset.glob("*/0*.jpg")):
        file.rename(dataset / "images/x" / file.name)
    (dataset / "train").rmdir()
    (dataset / "validation").rmdir()
    image(dataset / "images/more.jpg")
    _, items = opened(dataset, "openimages")
    assert sorted(items) == [
        "/more.jpg",
        "train/x/0a.jpg",
        "train/x/0b.jpg",
        "validation/x/0c.jpg",
    ]
    assert items["train/x/0a.jpg"].tags["Cat"] == 2


def test_the_layout_of_fiftyone(dataset):
    for subset in ("train", "validation"):
        (dataset / subset / "data").mkdir()
        for file in list((dataset / subset).glob("*.jpg")):
            file.rename(dataset / subset / "data" / file.name)
        (dataset / subset / "labels").mkdir()
        (found,) = dataset.glob(f"*{subset}-annotations-bbox.csv")
        found.rename(dataset / subset / "labels/detections.csv")
    (dataset / "train-annotations-human-imagelabels-boxable.csv").unlink()
    (dataset / "train/metadata").mkdir()
    (dataset / "class-descriptions-boxable.csv").rename(dataset / "train/metadata/classes.csv")
    _, items = opened(dataset, "openimages")
    assert list(items) == ["train/0a.jpg", "train/0b.jpg", "validation/0c.jpg"]
    assert items["train/0a.jpg"].tags == {"Cat": 2, "Dog, tame": 1}
    _, items = opened(dataset / "train", "openimages")
    assert list(items) == ["/0a.jpg", "/0b.jpg"]


def test_options_and_notes(dataset):
    text(dataset / "train-annotations-machine-imagelabels.csv", LABELS)
    source, items = opened(dataset, "openimages", subset="all", subset_from_folder=True)
    assert "all/0c.jpg" in items
    assert source.notes[0].startswith("--subset-from-folder is ignored")
    assert any("labels made by machines, left out" in note for note in source.notes)
    (dataset / "train/0a.jpg").write_bytes(b"x")
    source, items = opened(dataset, "openimages")
    assert (items["train/0a.jpg"].tags["Cat"], items["train/0a.jpg"].boxes) == (2, ())
    assert any("size cannot be read" in note for note in source.notes)
    image(dataset / "train/more/0a.jpg")
    source, items = opened(dataset, "openimages")
    assert items["train/more/0a.jpg"].tags == {}
    assert any("the id of another in their subset" in note for note in source.notes)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (f"0c,{CAT},0.25,0.75,0", ":3: 7 values; expected 8 or more"),
        (f"0c,{CAT},0.25,x,0,1", ":3: XMax 'x'; expected a fraction of the image's size, 0 to 1"),
        (f"0c,{CAT},0.25,nan,0,1", ":3: XMax 'nan'; expected a fraction"),
        (f"0c,{CAT},10,200,0,1", ":3: XMin '10'; expected a fraction"),
    ],
)
def test_a_wrong_row_names_file_and_line(dataset, row, words):
    file = dataset / "validation-annotations-bbox.csv"
    text(file, BOXES, f"0c,{CAT},0,1,0,1", row)
    assert f"{file}{words}" in error(dataset, "openimages", rest_read=True)


def test_wrong_files(dataset):
    file = text(dataset / "validation-annotations-bbox.csv", "ImageID,LabelName,XMin,XMax,YMin")
    assert f"{file}:1: no column YMax; expected the header ImageID," in error(dataset, "openimages")
    text(file)
    assert f"{file}:1: no column ImageID, LabelName, XMin" in error(dataset, "openimages")
    file.write_bytes(f"{BOXES}\n\xff".encode("latin-1"))
    assert f"{file}:1: not UTF-8 text" in error(dataset, "openimages")
    text(file, BOXES, "0c," + "x" * 200_000)
    assert f"{file}:2: " in error(dataset, "openimages", rest_read=True)
    text(file, BOXES)
    labels = text(dataset / "validation-annotations-human-imagelabels.csv", LABELS, "0c,v,/m/0,0.7")
    words = f"{labels}:2: Confidence '0.7'; expected 1 (there) or 0 (not there)"
    assert words in error(dataset, "openimages", rest_read=True)
    text(labels, LABELS)
    names = text(dataset / "class-descriptions-boxable.csv", "/m/01yrx,Cat", "/m/02")
    assert f"{names}:2: '/m/02'; expected CODE,NAME of a class" in error(dataset, "openimages")


def test_images_that_no_file_names(dataset):
    for name in ("0a", "0b"):
        (dataset / f"train/{name}.jpg").rename(dataset / f"train/{name} copy.jpg")
    (dataset / "validation/0c.jpg").unlink()
    assert "none of its images is in" in error(dataset, "openimages")
    for file in dataset.glob("train/*"):
        file.unlink()
    assert "but no image" in error(dataset, "openimages")


def test_damage(dataset):
    (reader,) = (reader for reader in readers() if reader.name == "openimages")
    damage(list(dataset.glob("*.csv")), lambda: reader.open(Listing(dataset), ReadOptions()))


NAME = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9)
SIDES = st.tuples(*[st.integers(0, 32)] * 4)


@settings(max_examples=40, deadline=None)
@given(boxes=st.lists(st.tuples(NAME, SIDES), min_size=1, max_size=5))
def test_what_is_written_is_read(tmp_path_factory, boxes):
    root = tmp_path_factory.mktemp("openimages")
    image(root / "train/0a.jpg", 64, 64)
    codes = {name: f"/m/{index}" for index, (name, _) in enumerate(boxes)}
    with (root / "class-descriptions.csv").open("w", encoding="utf-8", newline="") as opened_file:
        csv.writer(opened_file).writerows((code, name) for name, code in codes.items())
    rows = [
        f"0a,x,{codes[name]},1,{x / 64},{(x + w) / 64},{y / 64},{(y + h) / 64},0,0"
        for name, (x, y, w, h) in boxes
    ]
    text(root / "train-annotations-bbox.csv", BOXES, *rows)
    item = opened(root, "openimages")[1]["train/0a.jpg"]
    assert item.boxes == tuple(Box(name, *sides) for name, sides in boxes)
