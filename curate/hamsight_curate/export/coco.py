"""COCO: annotations/instances_SUBSET.json and captions_SUBSET.json beside images/SUBSET."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import IO, Any

from hamsight_core.errors import ImageError
from hamsight_core.items import Category
from hamsight_curate.export.choices import Images
from hamsight_curate.export.exporter import Exporter
from hamsight_curate.export.images import Placer
from hamsight_curate.export.items import Part, Source, Stored
from hamsight_curate.export.names import safe_name
from hamsight_curate.export.report import Report

_WHOLE_NUMBER = re.compile("-?[0-9]{1,15}")


def write_coco(source: Source, folder: Path, placer: Placer, report: Report) -> None:
    """Write the items as COCO datasets, one for each dataset, each in a folder where several are.

    An image's `file_name` is the item's id. Its `id` is the item's attribute `coco_id` where that
    is a whole number that no other item of the subset has, else the next number. Categories are
    all that the dataset's COCO files had, with their ids; other labels of boxes follow, sorted.
    """
    for root, parts in source.folders(folder):
        categories = _categories(source, parts[0].dataset)
        annotations = root / "annotations"
        annotations.mkdir()
        for part in parts:
            name = safe_name(part.subset) if part.subset else ""
            if name != part.subset:
                report.note("subsets whose names cannot be those of files, so they have others")
            images = root / "images" / name
            _write_subset(source, part, categories, annotations, name, images, placer, report)


def _write_subset(
    source: Source,
    part: Part,
    categories: Sequence[Category],
    folder: Path,
    name: str,
    images: Path,
    placer: Placer,
    report: Report,
) -> None:
    number = _numbering(source, part)
    numbers = {one.label: one.number for one in categories}
    boxes, captions = count(1), count(1)
    with ExitStack() as stack:
        listed, boxed, said = (
            stack.enter_context(_Members(folder / f".{kind}"))
            for kind in ("images", "boxes", "said")
        )
        for item in placer.ahead(source.items(part)):
            try:
                file_name = placer.place(item, images)
            except ImageError as error:
                report.missed(item, str(error))
                continue
            report.items += 1
            report.uncarried(item, tags=False, captions=True, attributes={"coco_id"})
            if file_name != item.id:
                report.note("ids that cannot be names of files, so file_name is another")
            key = number(item)
            listed.add(_image(key, file_name, item))
            for annotation in _annotations(key, item, numbers):
                boxed.add({"id": next(boxes), **annotation})
            for caption in item.captions:
                said.add({"id": next(captions), "image_id": key, "caption": caption})
        named = [
            {"id": one.number, "name": one.label}
            | ({"supercategory": one.supercategory} if one.supercategory else {})
            for one in categories
        ]
        _join(folder / f"instances_{name}.json", listed, boxed, {"categories": named})
        if said.count:
            _join(folder / f"captions_{name}.json", listed, said, {})


def _categories(source: Source, dataset: str) -> list[Category]:
    known = source.categories(dataset)
    named = {one.label for one in known}
    others = count(max((one.number for one in known), default=0) + 1)
    return known + [
        Category(label, next(others)) for label in source.labels(dataset) if label not in named
    ]


def _image(key: int, file_name: str, item: Stored) -> dict[str, Any]:
    size = {"width": item.width, "height": item.height}
    return {"id": key, "file_name": file_name, **size, "uri": item.uri}


def _annotations(key: int, item: Stored, numbers: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    for box in item.boxes:
        yield {
            "image_id": key,
            "category_id": numbers[box.label],
            "bbox": [box.x, box.y, box.width, box.height],
            "area": round(box.width * box.height, 6),
            "iscrowd": 0,
        }


def _numbering(source: Source, part: Part) -> Callable[[Stored], int]:
    """Return what gives an item its number: its own, or the next after all of the subset's."""
    repeated, largest = source.coco_ids(part)
    others = count(largest + 1)

    def number(item: Stored) -> int:
        own = item.attributes.get("coco_id", "")
        if _WHOLE_NUMBER.fullmatch(own) and int(own) not in repeated:
            return int(own)
        return next(others)

    return number


class _Members:
    """The members of a JSON list in a file of their own, which is removed at the end."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self.count = 0

    def __enter__(self) -> _Members:
        self._file: IO[str] = self._path.open("x+", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink()

    def add(self, member: Mapping[str, Any]) -> None:
        self._file.write(",\n" if self.count else "\n")
        self._file.write(json.dumps(member, ensure_ascii=False, allow_nan=False))
        self.count += 1

    def copy_to(self, stream: IO[str]) -> None:
        self._file.seek(0)
        shutil.copyfileobj(self._file, stream)
        self._file.seek(0, 2)


def _join(file: Path, images: _Members, annotations: _Members, rest: Mapping[str, Any]) -> None:
    with file.open("x", encoding="utf-8") as stream:
        stream.write('{"info": {"description": "exported by Hamsight"},\n"images": [')
        images.copy_to(stream)
        stream.write('\n],\n"annotations": [')
        annotations.copy_to(stream)
        stream.write("\n]")
        for key, value in rest.items():
            stream.write(f",\n{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
        stream.write("}\n")


def coco() -> Exporter:
    """Return how COCO is written."""
    return Exporter(folder=write_coco, images=Images.COPY)
