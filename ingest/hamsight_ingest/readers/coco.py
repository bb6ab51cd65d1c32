"""COCO: JSON files of images, annotations and categories, and the images that they name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_core.images.places import is_url
from hamsight_core.items import Category, Item
from hamsight_ingest.listing import Listing, is_skipped, printable, suffix_of, uri_of
from hamsight_ingest.readers.annotated import AnnotatedSource, Ids
from hamsight_ingest.readers.coco_files import detected_words, found_in, subset_of
from hamsight_ingest.readers.coco_json import Record, read
from hamsight_ingest.readers.mirror import is_there, mirror_of
from hamsight_ingest.readers.pairing import cleaned, near_of, normal
from hamsight_ingest.readers.wrong import Notes
from hamsight_ingest.source import ReadOptions

_NOT_NAMED = "no COCO file names these images"
_PROBED = 32


@dataclass(slots=True)
class _Image:
    """An image of a subset, with what all files say of it. `path` is absolute, or a URL."""

    name: str
    path: str
    record: Record


class CocoSource(AnnotatedSource):
    """The images that COCO annotation files name, each an item.

    What the files say is held in memory.
    """

    format = "coco"
    subsets_from = "COCO file names give the subsets"

    def __init__(self, listing: Listing, options: ReadOptions) -> None:
        found = found_in(listing)
        if not found.files:
            raise SourceError(
                f"{printable(listing.path)}: no COCO annotations; looked for"
                f" {CocoReader.description}"
            )
        around = None if found.around is listing else found.around
        super().__init__(listing, options, detected_words(found.files), around)
        self._read_notes = Notes()
        self._categories: dict[str, Category] = {}
        self._images: dict[str, dict[str, _Image]] = {}
        for file, why in found.ignored.items():
            self._read_notes.add(f"ignored: {why}", printable(file))
            self.accounts.ignore(file, why)
        for file in found.files:
            records, categories = read(Path(self.listing.at(file)), self._read_notes)
            self.accounts.use(file)
            self._number(file, categories)
            self._pair(file, records)
        self._account()

    @property
    def categories(self) -> Sequence[Category]:
        """Return the categories of all files, in the order of the files."""
        return list(self._categories.values())

    def _number(self, file: str, found: Sequence[Category]) -> None:
        """Keep the categories of a file, with a note on each that is numbered in another way."""
        numbers = {one.number: one.label for one in self._categories.values()}
        place = printable(self.listing.at(file))
        for one in found:
            former = self._categories.get(one.label)
            taken = numbers.setdefault(one.number, one.label)
            if former is not None and former.number != one.number:
                words = (
                    f"the category {one.label!r} has the ids {former.number} and"
                    f" {one.number}: it is one label, of which {former.number} is kept"
                )
                self._read_notes.add(words, place)
            elif taken != one.label:
                words = (
                    f"the category {one.label!r} has the id {one.number}, which"
                    f" {taken!r} has in another file: its id is not kept"
                )
                self._read_notes.add(words, place)
            else:
                self._categories.setdefault(one.label, one)

    def _pair(self, file: str, records: Sequence[Record]) -> None:
        """Find the image of each record, and add what the file says of it."""
        subset = subset_of(file)
        near = near_of(file, subset)
        names = [cleaned(record.file_name) for record in records]
        hidden = [self._written(filter(_is_hidden, near), name) for name in names]
        exact = [
            None if path else self.pictures.exact(name, near)
            for name, path in zip(names, hidden, strict=True)
        ]
        taken = set(filter(None, exact))
        folder = self._folder(file, near, names, exact)
        images = self._images.setdefault(subset, {})
        earlier = {path: len(image.record.boxes) for path, image in images.items()}
        found = any(exact) or any(hidden)
        for record, name, image, written in zip(records, names, exact, hidden, strict=True):
            if image is None and written is None and _is_odd(record.file_name):
                written = self._written((folder, *near), record.file_name)
            if image is None and written is None:
                place = f"{printable(file)}: {name}"
                image = self.pictures.find(name, near, self._read_notes, place, subset)
                image = None if image in taken else image
                if image is not None and not image.endswith(name):
                    name = _tail(image, name)
            found = found or image is not None or written is not None or is_url(record.file_name)
            if image is not None:
                path = self.listing.at(image)
            elif written is not None:
                path = written
            elif is_url(record.file_name):
                name = path = record.file_name
            else:
                path = self._as_written(folder, record.file_name)
            present = images.setdefault(path, _Image(name, path, Record(record.key, name)))
            _merge(present.record, record, earlier.get(path, 0))
        mirror = mirror_of(self.listing.root)
        if names and not found and (mirror is None or mirror.tree.listed):
            self._tell_missing(file, names, near)

    def _written(self, places: Iterable[str], name: str) -> str | None:
        """Return the path of an image that is there, but not listed: it is hidden, or outside."""
        paths = (self._as_written(place, name) for place in places)
        return next(filter(is_there, paths), None)

    def _as_written(self, folder: str, name: str) -> str:
        """Return the path that a name is, which may be absolute or lead out of the dataset."""
        path = os.path.join(self.listing.at(folder), name)  # noqa: PTH118 - keeps its text
        return os.path.normpath(path)

    def _folder(
        self, file: str, near: Sequence[str], names: Sequence[str], exact: Sequence[str | None]
    ) -> str:
        """Return the folder where images are that cannot be found, with a note without any."""
        for name, image in zip(names, exact, strict=True):
            if image is not None and image.endswith(name):
                return image.removesuffix(name).rstrip("/")
        for name in names[:_PROBED]:
            for place in near:
                if is_there(self.listing.at(f"{place}/{name}" if place else name)):
                    return place
        folders = [place for place in near if not place or self.listing.has_folder(place)]
        images = (place for place in folders if place and place.rpartition("/")[2] != "annotations")
        return next(images, "")

    def _tell_missing(self, file: str, names: Sequence[str], near: Sequence[str]) -> None:
        """Note that none of the images that a file names was found."""
        looked = ", ".join(
            printable(self.listing.root / place)
            for place in near
            if not place or self.listing.has_folder(place)
        )
        words = f"none of its first {len(names[:_PROBED])} images was found; looked in {looked}"
        self._read_notes.add(words, printable(self.listing.at(file)))

    def _account(self) -> None:
        root = f"{self.listing.root}/"
        paths = (path.removeprefix(root) for found in self._images.values() for path in found)
        self.accounts.use(paths)
        self.accounts.ignore(self.listing.images, _NOT_NAMED)

    def _items(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        notes.extend(self._read_notes)
        ids = Ids()
        root = f"{self.listing.root}/"
        for subset, images in sorted(self._images.items()):
            for image in images.values():
                name = image.name if is_url(image.name) else image.name.lstrip("/")
                record = image.record
                yield Item(
                    id=ids.of(subset, name, image.path.removeprefix(root)),
                    uri=image.path if is_url(image.path) else uri_of(image.path),
                    subset=subset,
                    tags=record.tags,
                    boxes=tuple(record.boxes),
                    captions=tuple(record.captions),
                    attributes={"coco_id": str(record.key)},
                )


def _is_odd(name: str) -> bool:
    """Return whether a path is hidden, absolute, or leads out of the dataset."""
    parts = name.split("/")
    return name.startswith("/") or any(part == ".." or is_skipped(part) for part in parts)


def _is_hidden(folder: str) -> bool:
    return any(map(is_skipped, folder.split("/")))


def _tail(image: str, name: str) -> str:
    """Return the end of an image's name that its path shares; where the file's extension is
    another, or missing, the path's."""
    ours, theirs = image.split("/"), name.split("/")
    shared = 1
    while shared < min(len(ours), len(theirs)) and normal(ours[-shared - 1]) == normal(
        theirs[-shared - 1]
    ):
        shared += 1
    same = suffix_of(image) == suffix_of(name)
    return "/".join((theirs if same else ours)[-shared:])


def _merge(present: Record, record: Record, earlier: int) -> None:
    """Add what a file says; a box that an earlier file gave, as keypoints do, counts once."""
    known = set(present.boxes[:earlier])
    twice: dict[str, int] = {}
    for box in record.boxes:
        if box in known:
            twice[box.label] = twice.get(box.label, 0) + 1
        else:
            present.boxes.append(box)
    for label, count in record.tags.items():
        if count > twice.get(label, 0):
            present.tags[label] = present.tags.get(label, 0) + count - twice.get(label, 0)
    present.captions += record.captions


class CocoReader:
    """COCO annotation files beside folders of images."""

    name = "coco"
    description = "*.json with the lists images and annotations, in any folder of the dataset"
    carries = frozenset({"subsets", "tags", "boxes", "captions"})

    def detect(self, listing: Listing) -> str | None:
        """Return which annotation files there are, or None where there is none."""
        files = found_in(listing).files
        return detected_words(files) if files else None

    def open(self, listing: Listing, options: ReadOptions) -> CocoSource:
        """Return the dataset, its annotations read and checked.

        Raises SourceError where there is no annotation file or one of them is wrong.
        """
        source = CocoSource(listing, options)
        source.check()
        return source
