"""Exports that other packages write, where they are installed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import exported
import made_catalog
import pytest

import hamsight
from hamsight_core.errors import UsageError


@pytest.mark.parametrize("images", ["copy", "hardlink", "none"])
def test_datumaro_reads_what_it_wrote(dsn, tmp_path, images) -> None:
    datumaro = pytest.importorskip("datumaro", reason="the package datumaro is not installed")
    made = exported.dataset(tmp_path / "source")
    gone = exported.made("photos", "val", "../C:/.. /gone.jpg", "/gone.jpg", tags={"cat": 2})
    made_catalog.fill(dsn, tmp_path / "model", [*made, gone])
    with hamsight.open(dsn) as session:
        done = session.export(tmp_path / "out", "datumaro", dataset="photos", images=images)
    if images != "none":
        assert (done.items, done.missing_count) == (7, 1)
    dataset = datumaro.Dataset.import_from(str(tmp_path / "out"), "datumaro")
    names = [label.name for label in dataset.categories()[datumaro.AnnotationType.label]]
    read = {(item.subset, item.id): item for item in dataset}
    assert len(read) == (8 if images == "none" else 7)
    for one in made:
        item = read[one.item.subset, one.item.id]
        boxes = [a for a in item.annotations if isinstance(a, datumaro.Bbox)]
        for box, wanted in zip(boxes, one.item.boxes, strict=True):
            assert names[box.label] == wanted.label
            shape = (wanted.x, wanted.y, wanted.width, wanted.height)
            assert box.get_bbox() == pytest.approx(shape, abs=0.011)  # it keeps two decimals
        labels = Counter(names[a.label] for a in item.annotations if hasattr(a, "label"))
        assert labels == Counter(one.item.tags)
        captions = [a.caption for a in item.annotations if isinstance(a, datumaro.Caption)]
        assert captions == list(one.item.captions)
        assert item.attributes.get("coco_id") == one.item.attributes.get("coco_id")
        if images != "none":
            assert Path(item.media.path).is_relative_to(tmp_path / "out")
            assert Path(item.media.path).read_bytes() == Path(one.item.uri).read_bytes()


@pytest.mark.parametrize("images", ["none", "copy", "link"])
def test_fiftyone_reads_what_it_wrote(dsn, tmp_path, images, capfd) -> None:
    fiftyone = with_database()
    made = exported.dataset(tmp_path / "source")
    gone = exported.made("photos", "val", "gone.jpg", "https://127.0.0.1:9/gone.jpg")
    made_catalog.fill(dsn, tmp_path / "model", [*made, gone])
    with hamsight.open(dsn) as session:
        done = session.export(tmp_path / "out", "fiftyone", dataset="photos", images=images)
    assert (done.items, done.missing_count) == (7, 1)
    assert capfd.readouterr().out == ""
    dataset = fiftyone.Dataset.from_dir(
        dataset_dir=str(tmp_path / "out"), dataset_type=fiftyone.types.FiftyOneDataset
    )
    try:
        read = {(one["hamsight_subset"], one["hamsight_id"]): one for one in dataset}
        assert len(read) == 7
        for one in made:
            sample = read[one.item.subset, one.item.id]
            boxes = sample["ground_truth"].detections
            for box, wanted in zip(boxes, one.item.boxes, strict=True):
                assert box.label == wanted.label
                sides = (640, 480, 640, 480)
                shape = [value * side for value, side in zip(box.bounding_box, sides, strict=True)]
                assert shape == pytest.approx(
                    [wanted.x, wanted.y, wanted.width, wanted.height], abs=1e-3
                )
            labels = [box.label for box in boxes]
            labels += [label.label for label in sample["labels"].classifications]
            assert Counter(labels) == Counter(one.item.tags)
            assert sample["captions"] == list(one.item.captions)
            assert json.loads(sample["attributes"]) == dict(one.item.attributes)
            assert Path(sample.filepath).read_bytes() == Path(one.item.uri).read_bytes()
            inside = (tmp_path / "out") in Path(sample.filepath).parents
            assert inside == (images != "none")
            assert Path(sample.filepath).is_symlink() == (images == "link")
    finally:
        dataset.delete()


def test_fiftyone_without_its_database_says_so(dsn, tmp_path, monkeypatch) -> None:
    fiftyone = pytest.importorskip("fiftyone", reason="the package fiftyone is not installed")

    def refuse() -> None:
        raise fiftyone.core.config.FiftyOneConfigError("MongoDB could not be installed")

    monkeypatch.setattr(fiftyone, "Dataset", refuse)
    made_catalog.fill(dsn, tmp_path / "model", exported.dataset(tmp_path / "source"))
    with hamsight.open(dsn) as session, pytest.raises(UsageError) as caught:
        session.export(tmp_path / "out", "fiftyone", dataset="photos")
    assert "--to fiftyone: FiftyOne has no database: MongoDB could not be" in str(caught.value)
    assert "FIFTYONE_DATABASE_URI" in str(caught.value)
    assert not (tmp_path / "out").exists()


def with_database():
    """FiftyOne, where it is installed and has its MongoDB."""
    fiftyone = pytest.importorskip("fiftyone", reason="the package fiftyone is not installed")
    try:
        fiftyone.list_datasets()
    except fiftyone.core.config.FiftyOneConfigError as error:
        pytest.skip(f"fiftyone has no MongoDB: {error}")
    return fiftyone
