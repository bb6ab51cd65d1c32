"""Datumaro's own format, written by the package `datumaro`, which holds a dataset in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hamsight_core.errors import ImageError
from hamsight_curate.export.choices import Images
from hamsight_curate.export.exporter import Exporter
from hamsight_curate.export.images import Placer
from hamsight_curate.export.items import Source, Stored
from hamsight_curate.export.names import safe_name, safe_path
from hamsight_curate.export.report import Report

_UNNAMED = "default"


def write_datumaro(source: Source, folder: Path, placer: Placer, report: Report) -> None:
    """Write the items as Datumaro datasets, each in a folder where there are several.

    Images go to images/SUBSET. Boxes become Bbox, other tags Label, captions Caption; groups
    and status become attributes of the item.
    """
    import datumaro

    for root, parts in source.folders(folder):
        found = [item for part in parts for item in source.items(part)]
        labels = sorted({tag for item in found for tag in _labels(item)})
        numbers = {label: number for number, label in enumerate(labels)}
        dataset = datumaro.Dataset.from_iterable(
            list(_items(found, numbers, root, placer, report)),
            categories=labels,
            media_type=datumaro.Image,
        )
        dataset.export(str(root), "datumaro", save_media=False)


def _items(
    found: list[Stored], numbers: Mapping[str, int], root: Path, placer: Placer, report: Report
) -> Iterator[Any]:
    import datumaro

    for item in placer.ahead(found):
        subset = safe_name(item.subset) if item.subset else _UNNAMED
        try:
            path = placer.place(item, root / "images" / subset)
        except ImageError as error:
            report.missed(item, str(error))
            continue
        report.items += 1
        id = safe_path(item.id)
        if id != item.id:
            report.note("ids that Datumaro does not take, so they have another")
        yield datumaro.DatasetItem(
            id=id,
            subset=subset,
            media=datumaro.Image.from_file(
                path=id if placer.images is Images.NONE else path, size=(item.height, item.width)
            ),
            annotations=list(_annotations(item, numbers)),
            attributes={**item.attributes, "status": item.status, "groups": list(item.groups)},
        )


def _labels(item: Stored) -> Counter[str]:
    """Return how often each label stands in the boxes and tags of an item."""
    return Counter(box.label for box in item.boxes) | Counter(item.tags)


def _annotations(item: Stored, numbers: Mapping[str, int]) -> Iterator[Any]:
    import datumaro

    for box in item.boxes:
        yield datumaro.Bbox(box.x, box.y, box.width, box.height, label=numbers[box.label])
    unboxed = _labels(item) - Counter(box.label for box in item.boxes)
    for label in sorted(unboxed.elements()):
        yield datumaro.Label(numbers[label])
    for caption in item.captions:
        yield datumaro.Caption(caption)


def datumaro() -> Exporter:
    """Return how Datumaro's format is written."""
    link = (
        "Datumaro reads no link that leads out of its folder: take --images copy, hardlink or none"
    )
    return Exporter(folder=write_datumaro, refused={Images.LINK: link}, package="datumaro")
