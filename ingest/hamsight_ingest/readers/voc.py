"""Pascal VOC: an XML file for each image, and text files that say which images a subset has."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_core.items import Box, Item
from hamsight_ingest.listing import Listing, once, printable, suffix_of, uri_of, without_suffix
from hamsight_ingest.readers.annotated import AnnotatedSource, Ids, bounds, turned
from hamsight_ingest.readers.pairing import cleaned
from hamsight_ingest.readers.subsets import is_subset, placed, subset_in, wrapper
from hamsight_ingest.readers.voc_sets import composed, is_mask, read_sets
from hamsight_ingest.readers.wrong import Notes, finite
from hamsight_ingest.readers.xml_elements import Element, read_elements, root_tag
from hamsight_ingest.source import ReadOptions

_LOOKED_FOR = (
    "*.xml with the root element annotation, in any folder, beside images or in Annotations with"
    " JPEGImages and ImageSets/Main"
)
_FLAGS = ("difficult", "truncated", "occluded")
_PROBED = 8
_ROTATED = ("cx", "cy", "w", "h")


@once
def _annotations(listing: Listing) -> list[str]:
    """Return the XML files in the folders where one of the first is VOC's.

    Those of Stanford Dogs have no extension.
    """
    folders: dict[tuple[str, str], list[str]] = {}
    for file in listing.of(".xml", ""):
        folders.setdefault((file.rpartition("/")[0], suffix_of(file)), []).append(file)
    found: list[str] = []
    for files in folders.values():
        tags = {root_tag(Path(listing.at(file))) for file in files[:_PROBED]}
        folder = files[0].rpartition("/")[0].rpartition("/")[2]
        # Where no XML can be read in a folder of annotations, reading them says what is wrong.
        if "annotation" in tags or (
            tags == {None} and folder.lower() == "annotations" and suffix_of(files[0])
        ):
            found.extend(files)
    return found


def _years(files: list[str]) -> list[str]:
    """Return the folders of VOCdevkit that have annotations, such as VOC2012."""
    tops = dict.fromkeys(file.split("/")[0] for file in files if "/" in file)
    return [top for top in tops if top.startswith("VOC")]


def _detected(files: list[str]) -> str:
    folders = dict.fromkeys(file.rpartition("/")[0] for file in files)
    if list(folders) == [""]:
        return "Pascal VOC annotations beside the images"
    names = [printable(folder) or "." for folder in folders]
    more = f" and {len(names) - 3} more folders" if len(names) > 3 else ""
    return f"Pascal VOC annotations in {', '.join(names[:3])}{more}"


class VocSource(AnnotatedSource):
    """The images of a Pascal VOC dataset, each an item."""

    format = "voc"

    def __init__(
        self, listing: Listing, options: ReadOptions, files: list[str], around: Listing | None
    ) -> None:
        super().__init__(listing, options, _detected(files), around)
        self._files = files
        # Paths begin at the dataset, but where a folder says that it has annotations alone.
        folders = {part for file in files for part in file.split("/")[:-1]}
        self._mixed = not any(map(_is_of_annotations, folders))
        top = wrapper(self.listing)
        self._start = len(top) + 1 if top else 0
        self.subsets_from = "" if self._mixed else "ImageSets/Main gives the subsets"

    def _items(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        ids, seen, stems = Ids(), set[str](), set[str]()
        subsets = {} if self._mixed else read_sets(self.listing, self.accounts, notes)
        for file in self._files:
            stems.add(composed(without_suffix(file.rpartition("/")[2])))
            self.accounts.use(file)
            with notes.refusing():
                annotation = _read(Path(self.listing.at(file)), notes)
                if annotation is None:
                    continue
                image = self._image(file, annotation, notes)
                if image in seen:
                    annotation.wrong(f"{image} has another XML file; expected one")
                item = self._item(image, subsets, annotation, notes, ids)
                seen.add(image)
                notes.taken += 1
                yield item
        for image in self.listing.images:
            stems.add(composed(without_suffix(image.rpartition("/")[2])))
            if image in seen:
                continue
            if not self._mixed and is_mask(image):
                self.accounts.ignore(image, "masks are not read")
                continue
            yield self._item(image, subsets, None, notes, ids)
        self.accounts.use_images()
        self.accounts.ignore(
            [file for file in self.listing.of(".txt") if file.endswith("labelmap.txt")],
            "the colours of masks, which are not read",
        )
        for name in subsets.keys() - stems:
            if name.rpartition("/")[2] not in stems:
                words = "names in ImageSets with neither an image nor an annotation, left out"
                notes.add(words, name)

    def _image(self, file: str, annotation: Element, notes: Notes) -> str:
        """Return the image of an XML file: of the same name, else the one that it names.

        It is a path below the dataset, where the image should be if it is nowhere.
        """
        folder, _, name = file.rpartition("/")
        stem = without_suffix(name)
        named = [cleaned(one.text) for one in annotation.all("filename")]
        file_name = next(filter(None, named), f"{stem}.jpg").rpartition("/")[2]
        near = _near(folder)
        suffix = os.path.splitext(file_name)[1]  # noqa: PTH122
        for candidate in (f"{stem}{suffix}", stem, file_name):
            found = self.pictures.close(candidate, near)
            if found is not None and not (candidate == stem and is_mask(found)):
                return found
        subset = subset_in(folder.rpartition("/")[2]) or subset_in(folder.partition("/")[0])
        for candidate in dict.fromkeys((f"{stem}{suffix}", file_name)):
            found = self.pictures.elsewhere(candidate, near, notes, printable(file), subset)
            if found is not None:
                return found
        place = next((one for one in near if self.listing.has_folder(one)), folder)
        return f"{place}/{file_name}" if place else file_name

    def _item(
        self,
        image: str,
        subsets: dict[str, str],
        annotation: Element | None,
        notes: Notes,
        ids: Ids,
    ) -> Item:
        if self._mixed:
            subset, name = self._split(image)
        else:
            subset, name = placed(image[self._start :])
            subset = _of_set(subsets, without_suffix(name), without_suffix(image)) or subset
            subset = subset or next(filter(is_subset, image.split("/")[:-1]), "")
        tags: dict[str, int] = {}
        boxes, attributes = [], {}
        objects = [] if annotation is None else annotation.all("object")
        for one in objects:
            with notes.refusing():
                label, sides = _label(one), _box(one, notes)
                boxes += [] if sides is None else [Box(label, *sides)]
                tags[label] = tags.get(label, 0) + 1
                notes.taken += 1
        for flag in _FLAGS:
            number = sum(any(e.text == "1" for e in one.all(flag)) for one in objects)
            if number:
                attributes[flag] = str(number)
        return Item(
            id=printable(ids.of(subset, name, image)),
            uri=uri_of(self.listing.at(image)),
            subset=printable(subset),
            tags=tags,
            boxes=tuple(boxes),
            attributes=attributes,
        )


def _of_set(subsets: dict[str, str], *stems: str) -> str:
    """Return the subset of an image by its path, within the dataset or less of it."""
    keys = (composed(key) for key in (*stems, stems[0].rpartition("/")[2]))
    return next((subsets[key] for key in keys if key in subsets), "")


def _is_of_annotations(folder: str) -> bool:
    return folder.lower().startswith(("ann", "label", "xml"))


def _near(folder: str) -> list[str]:
    """Return the folders where the image of an XML file in `folder` may be: with a part of the
    path that is called as annotations replaced by a folder of images, then the folder itself."""
    parts = folder.split("/") if folder else []
    found = []
    for place in range(len(parts) - 1, -1, -1):
        if _is_of_annotations(parts[place]):
            for images in ("JPEGImages", "images", "Images", "data", "img", ""):
                tail = [*parts[:place], *filter(None, [images]), *parts[place + 1 :]]
                found.append("/".join(tail))
    return list(dict.fromkeys([*found, folder]))


def _read(file: Path, notes: Notes) -> Element | None:
    """Return the annotation in a file, or None with a note where it is XML of another kind."""
    if root_tag(file) not in ("annotation", None):
        notes.add("XML files whose root element is not annotation, left out", printable(file))
        return None
    (annotation,) = read_elements(file, "annotation", frozenset({"annotation"}))
    return annotation


def _label(one: Element) -> str:
    label = one.child("name").text
    return label or one.child("name").wrong("empty; expected the name of a class")


def _box(one: Element, notes: Notes) -> tuple[float, float, float, float] | None:
    """Return the box of an object, from VOC's pixels, counted from 1 with both ends, to edges."""
    place = f"{printable(one.file)}:{one.line}"
    if one.all("part"):
        notes.add("parts of objects are not read", place, len(one.all("part")))
    if not one.all("bndbox"):
        points = _points(one)
        if points:
            notes.add("objects without a box get one around their polygon", place)
            return bounds(points)
        if not one.all("polygon") and not one.all("robndbox"):
            one.child("bndbox")
        notes.add("objects without a point are tags without a box", place)
        return None
    bounding = one.child("bndbox")
    if not bounding.children:
        notes.add("objects with an empty box are tags without one", place)
        return None
    names = ("xmin", "ymin", "xmax", "ymax")
    left, top, right, bottom = (bounding.child(name).number() for name in names)
    if right < left or bottom < top:
        left, top, width, height = turned((left, top, right - left, bottom - top), notes, place)
        right, bottom = left + width, top + height
    if min(left, top) < 1:
        notes.add("boxes that begin before pixel 1, VOC's first; read as VOC's all the same", place)
    return left - 1, top - 1, right - left + 1, bottom - top + 1


def _points(one: Element) -> list[tuple[float, float]]:
    """Return points around an object without a box: its polygon's, or a rotated box's corners."""
    for polygon in one.all("polygon"):
        points = [(p.child("x").number(), p.child("y").number()) for p in polygon.all("pt")]
        values = {child.tag: child for child in polygon.children}
        for tag, child in values.items():
            if tag[:1] == "x" and tag[1:].isdecimal() and f"y{tag[1:]}" in values:
                points.append((child.number(), values[f"y{tag[1:]}"].number()))
        return points
    for rotated in one.all("robndbox"):
        x, y, width, height = (rotated.child(name).number() for name in _ROTATED)
        angle = finite(rotated.child("angle").text) or 0.0
        return _corners(x, y, width, height, angle)
    return []


def _corners(
    x: float, y: float, width: float, height: float, angle: float
) -> list[tuple[float, float]]:
    """Return the corners of a box about its centre, turned by an angle in radians."""
    across, along = math.cos(angle), math.sin(angle)
    halves = [(i * width / 2, j * height / 2) for i in (-1, 1) for j in (-1, 1)]
    return [(x + dx * across - dy * along, y + dx * along + dy * across) for dx, dy in halves]


class VocReader:
    """Pascal VOC datasets."""

    name = "voc"
    description = _LOOKED_FOR
    carries = frozenset({"subsets", "tags", "boxes"})

    def detect(self, listing: Listing) -> str | None:
        """Return where the annotations are, or None where there are none."""
        files = [] if listing.is_file else _annotations(listing)
        return _detected(files) if files else None

    def open(self, listing: Listing, options: ReadOptions) -> VocSource:
        """Return the dataset, its annotations read and checked.

        Raises SourceError where there is none, more than one, or nothing of it can be read.
        """
        path = printable(listing.path)
        files = [] if listing.is_file else _annotations(listing)
        if not files:
            raise SourceError(f"{path}: no Pascal VOC dataset; looked for {_LOOKED_FOR}")
        around, years = None, _years(files)
        if len(years) > 1:
            names = " or ".join(printable(listing.root / year) for year in years)
            raise SourceError(f"{path}: {len(years)} datasets; give {names}")
        if years and all(file.startswith(f"{years[0]}/") for file in files):
            around = Listing(listing.root / years[0])
            files = _annotations(around)
        source = VocSource(listing, options, files, around)
        source.check()
        return source
