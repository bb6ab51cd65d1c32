"""CVAT for images and for video 1.1: XML files with an element for each image, or each track."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_core.items import Box, Item
from hamsight_ingest.listing import Listing, below, once, printable, uri_of
from hamsight_ingest.readers.annotated import AnnotatedSource, Ids, bounds, id_of, turned
from hamsight_ingest.readers.pairing import cleaned, near_of
from hamsight_ingest.readers.wrong import Notes, finite, shown
from hamsight_ingest.readers.xml_elements import Element, read_elements, root_tag
from hamsight_ingest.source import ReadOptions

_LOOKED_FOR = (
    "an XML file with the root element annotations and an element for each image, or each track of"
    " a video"
)
_ELEMENTS = frozenset({"image", "track"})
_FRAME = re.compile(r"frame_([0-9]{1,9})\.")
_POINT_LISTS = ("polygon", "polyline", "points")


_PROBED = 8


@once
def _files(listing: Listing) -> list[str]:
    """Return the XML files of CVAT in the folders where one of the first is, annotations.xml
    first."""
    folders: dict[str, list[str]] = {}
    for file in listing.of(".xml"):
        folders.setdefault(file.rpartition("/")[0], []).append(file)
    found: list[str] = []
    for files in folders.values():
        files.sort(key=lambda file: (not file.endswith("annotations.xml"), file))
        if any(_is_one(listing, file) for file in files[:_PROBED]):
            found.extend(file for file in files if _is_one(listing, file))
    return found


def _is_one(listing: Listing, file: str) -> bool:
    return root_tag(Path(listing.at(file))) == "annotations"


def _detected(files: list[str]) -> str:
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"CVAT annotations in {printable(files[0])}{more}"


class CvatSource(AnnotatedSource):
    """The images that CVAT files name, each an item."""

    format = "cvat"
    subsets_from = "the attribute subset of each image gives them"

    def __init__(self, listing: Listing, options: ReadOptions) -> None:
        self._files = _files(listing)
        around = listing.around() if listing.is_file else None
        super().__init__(listing, options, _detected(self._files), around)

    def _items(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        ids, found = Ids(), dict[str, str]()
        for file in self._files:
            self.accounts.use(file)
            with notes.refusing():
                for image in self._images(file, notes):
                    with notes.refusing():
                        item, place = self._item(file, image, ids, notes)
                        if found.setdefault(place, file) != file:
                            words = f"another CVAT file has {item.id} too; expected each image once"
                            image.wrong(words)
                        notes.taken += 1
                        yield item
        left = [image for image in self.listing.images if image not in found]
        if left:
            words = f"image files that {_named(self._files)} does not name, left out"
            folder = "images" if self.listing.has_folder("images") else ""
            notes.add(words, printable(self.listing.at(folder)), len(left))
        self.accounts.use_images()

    def _images(self, file: str, notes: Notes) -> Iterator[Element]:
        """Yield the images of a file, and after them the frames that its tracks are on."""
        tracks = []
        for element in read_elements(Path(self.listing.at(file)), "annotations", _ELEMENTS):
            if element.tag == "track":
                tracks.append(element)
            else:
                yield element
        if tracks:
            images = below(self.listing.images, file.rpartition("/")[0])
            yield from _frames(tracks, images, notes)

    def _item(self, file: str, image: Element, ids: Ids, notes: Notes) -> tuple[Item, str]:
        """Return an item, and the path of its image below the dataset."""
        name = image.attribute("name").replace("\\", "/")
        if not id_of(name):
            image.wrong('name=""; expected the path of an image')
        subset = image.attributes.get("subset", "")
        near = near_of(file, subset)
        found = self.pictures.find(cleaned(name), near, notes, _place(image), subset)
        if found is None:
            here = file.rpartition("/")[0]
            folder = f"{here}/images".lstrip("/")
            folder = folder if self.listing.has_folder(folder) else here
            found = f"{folder}/{cleaned(name)}".lstrip("/")
        return _said(
            image, ids.of(subset, id_of(name), found), self.listing.at(found), notes
        ), found


def _frames(tracks: list[Element], images: Iterator[str], notes: Notes) -> Iterator[Element]:
    """Yield an image with the shapes of all tracks on it for each frame that is there, under the
    name that CVAT gives it. Raises SourceError where none is."""
    frames: dict[int, Element] = {}
    for image in images:
        name = image.rpartition("/")[2]
        if frame := _FRAME.match(name):
            number = int(frame[1])
            attributes = {"name": name, "id": str(number)}
            frames[number] = Element(tracks[0].file, "image", tracks[0].line, attributes)
    if not frames:
        tracks[0].wrong(
            "annotations of a video; expected its frames as frame_000000.jpg, or those of images:"
            " export the task from CVAT as CVAT for images 1.1"
        )
    for track in tracks:
        with notes.refusing():
            label = track.attribute("label")
            for shape in track.children:
                if shape.attributes.get("outside") == "1":
                    continue
                found = frames.get(int(shape.attribute_number("frame")))
                if found is None:
                    notes.add("shapes of frames that are not here, left out", _place(shape))
                else:
                    shape.attributes["label"] = label
                    found.children.append(shape)
    yield from frames.values()


def _named(files: list[str]) -> str:
    return printable(files[0].rpartition("/")[2]) if len(files) == 1 else "any CVAT file"


def _said(image: Element, id: str, path: str, notes: Notes) -> Item:
    tags: dict[str, int] = {}
    attributes: dict[str, dict[str, None]] = {}
    boxes = []
    occluded = 0
    for shape in image.children:
        with notes.refusing():
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
            notes.taken += 1
    texts = {key: ", ".join(values) for key, values in attributes.items()}
    if "id" in image.attributes:
        texts["cvat_id"] = image.attributes["id"]
    if occluded:
        texts["occluded"] = str(occluded)
    return Item(
        id=id,
        uri=uri_of(path),
        subset=image.attributes.get("subset", ""),
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
        box = turned((left, top, right - left, bottom - top), notes, _place(shape))
        return _turned(box, shape, notes)
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
    """Annotations that CVAT exports as "CVAT for images 1.1" or "CVAT for video 1.1"."""

    name = "cvat"
    description = f"annotations.xml of CVAT for images or for video 1.1: {_LOOKED_FOR}"
    carries = frozenset({"subsets", "tags", "boxes"})

    def detect(self, listing: Listing) -> str | None:
        """Return which file has the annotations, or None where there is none."""
        files = _files(listing)
        return _detected(files) if files else None

    def open(self, listing: Listing, options: ReadOptions) -> CvatSource:
        """Return the dataset, its annotations read and checked.

        Raises SourceError where there is none or nothing of it can be read.
        """
        files = _files(listing)
        if not files:
            path = printable(listing.path)
            raise SourceError(f"{path}: no CVAT annotations; looked for {_LOOKED_FOR}")
        source = CvatSource(listing, options)
        source.check()
        return source
