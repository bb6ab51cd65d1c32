"""COCO: JSON files of images, annotations and categories beside folders of images."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_core.images.places import is_url
from hamsight_core.items import Category, Item
from hamsight_ingest.readers.coco_json import ImageId, Record, read
from hamsight_ingest.readers.folder import printable, uri_of
from hamsight_ingest.readers.mirror import is_there
from hamsight_ingest.source import SUBSET_NAMES, ReadOptions

_KINDS = ("instances", "person_keypoints", "captions")
_IGNORED = {
    "panoptic": "panoptic segments are not read",
    "stuff": "stuff segments are not read",
    "image_info": "it has no annotations",
}
_IMAGES_KEY = re.compile(rb'"images"\s*:\s*\[')
_ANNOTATIONS_KEY = re.compile(rb'"annotations"\s*:\s*\[')
_PROBED = 32


def _kind(file: Path) -> str:
    """Return the part of a file's name before the subset, such as "instances", or ""."""
    return next((k for k in (*_KINDS, *_IGNORED) if file.stem.startswith(f"{k}_")), "")


def _subset(file: Path, root: Path) -> str:
    kind = _kind(file)
    if kind:
        return file.stem.removeprefix(f"{kind}_")
    if file.parent not in (root, root / "annotations"):
        return printable(file.parent.name)
    return file.stem if file.stem.lower() in SUBSET_NAMES else ""


def _has_coco_keys(file: Path) -> bool:
    """Return whether a JSON file has COCO's lists, without parsing it."""
    try:
        with file.open("rb") as opened:
            if not opened.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
                return False
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text:
                return bool(_IMAGES_KEY.search(text) and _ANNOTATIONS_KEY.search(text))
    except OSError as error:
        raise SourceError(f"{printable(file)}: cannot be read: {error.strerror}") from error


def _root(path: Path) -> Path:
    folder = path if path.is_dir() else path.parent
    return folder.parent if folder.name == "annotations" else folder


def _json_files(path: Path) -> list[Path]:
    """Return the JSON files where COCO datasets keep them, sorted."""
    if path.is_file():
        return [path] if path.suffix.lower() == ".json" else []
    root = _root(path)
    found = (
        root.glob("annotations/*.json"),
        root.glob("*.json"),
        root.glob("*/_annotations*.json"),
    )
    return sorted({file for file in chain(*found) if file.is_file() and file.name[0] != "."})


def _annotation_files(path: Path) -> tuple[list[Path], list[str]]:
    """Return the annotation files to read, instances first, and a note on each other one."""
    used, notes = [], []
    for file in _json_files(path):
        name = printable(file.relative_to(_root(path)))
        if _kind(file) in _IGNORED:
            notes.append(f"{name} ignored: {_IGNORED[_kind(file)]}")
        elif _has_coco_keys(file):
            used.append(file)
        else:
            notes.append(f'{name} ignored: it has no lists "images" and "annotations" as COCO has')
    order = {kind: place for place, kind in enumerate(_KINDS)}
    return sorted(used, key=lambda file: order.get(_kind(file), 0)), notes


def _detected(files: Sequence[Path], path: Path) -> str:
    names = [printable(file.relative_to(_root(path))) for file in files]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"COCO annotations in {', '.join(names[:3])}{more}"


class CocoSource:
    """The images that COCO annotation files name, each an item."""

    format = "coco"

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 - keeps links as the user named them
        self.name = printable(_root(self.path).name) or "dataset"
        self._options = options
        files, self._notes = _annotation_files(self.path)
        if not files:
            raise SourceError(
                f"{printable(path)}: no COCO annotations; looked for {CocoReader.description}"
            )
        self.detected = _detected(files, self.path)
        if options.subset_from_folder:
            self._notes.append("--subset-from-folder is ignored: COCO file names give the subsets")
        self._subsets: dict[str, dict[ImageId, Record]] = {}
        self._folders: dict[str, Path] = {}
        self._categories: dict[str, Category] = {}
        for file in files:
            found = read(file, self._subsets.setdefault(_subset(file, _root(self.path)), {}))
            self._number(file, found)
        for file in files:
            subset = _subset(file, _root(self.path))
            if subset not in self._folders:
                self._folders[subset] = self._image_folder(subset, file)
        self._check_names()

    @property
    def notes(self) -> Sequence[str]:
        """Return the files that were ignored and the image folders that were not found."""
        return list(self._notes)

    @property
    def categories(self) -> Sequence[Category]:
        """Return the categories of all files, in the order of the files."""
        return list(self._categories.values())

    def _number(self, file: Path, found: Sequence[Category]) -> None:
        """Keep the categories of a file, with a note on each that is numbered in another way."""
        numbers = {one.number: one.label for one in self._categories.values()}
        for one in found:
            former = self._categories.get(one.label)
            taken = numbers.setdefault(one.number, one.label)
            if former is not None and former.number != one.number:
                self._notes.append(
                    f"{printable(file)}: the category {one.label!r} has the ids {former.number} and"
                    f" {one.number}: it is one label, of which {former.number} is kept"
                )
            elif taken != one.label:
                self._notes.append(
                    f"{printable(file)}: the category {one.label!r} has the id {one.number}, which"
                    f" {taken!r} has in another file: its id is not kept"
                )
            else:
                self._categories.setdefault(one.label, one)

    def count(self) -> int:
        """Return the number of images in all subsets."""
        return sum(len(records) for records in self._subsets.values())

    def __iter__(self) -> Iterator[Item]:
        """Yield an item for each image, subset by subset, in the order of the files."""
        for subset, records in sorted(self._subsets.items()):
            for key, record in records.items():
                yield self._item(subset, key, record)

    def _item(self, subset: str, key: ImageId, record: Record) -> Item:
        tags = dict(record.tags)
        if self._options.tags_from_folder and not is_url(record.file_name):
            for folder in filter(None, record.file_name.split("/")[:-1]):
                tags.setdefault(folder, 1)
        return Item(
            id=record.file_name.lstrip("/"),
            uri=self._uri(subset, record.file_name),
            subset=subset if self._options.subset is None else self._options.subset,
            tags=tags,
            boxes=tuple(record.boxes),
            captions=tuple(record.captions),
            attributes={"coco_id": str(key)},
        )

    def _uri(self, subset: str, name: str) -> str:
        return name if is_url(name) else uri_of(os.path.join(self._folders[subset], name))  # noqa: PTH118

    def _image_folder(self, subset: str, file: Path) -> Path:
        """Return the folder that holds images of the subset, or the likeliest with a note."""
        root = _root(self.path)
        places = dict.fromkeys(
            (
                root / subset,
                root / "images" / subset,
                root / "images",
                root,
                file.parent,
                root / "JPEGImages",
                root / "data",
            )
        )
        names = [record.file_name for record in self._subsets[subset].values()]
        probes = [name for name in names[:_PROBED] if not is_url(name)]
        for name in probes:
            for place in places:
                if is_there(place / name):
                    return place
        if probes:
            looked = ", ".join(printable(place) for place in places if place.is_dir())
            self._notes.append(
                f"{printable(file)}: none of its first {len(probes)} images was found; looked in"
                f" {looked}"
            )
        return next(place for place in (*places, root) if place.is_dir())

    def _check_names(self) -> None:
        """Refuse images of one name that --subset would put into one subset."""
        if self._options.subset is None:
            return
        first: dict[str, str] = {}
        for subset, records in self._subsets.items():
            for record in records.values():
                if first.setdefault(record.file_name, subset) != subset:
                    raise SourceError(
                        f"{printable(self.path)}: {record.file_name} is in the subsets"
                        f" {first[record.file_name]!r} and {subset!r}; leave out --subset to keep"
                        " them apart"
                    )


class CocoReader:
    """COCO annotation files beside folders of images."""

    name = "coco"
    description = (
        "annotations/*.json, *.json or */_annotations*.json with the lists images and annotations"
    )
    carries = frozenset({"subsets", "tags", "boxes", "captions"})

    def detect(self, path: Path) -> str | None:
        """Return which annotation files there are, or None where there is none."""
        files, _ = _annotation_files(path)
        return _detected(files, path) if files else None

    def open(self, path: Path, options: ReadOptions) -> CocoSource:
        """Return the dataset, its annotations read and checked.

        Raises SourceError where there is no annotation file or one of them is wrong.
        """
        return CocoSource(path, options)
