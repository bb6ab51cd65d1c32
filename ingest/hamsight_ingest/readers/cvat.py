"""CVAT for images 1.1: one XML file with an element for each image."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_core.items import Box, Item
from hamsight_ingest.readers.annotated import (
    AnnotatedSource,
    Notes,
    absolute,
    bounds,
    finite,
    id_of,
    shown,
)
from hamsight_ingest.readers.folder import printable, uri_of, walk
from hamsight_ingest.readers.xml_elements import Element, read_elements, root_tag
from hamsight_ingest.source import ReadOptions

_LOOKED_FOR = "an XML file with the root element annotations and an element for each image"
_ELEMENTS = frozenset({"image", "track"})
_POINT_LISTS = ("polygon", "polyline", "points")


def find(path: Path) -> Path | None:
    """Return the CVAT file at `path`: itself, or one in the folder, annotations.xml first."""
    try:
        files = [path] if path.is_file() else [one for one in path.iterdir() if one.is_file()]
    except OSError:
        return None
    files = [file for file in files if file.suffix.lower() == ".xml"]
    for file in sorted(files, key=lambda file: (file.name != "annotations.xml", file.name))[:8]:
        if root_tag(file) == "annotations":
            return file
    return None


def _detected(file: Path) -> str:
    return f"CVAT annotations in {printable(file.name)}"


class CvatSource(AnnotatedSource):
    """The images that a CVAT file names, each an item."""

    format = "cvat"
    subsets_from = "the attribute subset of each image gives them"

    def __init__(self, path: Path, file: Path, options: ReadOptions) -> None:
        root = path if path.is_dir() else file.parent
        super().__init__(path, root, options, _detected(file))
        self._file = file
        images = file.parent / "images"
        self._images = images if images.is_dir() else file.parent

    def _items(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        found = 0
        for image in read_elements(self._file, "annotations", _ELEMENTS):
            if image.tag == "track":
                image.wrong(
                    "annotations of a video; expected those of images:"
                    " export the task from CVAT as CVAT for images 1.1"
                )
            item = _item(image, self._images, notes)
            found += os.path.isfile(item.uri)  # noqa: PTH113 - never raises
            yield item
        unread: dict[str, None] = {}
        more = sum(1 for _ in walk(self._images, unread)) - found
        if more > 0:
            words = f"image files that {printable(self._file.name)} does not name, left out"
            notes.add(words, printable(self._images), more)
        for words in unread:
            notes.add(words, printable(self._images))


def _item(image: Element, folder: Path, notes: Notes) -> Item:
    name = image.attribute("name").replace("\\", "/")
    if not id_of(name):
        image.wrong('name=""; expected the path of an image')
    subset = image.attributes.get("subset", "")
    path = os.path.join(folder, name)  # noqa: PTH118
    within = os.path.join(folder, subset, name)  # noqa: PTH118
    if subset and os.path.isfile(within):  # noqa: PTH113 - never raises
        path = within
    tags: dict[str, int] = {}
    attributes: dict[str, dict[str, None]] = {}
    boxes = []
    occluded = 0
    for shape in image.children:
        if shape.tag != "tag" and "label" not in shape.attributes:
            notes.add(f"elements <{shape.tag}> without a label are not read", _place(shape))
            continue
        label = shape.attribute("label")
        if shape.tag != "tag":
            boxes.append(Box(label, *_box(shape, notes)))
        tags[label] = tags.get(label, 0) + 1
        occluded += shape.attributes.get("occluded") == "1"
        for one in shape.all("attribute"):
            key = f"{label}.{one.attribute('name')}"
            attributes.setdefault(key, {})[one.text] = None
    texts = {key: ", ".join(values) for key, values in attributes.items()}
    if "id" in image.attributes:
        texts["cvat_id"] = image.attributes["id"]
    if occluded:
        texts["occluded"] = str(occluded)
    return Item(
        id=id_of(name),
        uri=uri_of(path),
        subset=subset,
        tags=tags,
        boxes=tuple(boxes),
        attributes=texts,
    )


def _place(element: Element) -> str:
    return f"{printable(element.file)}:{element.line}"


def _box(shape: Element, notes: Notes) -> tuple[float, float, float, float]:
    """Return x, y, width and height of a shape, or of the box around it with a note."""
    if shape.tag == "box":
        left, top, right, bottom = map(shape.attribute_number, ("xtl", "ytl", "xbr", "ybr"))
        if right < left or bottom < top:
            shape.wrong(
                f"{left:g}, {top:g} to {right:g}, {bottom:g}; expected xbr >= xtl and ybr >= ytl"
            )
        return _turned((left, top, right - left, bottom - top), shape, notes)
    if shape.tag == "mask":
        notes.add("masks are read as the boxes around them", _place(shape))
        left, top, width, height = map(shape.attribute_number, ("left", "top", "width", "height"))
        return left, top, width, height
    notes.add(f"elements <{shape.tag}> are read as the boxes around them", _place(shape))
    if shape.tag == "ellipse":
        x, y, rx, ry = map(shape.attribute_number, ("cx", "cy", "rx", "ry"))
        return _turned((x - rx, y - ry, 2 * rx, 2 * ry), shape, notes)
    if shape.tag == "cuboid":
        corners = [f"{x}{number}" for x in ("xtl", "xbl", "xtr", "xbr") for number in (1, 2)]
        return bounds(
            (shape.attribute_number(x), shape.attribute_number(f"y{x[1:]}")) for x in corners
        )
    if shape.tag == "skeleton":
        points = [point for one in shape.all("points") for point in _points(one)]
        return bounds(points) if points else shape.wrong("expected <points> in it")
    if shape.tag in _POINT_LISTS:
        return bounds(_points(shape))
    return shape.wrong(
        "not a shape of CVAT for images; expected box, polygon, polyline, points, mask, ellipse,"
        " cuboid, skeleton or tag"
    )


def _points(shape: Element) -> list[tuple[float, float]]:
    """Return the points of an attribute such as "1.5,2;3,4"."""
    points = []
    for text in shape.attribute("points").split(";"):
        x, _, y = text.partition(",")
        point = (finite(x), finite(y))
        if point[0] is None or point[1] is None:
            shape.wrong(f"points: {shown(text)}; expected pairs of numbers X,Y;X,Y")
        points.append((point[0], point[1]))
    return points


def _turned(
    box: tuple[float, float, float, float], shape: Element, notes: Notes
) -> tuple[float, float, float, float]:
    """Return the box around a shape that CVAT turns about its centre, by degrees."""
    if "rotation" not in shape.attributes:
        return box
    angle = math.radians(shape.attribute_number("rotation"))
    x, y, width, height = box
    across, along = abs(math.cos(angle)), abs(math.sin(angle))
    if shape.tag == "ellipse":
        turned_width = math.hypot(width * across, height * along)
        turned_height = math.hypot(width * along, height * across)
    else:
        notes.add("rotated boxes are read as the upright boxes around them", _place(shape))
        turned_width = width * across + height * along
        turned_height = width * along + height * across
    x += (width - turned_width) / 2
    y += (height - turned_height) / 2
    return x, y, turned_width, turned_height


class CvatReader:
    """Annotations that CVAT exports as "CVAT for images 1.1"."""

    name = "cvat"
    description = f"annotations.xml of CVAT for images 1.1: {_LOOKED_FOR}"
    carries = frozenset({"subsets", "tags", "boxes"})

    def detect(self, path: Path) -> str | None:
        """Return which file has the annotations, or None where there is none."""
        file = find(path)
        return None if file is None else _detected(file)

    def open(self, path: Path, options: ReadOptions) -> CvatSource:
        """Return the dataset, its annotations read and checked.

        Raises SourceError where there is none or the file is wrong.
        """
        path = absolute(path)
        file = find(path)
        if file is None:
            raise SourceError(f"{printable(path)}: no CVAT annotations; looked for {_LOOKED_FOR}")
        source = CvatSource(path, file, options)
        source.check()
        return source
