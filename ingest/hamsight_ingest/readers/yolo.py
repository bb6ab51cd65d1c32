"""YOLO: a text file of labels for each image, in folders named labels beside those named images."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from hamsight_core.items import Box, Item
from hamsight_ingest.listing import Listing, below, is_file, is_image, printable, uri_of
from hamsight_ingest.readers.annotated import AnnotatedSource, id_of
from hamsight_ingest.readers.image_size import upright_size
from hamsight_ingest.readers.pairing import cleaned, file_like, near_of
from hamsight_ingest.readers.subsets import meanings
from hamsight_ingest.readers.texts import read_text
from hamsight_ingest.readers.wrong import Notes, WrongEntryError, fail, shown
from hamsight_ingest.readers.yolo_config import NAMES_FILES, Config, read_config
from hamsight_ingest.readers.yolo_find import LOOKED_FOR, Found, find, not_found, read
from hamsight_ingest.readers.yolo_labels import Shape, label_folders, labels_in, shapes_in
from hamsight_ingest.source import ReadOptions


class YoloSource(AnnotatedSource):
    """The images of a YOLO dataset, each an item."""

    format = "yolo"
    subsets_from = "train, val and test of the dataset's file give the subsets"

    def __init__(self, listing: Listing, found: Found, options: ReadOptions) -> None:
        around = listing.around() if listing.is_file else None
        super().__init__(listing, options, _detected(found), around)
        self._root = f"{self.listing.root}/"
        self._labels: set[str] = set()
        self._refused: list[WrongEntryError] = []
        self._several = bool(found.siblings)
        self._configs = list(self._read(found))
        self.accounts.use(self._below(str(f)) for config in self._configs for f in config.files)
        self.accounts.use(name for name in self.listing.files if _names_classes(name))

    def _read(self, found: Found) -> Iterator[Config]:
        """Yield what each file says that describes images; of several, one may be refused."""
        yield read(self.listing, found)
        for file in found.siblings:
            try:
                yield read_config(self.listing, Path(self.listing.at(file)))
            except WrongEntryError as error:
                self.accounts.use(file)
                self._refused.append(error)

    def _below(self, path: str) -> str:
        return path.removeprefix(self._root).replace(os.sep, "/")

    def _items(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        notes.refused.extend(self._refused)
        images: set[str] = set()
        for config in self._configs:
            for words in config.notes:
                notes.add(words, printable(config.named))
            for subset, image, image_id in self._images(config, notes):
                if self._several and self._below(image) in images:
                    words = "images of an earlier file that describes a dataset, read once"
                    notes.add(words, printable(config.named))
                    continue
                images.add(self._below(image))
                yield self._item(config, subset, image, image_id, notes, measure)
        self.accounts.use(images)
        self._account_for_others(notes)

    def _item(
        self, config: Config, subset: str, image: str, id: str, notes: Notes, measure: bool
    ) -> Item:
        tags: dict[str, int] = {}
        shapes: list[Shape] = []
        file = self._label_file(image)
        if file is not None:
            with notes.refusing():
                for shape in shapes_in(file, config, notes):
                    tags[shape.label] = tags.get(shape.label, 0) + 1
                    shapes.append(shape)
        boxes = _in_pixels(image, shapes, notes) if measure and shapes else ()
        if self._several:
            id = f"{printable(self._below(str(config.named.parent)))}/{id}"
        return Item(id=id, uri=uri_of(image), subset=subset, tags=tags, boxes=boxes)

    def _account_for_others(self, notes: Notes) -> None:
        """Tell which images are in no subset, and which labels are of no image."""
        own = [file for file in self.listing.of(".json") if file.endswith("notes.json")]
        self.accounts.ignore(own, "Label Studio's notes on an export")
        words = f"{printable(self._configs[0].named.name)} has these files in none of its subsets"
        self.accounts.ignore(self.listing.images, words)
        for file in self.listing.of(".txt"):
            if file not in self._labels and self._is_list(file):
                self.accounts.ignore(file, "a list of images that are here")
        left = [file for file in labels_in(self.listing) if file not in self._labels]
        if not left:
            return
        images = self.listing.images
        known = {f"{stem}.txt" for image in images for stem in label_folders(image)}
        self.accounts.ignore((file for file in left if file in known), words)
        for file in left:
            if file not in known:
                place = printable(self.listing.at(file))
                notes.add("label files without an image, left out", place)
                self.accounts.ignore(file, "label files without an image")

    def _is_list(self, file: str) -> bool:
        """Return whether the first line of a text file names an image of the dataset."""
        with Path(self.listing.at(file)).open("rb") as opened:
            first = opened.readline(4096).decode("utf-8", "replace").strip()
        return (
            is_image(first) and self.pictures.close(cleaned(first), near_of(file, "")) is not None
        )

    def _label_file(self, image: str) -> str | None:
        """Return the file of an image's labels."""
        relative = self._below(image)
        names = [f"{stem}.txt" for stem in label_folders(relative)]
        if os.path.isabs(relative):  # noqa: PTH117
            own = next((f"/{name}" for name in names if os.path.isfile(f"/{name}")), None)  # noqa: PTH113
        else:
            own = next(filter(self.listing.has, names), None)
            own = own or next((like for n in names if (like := file_like(self.listing, n))), None)
        if own is not None:
            return self._used(own)
        found = self._elsewhere.get(relative.rpartition("/")[2].rpartition(".")[0])
        if found is None:
            return None
        said, asked = meanings(found), meanings(relative)
        return None if said and asked and not said & asked else self._used(found)

    def _used(self, label_file: str) -> str:
        self._labels.add(label_file)
        self.accounts.use(label_file)
        return self.listing.at(label_file)

    @cached_property
    def _elsewhere(self) -> dict[str, str]:
        """The label files that are where no image's are looked for, by stems that only one of
        them and one image have."""
        paths = {f"{stem}.txt" for image in self.listing.images for stem in label_folders(image)}
        files = [file for file in labels_in(self.listing) if file not in paths]
        stems = Counter(file.rpartition("/")[2].rpartition(".")[0] for file in files)
        images = Counter(one.rpartition("/")[2].rpartition(".")[0] for one in self.listing.images)
        by_stem = ((file.rpartition("/")[2].rpartition(".")[0], file) for file in files)
        return {stem: file for stem, file in by_stem if stems[stem] == images[stem] == 1}

    def _images(self, config: Config, notes: Notes) -> Iterator[tuple[str, str, str]]:
        """Yield (subset, path, id) of each image that a file describes."""
        listed: set[str] = set()
        for subset, places in config.places.items():
            for place in places:
                if place.is_dir():
                    base = place if len(places) == 1 else config.root
                    for image in self._in_folder(place, notes):
                        yield subset, image, _id(image, base)
                    continue
                self.accounts.use(self._below(str(place)))
                for image in self._listed(place, config, notes):
                    if image in listed:
                        words = "images named by more than one list, read once, as of the first"
                        notes.add(words, printable(place))
                        continue
                    listed.add(image)
                    yield subset, image, _id(image, config.root)

    def _in_folder(self, place: Path, notes: Notes) -> Iterator[str]:
        """Yield the paths of the images in a folder; one elsewhere is listed for itself."""
        root = self.listing.root
        if place == root or root in place.parents:
            relative = self._below(str(place)) if place != root else ""
            yield from map(self.listing.at, below(self.listing.images, relative))
            return
        listing = Listing(place)
        yield from map(listing.at, listing.images)
        for words in listing.notes:
            notes.add(words, printable(place))

    def _listed(self, file: Path, config: Config, notes: Notes) -> Iterator[str]:
        """Yield the path of each image that a list names."""
        for number, line in enumerate(read_text(file).split("\n"), 1):
            name = line.strip().replace("\\", "/")
            with notes.refusing():
                if "\0" in name:
                    fail(file, number, f"{shown(name)}; expected the path of an image")
                if not name:
                    continue
                if not is_image(name):
                    words = "lines that name no image by its extension, left out"
                    notes.add(words, printable(file))
                    continue
                yield self._found(name, file, config, number, notes)

    def _found(self, name: str, file: Path, config: Config, number: int, notes: Notes) -> str:
        """Return the path of an image in a list: as it is, without its first part, or the
        longest end of it that is in the dataset."""
        bases = (file.parent, config.root, config.named.parent)
        candidates = [
            os.path.normpath(base / text)
            for text in (name, name.partition("/")[2])
            for base in bases
            if text
        ]
        found = next(filter(is_file, candidates), None)
        if found is None:
            place = f"{printable(file)}:{number}"
            image = self.pictures.elsewhere(cleaned(name), ("",), notes, place)
            found = None if image is None else self.listing.at(image)
        return found or candidates[0]


def _names_classes(file: str) -> bool:
    name = file.rpartition("/")[2]
    return name in NAMES_FILES or name.endswith((".names", "_darknet.labels"))


def _id(image: str, base: Path) -> str:
    try:
        relative = os.path.relpath(image, base)
    except ValueError:  # another drive on Windows
        relative = image
    return id_of(printable(image if relative.startswith("..") else relative))


def _in_pixels(image: str, shapes: list[Shape], notes: Notes) -> tuple[Box, ...]:
    size = None
    if not all(shape.pixels for shape in shapes):
        size = upright_size(image)
        if size is None:
            words = "images whose size cannot be read: their tags are kept, their boxes left out"
            notes.add(words, printable(image))
    boxes = []
    for shape in shapes:
        x, y, w, h = shape.box
        if shape.pixels:
            boxes.append(Box(shape.label, x, y, w, h))
        elif size is not None:
            width, height = size
            boxes.append(Box(shape.label, x * width, y * height, w * width, h * height))
    return tuple(boxes)


def _detected(found: Found) -> str:
    if found.file is None:
        return f"YOLO labels in {printable(found.labels)}, classes by their numbers"
    says = "names the classes" if found.names_only else "names classes and images"
    more = f" (and {len(found.siblings)} more)" if found.siblings else ""
    return f"YOLO dataset: {printable(found.shown)} {says}{more}"


class YoloReader:
    """YOLO datasets, of Ultralytics' and Darknet's layout."""

    name = "yolo"
    description = (
        f"{LOOKED_FOR}; labels/*.txt for images/*, or .txt files beside the images; DOTA's labelTxt"
    )
    carries = frozenset({"subsets", "tags", "boxes"})

    def detect(self, listing: Listing) -> str | None:
        """Return which file describes the dataset, or None where there is none."""
        found = find(listing)
        return None if found is None else _detected(found)

    def open(self, listing: Listing, options: ReadOptions) -> YoloSource:
        """Return the dataset, its labels read and checked.

        Raises SourceError where there is none or nothing of it can be read.
        """
        found = find(listing)
        if found is None:
            raise not_found(listing.path)
        source = YoloSource(listing, found, options)
        source.check()
        return source
