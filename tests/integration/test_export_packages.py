"""Exports that other packages write, where they are installed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import exported
import made_catalog
import pytest

import hamsight


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


def test_fiftyone_reads_what_it_wrote(dsn, tmp_path) -> None:
    fiftyone = pytest.importorskip("fiftyone", reason="the package fiftyone is not installed")
    made = exported.dataset(tmp_path / "source")
    made_catalog.fill(dsn, tmp_path / "model", made)
    with hamsight.open(dsn) as session:
        assert session.export(tmp_path / "out", "fiftyone", dataset="photos").items == 7
    dataset = fiftyone.Dataset.from_dir(
        dataset_dir=str(tmp_path / "out"), dataset_type=fiftyone.types.FiftyOneDataset
    )
    try:
        read = {(one["hamsight_subset"], one["hamsight_id"]): one for one in dataset}
        for one in made:
            sample = read[one.item.subset, one.item.id]
            labels = [box.label for box in sample["ground_truth"].detections]
            assert labels == [box.label for box in one.item.boxes]
    finally:
        dataset.delete()
