"""LabelMe: a JSON file of shapes for each image, beside it or naming it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hamsight_core.errors import SourceError
from hamsight_core.items import Box, Item
from hamsight_ingest.listing import (
    Listing,
    is_file,
    is_image,
    once,
    printable,
    uri_of,
    without_suffix,
)
from hamsight_ingest.readers.annotated import AnnotatedSource, Ids, bounds
from hamsight_ingest.readers.json_files import has_keys, parsed, per_image
from hamsight_ingest.readers.pairing import cleaned, near_of
from hamsight_ingest.readers.subsets import subset_of_file
from hamsight_ingest.readers.wrong import Notes, fail, finite, shown, valid_text
from hamsight_ingest.source import ReadOptions

_LOOKED_FOR = "*.json files with the keys shapes and imagePath, in any folder"


@once
def _files(listing: Listing) -> list[str]:
    """Return the JSON files of the folders where one of the first is LabelMe's."""
    return per_image(listing, lambda file: has_keys(file, b'"shapes"', b'"imagePath"'))


def _detected(listing: Listing) -> str | None:
    """Return where LabelMe's files are, or None where there are none."""
    files = _files(listing)
    if not files:
        return None
    folder = files[0].rpartition("/")[0]
    return f"LabelMe annotations: {printable(os.path.join(folder, '*.json'))}"  # noqa: PTH118


class LabelmeSource(AnnotatedSource):
    """The images of a folder with their LabelMe files, each an item."""

    format = "labelme"
    subsets_from = ""

    def _items(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        seen: dict[str, str] = {}
        self._ids = Ids()
        for name in _files(self.listing):
            file = Path(self.listing.at(name))
            with notes.refusing():
                content = parsed(file)
                if not isinstance(content, dict) or "shapes" not in content:
                    notes.add("JSON files without LabelMe's shapes, left out", printable(file))
                    continue
                self.accounts.use(name)
                image = self._image(name, file, content, notes)
                if image in seen:
                    words = f"{shown(image)} has another LabelMe file; expected one"
                    fail(file, "imagePath", words)
                boxes, tags = [], _flags(content, file)
                for box, label in _boxes(content, file, notes):
                    tags[label] = tags.get(label, 0) + 1
                    boxes += [] if box is None else [box]
                seen[image] = name
                notes.taken += 1
                yield self._item(image, tags, tuple(boxes))
        for image in self.listing.images:
            if image not in seen:
                yield self._item(image, {}, ())
        self.accounts.use_images()
        self.accounts.ignore_classes("labels.txt", "flags.txt")  # its own lists for annotators

    def _item(self, image: str, tags: dict[str, int], boxes: tuple[Box, ...]) -> Item:
        subset, name = self._split(image)
        id, uri = printable(self._ids.of(subset, name, image)), uri_of(self.listing.at(image))
        return Item(id=id, uri=uri, subset=printable(subset), tags=tags, boxes=boxes)

    def _image(self, name: str, file: Path, content: dict[str, Any], notes: Notes) -> str:
        """Return the path of a file's image: the one it names, else the one of its own name."""
        path = content.get("imagePath")
        if not isinstance(path, str) or not path.strip() or "\0" in path:
            fail(file, "imagePath", f"{shown(path)}; expected the path of the image")
        folder, stem = name.rpartition("/")[0], without_suffix(name)
        written = valid_text(path).replace("\\", "/")
        if not written.startswith("/") and (found := self.pictures.exact(written, [folder])):
            return found
        outside = os.path.normpath(file.parent / written)
        if is_image(outside) and is_file(outside):
            return outside
        if found := self.pictures.close(stem, [""]):
            return found
        subset = subset_of_file(name)
        near = near_of(name, subset)
        bare = cleaned(path)
        for candidate in (bare, bare.rpartition("/")[2], stem.rpartition("/")[2]):
            if found := self.pictures.close(candidate, near):
                return found
        for candidate in (bare, stem.rpartition("/")[2]):
            place = printable(file)
            if found := self.pictures.elsewhere(candidate, near, notes, place, subset):
                return found
        if isinstance(content.get("imageData"), str):
            words = (
                "images that are not there, but embedded in their LabelMe file (imageData), which"
                " is not read; labelme_export_json writes them out"
            )
            notes.add(words, printable(file))
        last = bare.rpartition("/")[2] or bare
        return f"{folder}/{last}" if folder else last


def _flags(content: dict[str, Any], file: Path) -> dict[str, int]:
    """Return the flags of the image that are set, as tags."""
    flags = content.get("flags") or {}
    if not isinstance(flags, dict):
        fail(file, "flags", "expected an object of names to true or false")
    return {valid_text(name): 1 for name, value in flags.items() if value is True}


def _boxes(content: dict[str, Any], file: Path, notes: Notes) -> Iterator[tuple[Box | None, str]]:
    """Yield the box and label of each instance: a shape, or shapes of one label and group_id.

    An instance without a point has a label alone.
    """
    shapes = content["shapes"]
    if shapes is None:
        shapes = []
    if not isinstance(shapes, list):
        fail(file, "shapes", "expected a list")
    instances: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for index, shape in enumerate(shapes):
        place = f"shapes[{index}]"
        with notes.refusing():
            if not isinstance(shape, dict):
                fail(file, place, "expected an object")
            label = shape.get("label")
            if not isinstance(label, str):
                fail(file, f"{place}.label", f"{shown(label)}; expected text")
            group = shape.get("group_id")
            if isinstance(group, float) and group.is_integer():
                group = int(group)
            if group is not None and not isinstance(group, (int, float, str)):
                fail(file, f"{place}.group_id", f"{shown(group)}; expected a number or null")
            instance = f"[{index}]" if group is None or group == "" else str(group)
            points = _extent(shape, file, place, notes)
            instances.setdefault((valid_text(label), instance), []).extend(points)
            notes.taken += 1
    for (label, _), points in instances.items():
        yield (Box(label, *bounds(points)) if points else None), label


def _extent(
    shape: dict[str, Any], file: Path, place: str, notes: Notes
) -> list[tuple[float, float]]:
    """Return points whose bounds are those of the shape."""
    kind = shape.get("shape_type") or "polygon"
    points = _points(shape, file, place)
    if not points:
        words = "shapes without points are tags without a box"
        notes.add(words, f"{printable(file)}: {place}")
        return []
    if kind != "rectangle":
        words = f"shapes of the type {shown(kind)} are read as the boxes around them"
        notes.add(words, printable(file))
    if kind == "circle":
        if len(points) != 2:
            fail(file, f"{place}.points", "expected 2 points: the centre and one on the circle")
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        return [(x - radius, y - radius), (x + radius, y + radius)]
    return points


def _points(shape: dict[str, Any], file: Path, place: str) -> list[tuple[float, float]]:
    points = shape.get("points")
    if points is None:
        points = []
    if not isinstance(points, list):
        fail(file, f"{place}.points", f"{shown(points)}; expected a list of [x, y]")
    read = []
    for index, point in enumerate(points):
        x, y = map(finite, point) if isinstance(point, list) and len(point) == 2 else (None, None)
        if x is None or y is None:
            fail(file, f"{place}.points[{index}]", f"{shown(point)}; expected [x, y], two numbers")
        read.append((x, y))
    return read


class LabelmeReader:
    """Images with LabelMe's JSON files."""

    name = "labelme"
    description = _LOOKED_FOR
    carries = frozenset({"subsets", "tags", "boxes"})

    def detect(self, listing: Listing) -> str | None:
        """Return where LabelMe's files are, or None where there is none."""
        return None if listing.is_file else _detected(listing)

    def open(self, listing: Listing, options: ReadOptions) -> LabelmeSource:
        """Return the dataset, its annotations read and checked.

        Raises SourceError where there is none or nothing of it can be read.
        """
        detected = self.detect(listing)
        if detected is None:
            path = printable(listing.path)
            raise SourceError(f"{path}: no LabelMe dataset; looked for {_LOOKED_FOR}")
        source = LabelmeSource(listing, options, detected)
        source.check()
        return source
