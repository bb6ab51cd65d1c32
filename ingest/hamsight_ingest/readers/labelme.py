"""LabelMe: a JSON file of shapes for each image, beside it or naming it."""

from __future__ import annotations

import json
import math
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hamsight_core.errors import SourceError
from hamsight_core.items import Box, Item
from hamsight_ingest.readers.annotated import (
    AnnotatedSource,
    Notes,
    absolute,
    bounds,
    fail,
    finite,
    folders_in,
    has_file,
    id_of,
    read_text,
    shown,
    valid_text,
)
from hamsight_ingest.readers.folder import is_image, printable, split_subset, uri_of, walk
from hamsight_ingest.source import ReadOptions

_LOOKED_FOR = "*.json files with the keys shapes and imagePath, beside the images"


def _is_json(name: str) -> bool:
    return name.lower().endswith(".json")


def _has_labelme_keys(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            if not opened.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
                return False
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text:
                return text.find(b'"shapes"') >= 0 and text.find(b'"imagePath"') >= 0
    except (OSError, ValueError):
        return False


def _detected(path: Path) -> str | None:
    """Return where LabelMe's files are, in the folder or a folder in it, or None."""
    for folder in (path, *folders_in(path)):
        if has_file(folder, ".json", _has_labelme_keys):
            return f"LabelMe annotations: {printable(os.path.relpath(folder / '*.json', path))}"
    return None


class LabelmeSource(AnnotatedSource):
    """The images of a folder with their LabelMe files, each an item."""

    format = "labelme"
    subsets_from = ""

    def __init__(self, path: Path, options: ReadOptions, detected: str) -> None:
        super().__init__(path, path, options, detected)

    def _items(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        unread: dict[str, None] = {}
        images = [os.path.join(self.path, *parts) for parts in walk(self.path, unread)]  # noqa: PTH118
        by_stem = {os.path.splitext(image)[0]: image for image in reversed(images)}  # noqa: PTH122
        seen: set[str] = set()
        for parts in walk(self.path, {}, _is_json):
            file = self.path.joinpath(*parts)
            content = _parsed(file)
            if content is None:
                notes.add("JSON files without LabelMe's shapes, left out", printable(file))
                continue
            image = _image(file, content, by_stem, notes)
            if image in seen:
                fail(file, "imagePath", f"{shown(image)} has another LabelMe file; expected one")
            seen.add(image)
            boxes = tuple(_boxes(content, file, notes))
            tags = _flags(content, file)
            for box in boxes:
                tags[box.label] = tags.get(box.label, 0) + 1
            yield self._item(image, tags, boxes)
        for image in images:
            if image not in seen:
                yield self._item(image, {}, ())
        for words in unread:
            notes.add(words, printable(self.path))

    def _item(self, image: str, tags: dict[str, int], boxes: tuple[Box, ...]) -> Item:
        relative = os.path.relpath(image, self.path)
        parts = Path(image if relative.startswith("..") else relative).parts
        subset, rest = split_subset(parts, self._options)
        name = id_of(printable("/".join(rest)))
        return Item(id=name, uri=uri_of(image), subset=subset, tags=tags, boxes=boxes)


def _parsed(file: Path) -> dict[str, Any] | None:
    """Return the content of a LabelMe file, or None where it is JSON of another kind."""
    try:
        content = json.loads(read_text(file))
    except json.JSONDecodeError as error:
        fail(file, f"line {error.lineno}, column {error.colno}", f"not JSON: {error.msg}")
    except (RecursionError, ValueError) as error:
        fail(file, "", f"not JSON that can be read: {error}")
    return content if isinstance(content, dict) and "shapes" in content else None


def _image(file: Path, content: dict[str, Any], by_stem: dict[str, str], notes: Notes) -> str:
    """Return the path of a file's image: the one it names, else the one of its own name."""
    name = content.get("imagePath")
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        fail(file, "imagePath", f"{shown(name)}; expected the path of the image")
    name = valid_text(name).replace("\\", "/")
    named = os.path.normpath(file.parent / name)
    if os.path.isfile(named) and is_image(named):  # noqa: PTH113 - never raises
        return named
    same = by_stem.get(os.path.splitext(file)[0])  # noqa: PTH122
    if same is not None:
        return same
    if isinstance(content.get("imageData"), str):
        words = (
            "images that are not there, but embedded in their LabelMe file (imageData), which is"
            " not read; labelme_export_json writes them out"
        )
        notes.add(words, printable(file))
    return os.path.join(file.parent, name.rpartition("/")[2] or name)  # noqa: PTH118


def _flags(content: dict[str, Any], file: Path) -> dict[str, int]:
    """Return the flags of the image that are set, as tags."""
    flags = content.get("flags") or {}
    if not isinstance(flags, dict):
        fail(file, "flags", "expected an object of names to true or false")
    return {valid_text(name): 1 for name, value in flags.items() if value is True}


def _boxes(content: dict[str, Any], file: Path, notes: Notes) -> list[Box]:
    """Return a box for each instance: a shape, or shapes of one label and group_id."""
    shapes = content["shapes"]
    if not isinstance(shapes, list):
        fail(file, "shapes", "expected a list")
    instances: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for index, shape in enumerate(shapes):
        place = f"shapes[{index}]"
        if not isinstance(shape, dict):
            fail(file, place, "expected an object")
        label = shape.get("label")
        if not isinstance(label, str):
            fail(file, f"{place}.label", f"{shown(label)}; expected text")
        group = shape.get("group_id")
        instance = f"[{index}]" if group is None else str(group)
        if group is not None and not isinstance(group, (int, str)):
            fail(file, f"{place}.group_id", f"{shown(group)}; expected a number or null")
        points = _extent(shape, file, place, notes)
        instances.setdefault((valid_text(label), instance), []).extend(points)
    return [Box(label, *bounds(points)) for (label, _), points in instances.items()]


def _extent(
    shape: dict[str, Any], file: Path, place: str, notes: Notes
) -> list[tuple[float, float]]:
    """Return points whose bounds are those of the shape."""
    kind = shape.get("shape_type") or "polygon"
    points = _points(shape, file, place)
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
    if not isinstance(points, list) or not points:
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

    def detect(self, path: Path) -> str | None:
        """Return where LabelMe's files are, or None where there is none."""
        return _detected(path) if path.is_dir() else None

    def open(self, path: Path, options: ReadOptions) -> LabelmeSource:
        """Return the dataset, its annotations read and checked.

        Raises SourceError where there is none or a file of it is wrong.
        """
        path = absolute(path)
        detected = self.detect(path)
        if detected is None:
            raise SourceError(f"{printable(path)}: no LabelMe dataset; looked for {_LOOKED_FOR}")
        source = LabelmeSource(path, options, detected)
        source.check()
        return source
