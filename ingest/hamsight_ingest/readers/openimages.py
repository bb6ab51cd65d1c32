"""Open Images: CSV files of boxes and labels for images that are named by their ids."""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_core.items import Box, Item
from hamsight_ingest.listing import Listing, below, once, printable, uri_of, without_suffix
from hamsight_ingest.readers.annotated import AnnotatedSource
from hamsight_ingest.readers.image_size import upright_size
from hamsight_ingest.readers.openimages_csv import (
    Files,
    Labels,
    read_boxes,
    read_labels,
    read_names,
)
from hamsight_ingest.readers.wrong import Notes
from hamsight_ingest.source import ReadOptions

_LOOKED_FOR = (
    "*-annotations-bbox.csv or *-human-imagelabels*.csv, with class-descriptions*.csv,"
    " beside images named by their ids"
)
_SUBSET = re.compile(r"(?:oidv\d+-)?(train|validation|val|test)-")


@dataclass(slots=True)
class _Image:
    """An image that is here, with what the files say of it.

    `boxes` holds left, right, top and bottom of each box as fractions of the image's size;
    `box_labels` and `labels` are indexes of labels, of boxes and of the whole image.
    """

    path: str
    id: str
    subset: str
    boxes: array[float] = field(default_factory=lambda: array("d"))
    box_labels: array[int] = field(default_factory=lambda: array("I"))
    labels: array[int] = field(default_factory=lambda: array("I"))


@once
def find(listing: Listing) -> Files:
    """Return the CSV files of an Open Images dataset in a folder; without boxes and labels, none.

    Both the official names are known, and those that FiftyOne gives: SUBSET/labels/detections.csv.
    """
    files = Files()
    for file in () if listing.is_file else listing.of(".csv"):
        folder, _, name = file.rpartition("/")
        mark, path = f"{folder.rpartition('/')[2]}/{name}", Path(listing.at(file))
        if name.endswith("annotations-bbox.csv") or mark == "labels/detections.csv":
            files.boxes.append(path)
        elif "human-imagelabels" in name or mark == "labels/classifications.csv":
            files.labels.append(path)
        elif "class-descriptions" in name or mark == "metadata/classes.csv":
            files.names.append(path)
        elif "machine-imagelabels" in name:
            files.ignored.append(path)
    return files


def _subset(file: Path, root: Path) -> str:
    """Return the subset of a CSV file: the start of its name, else the folder that it is in."""
    match = _SUBSET.match(file.name)
    if match:
        return match[1]
    folder = file.parent.parent
    return "" if folder in (root, root.parent) else printable(folder.name)


def _detected(files: Files, path: Path) -> str:
    names = [printable(os.path.relpath(file, path)) for file in (*files.boxes, *files.labels)]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"Open Images annotations in {', '.join(names[:3])}{more}"


class OpenImagesSource(AnnotatedSource):
    """The images of an Open Images dataset that are here, each an item.

    All that the files say of these images is held in memory, about 700 bytes an image and 40 a
    box; what they say of other images is passed over.
    """

    format = "openimages"
    subsets_from = "names of CSV files and folders give the subsets"

    def __init__(self, listing: Listing, files: Files, options: ReadOptions) -> None:
        super().__init__(listing, options, _detected(files, listing.path))
        self._root = f"{listing.root}/"
        for used in (files.boxes, files.labels, files.names):
            self.accounts.use(str(file).removeprefix(self._root) for file in used)
        made = (str(file).removeprefix(self._root) for file in files.ignored)
        self.accounts.ignore(made, "labels made by machines are not read")
        self._read_notes = Notes()
        self._images: dict[str, dict[str, _Image]] = {}
        self._twice: list[_Image] = []
        self._labels = Labels(read_names(files.names), self._read_notes)
        self._read(files)

    def _items(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        notes.extend(self._read_notes)
        for shared in self._images.values():
            self.accounts.use(image.path.removeprefix(self._root) for image in shared.values())
        self.accounts.use(image.path.removeprefix(self._root) for image in self._twice)
        for image in chain(*map(dict.values, self._images.values()), self._twice):
            tags: dict[str, int] = {}
            for index in image.box_labels:
                label = self._labels.names[index]
                tags[label] = tags.get(label, 0) + 1
            for index in image.labels:
                tags.setdefault(self._labels.names[index], 1)
            yield Item(
                id=printable(image.id),
                uri=uri_of(image.path),
                subset=image.subset,
                tags=tags,
                boxes=self._boxes(image, notes) if measure and image.boxes else (),
            )

    def _boxes(self, image: _Image, notes: Notes) -> tuple[Box, ...]:
        size = upright_size(image.path)
        if size is None:
            words = "images whose size cannot be read: their tags are kept, their boxes left out"
            notes.add(words, printable(image.path))
            return ()
        width, height = size
        values = iter(image.boxes)
        sides = zip(values, values, values, values, strict=True)
        return tuple(
            Box(
                self._labels.names[index],
                left * width,
                top * height,
                (right - left) * width,
                (bottom - top) * height,
            )
            for index, (left, right, top, bottom) in zip(image.box_labels, sides, strict=True)
        )

    def _read(self, files: Files) -> None:
        subsets = dict.fromkeys(_subset(file, self.path) for file in (*files.boxes, *files.labels))
        shared = [subset for subset in subsets if not self._add_own(subset)]
        if shared:
            self._add_shared(alone=len(shared) == len(subsets))
        for file in files.ignored:
            self._read_notes.add("labels made by machines, left out", printable(file))
        known = 0
        for file in files.boxes:
            find = self._finder(_subset(file, self.path))
            for image, label, sides in read_boxes(file, self._labels, find, self._read_notes):
                image.box_labels.append(label)
                image.boxes.extend(sides)
                known += 1
        for file in files.labels:
            find = self._finder(_subset(file, self.path))
            for image, label in read_labels(file, self._labels, find, self._read_notes):
                image.labels.append(label)
                known += 1
        if any(self._images.values()) and not known:
            raise SourceError(
                f"{printable(self.path)}: none of its images is in"
                f" {printable(next(iter((*files.boxes, *files.labels))))}; expected images named by"
                " their ImageID, such as 000a1249af2bc5f0.jpg"
            )

    def _finder(self, subset: str) -> Callable[[str], _Image | None]:
        """Return what finds the image of a row, and makes one of a shared folder the subset's."""
        own, shared = self._images.get(subset, {}), self._images.get("", {})

        def find(image_id: str) -> _Image | None:
            image = own.get(image_id) or shared.get(image_id)
            if image is None or image.subset not in ("", subset):
                return None
            image.subset = subset
            return image

        return find

    def _add_own(self, subset: str) -> bool:
        """Add the images of the folder that a subset has for itself; return whether it has one."""
        root = self.path
        folders = (root / subset / "data", root / subset / "images", root / "images" / subset)
        own = next(filter(Path.is_dir, (*folders, root / subset)), None) if subset else None
        if own is not None:
            self._add(own, subset)
        return own is not None

    def _add_shared(self, *, alone: bool) -> None:
        folders = (self.path / "images", self.path / "data")
        found = next(filter(Path.is_dir, folders), self.path if alone else None)
        if found is not None:
            self._add(found, "")

    def _add(self, folder: Path, subset: str) -> None:
        images = self._images.setdefault(subset, {})
        within = "" if folder == self.path else str(folder.relative_to(self.path))
        start = len(within) + 1 if within else 0
        for file in below(self.listing.images, within.replace(os.sep, "/")):
            path = self.listing.at(file)
            image = _Image(path, file[start:], subset)
            image_id = without_suffix(file.rpartition("/")[2])
            if image_id in images:
                words = "images with the id of another in their subset, without annotations"
                self._read_notes.add(words, printable(path))
                self._twice.append(image)
            else:
                images[image_id] = image


class OpenImagesReader:
    """Datasets of Open Images."""

    name = "openimages"
    description = _LOOKED_FOR
    carries = frozenset({"subsets", "tags", "boxes"})

    def detect(self, listing: Listing) -> str | None:
        """Return which CSV files there are, or None where there is none."""
        files = find(listing)
        return _detected(files, listing.path) if files.boxes or files.labels else None

    def open(self, listing: Listing, options: ReadOptions) -> OpenImagesSource:
        """Return the dataset, its annotations read and checked.

        Raises SourceError where there is none or nothing of it can be read.
        """
        files = find(listing)
        if not files.boxes and not files.labels:
            path = printable(listing.path)
            raise SourceError(f"{path}: no Open Images dataset; looked for {_LOOKED_FOR}")
        source = OpenImagesSource(listing, files, options)
        source.check()
        return source
