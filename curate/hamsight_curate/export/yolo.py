"""YOLO: data.yaml beside images/SUBSET and labels/SUBSET, a text file of boxes for each image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hamsight_core.errors import ImageError, UsageError
from hamsight_core.items import Box
from hamsight_curate.export.choices import Images
from hamsight_curate.export.exporter import Exporter
from hamsight_curate.export.images import TAKEN, Placer
from hamsight_curate.export.items import Part, Source, Stored
from hamsight_curate.export.names import other_path, safe_name, safe_path
from hamsight_curate.export.report import Report

_KEYS = ("train", "val", "test")
_UNNAMED = "default"


def write_yolo(source: Source, folder: Path, placer: Placer, report: Report) -> None:
    """Write the items as YOLO datasets, one for each dataset, each in a folder where several are.

    Classes are the labels of boxes, sorted, with numbers from 0; boxes are fractions of the
    upright image's width and height. Raises UsageError where no item has a box.
    """
    classes = {label: number for number, label in enumerate(source.labels())}
    if not classes:
        raise UsageError(
            "no selected item has a box, and YOLO holds nothing else: take --to coco, folder or csv"
        )
    for root, parts in source.folders(folder):
        places: dict[str, list[str]] = {}
        for part in parts:
            name = safe_name(part.subset) if part.subset else _UNNAMED
            key = _key(part.subset)
            if key != part.subset:
                report.note(
                    f"YOLO knows train, val and test, so {name!r} belongs to {key}; subsets"
                )
            places.setdefault(key, []).append(f"images/{name}")
            for kind in ("images", "labels"):
                (root / kind / name).mkdir(parents=True, exist_ok=True)
            _write_subset(source, part, classes, root, name, placer, report)
        _write_config(root / "data.yaml", places, classes)


def _key(subset: str) -> str:
    """Return which of YOLO's subsets a subset belongs to: train2017 to train, valid to val."""
    lower = subset.lower()
    return next((key for key in _KEYS if lower.startswith(key)), "train")


def _write_config(file: Path, places: Mapping[str, list[str]], classes: Mapping[str, int]) -> None:
    import yaml

    content = {
        **{key: one[0] if len(one) == 1 else one for key, one in places.items()},
        "nc": len(classes),
        "names": {number: label for label, number in classes.items()},
    }
    with file.open("x", encoding="utf-8") as stream:
        yaml.safe_dump(content, stream, sort_keys=False, allow_unicode=True, width=1000)


def _write_subset(
    source: Source,
    part: Part,
    classes: Mapping[str, int],
    root: Path,
    name: str,
    placer: Placer,
    report: Report,
) -> None:
    images, labels = root / "images" / name, root / "labels" / name
    for item in placer.ahead(source.items(part)):
        text = "".join(_lines(item, classes, report))
        try:
            named = _put(item, text, images, labels, placer)
        except ImageError as error:
            report.missed(item, str(error))
            continue
        report.items += 1
        report.uncarried(item, tags=False, captions=False, attributes=set())
        if named != item.id:
            report.note("ids that cannot be names of files of their own, so files have another")


def _put(item: Stored, text: str, images: Path, labels: Path, placer: Placer) -> str:
    """Put an image and its labels, both under a name that no other item has; return it."""
    for name in (safe_path(item.id), other_path(item.id)):
        label = (labels / name).with_suffix(".txt")
        try:
            label.parent.mkdir(parents=True, exist_ok=True)
            stream = label.open("x", encoding="utf-8")
        except TAKEN:
            continue
        with stream:
            stream.write(text)
        try:
            if placer.images is not Images.NONE:
                placer.put(item, images / name)
        except TAKEN:
            label.unlink()
            continue
        except ImageError:
            label.unlink()
            raise
        return name
    raise ImageError(f"two files of {images} would have the name {other_path(item.id)}")


def _lines(item: Stored, classes: Mapping[str, int], report: Report) -> list[str]:
    if item.boxes and not (item.width and item.height):
        report.note("boxes of images of unknown size, left out", len(item.boxes))
        return []
    lines = []
    for box in item.boxes:
        shape = _fractions(box, item.width, item.height, report)
        if shape is not None:
            numbers = " ".join(f"{value:.9g}" for value in shape)
            lines.append(f"{classes[box.label]} {numbers}\n")
    return lines


def _fractions(
    box: Box, width: int, height: int, report: Report
) -> tuple[float, float, float, float] | None:
    """Return a box's centre and size as fractions of the image's size; None for one outside."""
    left, top = box.x / width, box.y / height
    right, bottom = (box.x + box.width) / width, (box.y + box.height) / height
    inside = [min(max(edge, 0.0), 1.0) for edge in (left, top, right, bottom)]
    if inside != [left, top, right, bottom]:
        if left > 1 or top > 1 or right < 0 or bottom < 0:
            report.note("boxes outside their image, left out")
            return None
        if max(abs(a - b) for a, b in zip(inside, (left, top, right, bottom), strict=True)) > 1e-6:
            report.note("boxes cut at the border of their image")
        left, top, right, bottom = inside
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def yolo() -> Exporter:
    """Return how YOLO is written."""
    return Exporter(folder=write_yolo, images=Images.COPY)
