"""YOLO: a text file of labels for each image, in folders named labels beside those named images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from hamsight_core.items import Box, Item
from hamsight_ingest.readers.annotated import (
    AnnotatedSource,
    Notes,
    absolute,
    bounds,
    fail,
    finite,
    id_of,
    read_text,
    shown,
)
from hamsight_ingest.readers.folder import is_image, printable, uri_of, walk
from hamsight_ingest.readers.image_size import upright_size
from hamsight_ingest.readers.yolo_config import (
    LOOKED_FOR,
    NAMES_FILES,
    Config,
    find,
    not_found,
    read,
)
from hamsight_ingest.source import ReadOptions

_SLACK = 0.01  # by how much writers overstep the image when they round


class YoloSource(AnnotatedSource):
    """The images of a YOLO dataset, each an item."""

    format = "yolo"
    subsets_from = "train, val and test of the dataset's file give the subsets"

    def __init__(self, path: Path, file: Path, options: ReadOptions) -> None:
        root = path if path.is_dir() else file.parent
        super().__init__(path, root, options, _detected(file))
        self._config = read(file)

    def _items(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        for words in self._config.notes:
            notes.add(words, printable(self._config.file))
        for subset, image, image_id in self._images(notes):
            tags: dict[str, int] = {}
            shapes = []
            file = label_file(image)
            if file is not None:
                for label, shape in _labels(file, self._config, notes):
                    tags[label] = tags.get(label, 0) + 1
                    shapes.append((label, shape))
            boxes = _in_pixels(image, shapes, notes) if measure and shapes else ()
            yield Item(id=image_id, uri=uri_of(image), subset=subset, tags=tags, boxes=boxes)

    def _images(self, notes: Notes) -> Iterator[tuple[str, str, str]]:
        """Yield (subset, path, id) of each image."""
        listed: set[str] = set()
        for subset, places in self._config.places.items():
            for place in places:
                if place.is_dir():
                    base = place if len(places) == 1 else self._config.root
                    for parts in self._walked(place, notes):
                        image = os.path.join(place, *parts)  # noqa: PTH118 - much faster
                        yield subset, image, _id(image, base)
                    continue
                for image in self._listed(place, notes):
                    if image in listed:
                        words = "images named by more than one list, read once, as of the first"
                        notes.add(words, printable(place))
                        continue
                    listed.add(image)
                    yield subset, image, _id(image, self._config.root)

    def _walked(self, place: Path, notes: Notes) -> Iterator[tuple[str, ...]]:
        unread: dict[str, None] = {}
        yield from walk(place, unread)
        for words in unread:
            notes.add(words, printable(place))
        _note_orphans(place, notes)

    def _listed(self, file: Path, notes: Notes) -> Iterator[str]:
        """Yield the path of each image that a list names."""
        for number, line in enumerate(read_text(file).split("\n"), 1):
            name = line.strip().replace("\\", "/")
            if "\0" in name:
                fail(file, number, f"{shown(name)}; expected the path of an image")
            if not name:
                continue
            if not is_image(name):
                notes.add("lines that name no image by its extension, left out", printable(file))
                continue
            yield _found(name, (file.parent, self._config.root, self._config.file.parent))


def _found(name: str, bases: tuple[Path, ...]) -> str:
    """Return the path of an image in a list, as it is or without its first part."""
    candidates = [
        os.path.normpath(base / text)
        for text in (name, name.partition("/")[2])
        for base in bases
        if text
    ]
    return next((one for one in candidates if os.path.isfile(one)), candidates[0])  # noqa: PTH113


def _id(image: str, base: Path) -> str:
    try:
        relative = os.path.relpath(image, base)
    except ValueError:  # another drive on Windows
        relative = image
    return id_of(printable(image if relative.startswith("..") else relative))


def label_file(image: str) -> str | None:
    """Return the file of an image's labels, in the folder `labels` beside `images` or beside it."""
    stem = os.path.splitext(image)[0]  # noqa: PTH122
    for file in (f"{_swapped(stem)}.txt", f"{stem}.txt"):
        if os.path.isfile(file):  # noqa: PTH113 - never raises
            return file
    return None


def _swapped(path: str) -> str:
    """Return a path with `labels` for its last folder named `images`."""
    head, images, tail = path.rpartition(f"{os.sep}images{os.sep}")
    return f"{head}{os.sep}labels{os.sep}{tail}" if images else path


def _note_orphans(place: Path, notes: Notes) -> None:
    """Note the label files that belong to no image."""
    labels = Path(_swapped(f"{place}{os.sep}"))
    if not labels.is_dir():
        return

    @lru_cache(maxsize=1)
    def stems(folder: Path) -> set[str]:
        try:
            names = os.listdir(folder)  # noqa: PTH208
        except OSError:  # a folder that is not there, or that the walk has noted
            return set()
        return {os.path.splitext(name)[0] for name in names if is_image(name)}  # noqa: PTH122

    for parts in walk(labels, {}, _is_label_file):
        if parts[-1].removesuffix(".txt") not in stems(place.joinpath(*parts[:-1])):
            file = printable(labels.joinpath(*parts))
            notes.add("label files without an image, left out", file)


def _is_label_file(name: str) -> bool:
    return name.endswith(".txt") and name not in NAMES_FILES and not name.startswith("README")


def _labels(
    file: str, config: Config, notes: Notes
) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    """Yield (label, (x, y, width, height)) of each line, in fractions of the image's size."""
    for number, line in enumerate(read_text(file).split("\n"), 1):
        words = line.split()
        if not words:
            continue
        values = [finite(word) for word in words[1:]]
        if None in values:
            wrong = words[1 + values.index(None)]
            fail(file, number, f"{shown(wrong)}; expected a number")
        numbers = [value for value in values if value is not None]
        label = _label(words[0], config, file, number)
        yield label, _box(numbers, config, file, number, notes)


def _label(word: str, config: Config, file: str, number: int) -> str:
    index = finite(word)
    if index is None or not index.is_integer():
        fail(file, number, f"{shown(word)}; expected a line CLASS X Y WIDTH HEIGHT, CLASS a number")
    label = config.names.get(int(index))
    if label is None:
        known = f"{min(config.names)} to {max(config.names)}"
        fail(
            file,
            number,
            f"class {int(index)}; expected one of the {len(config.names)} classes of"
            f" {printable(config.file)}, {known}",
        )
    return label


def _box(
    numbers: list[float], config: Config, file: str, line: int, notes: Notes
) -> tuple[float, float, float, float]:
    count = len(numbers)
    place = f"{printable(file)}:{line}"
    if config.keypoints is not None and count in (4 + config.keypoints, 5 + config.keypoints):
        notes.add("keypoints are not read, their boxes are", place)
        numbers = numbers[:4]
    elif count == 5:
        notes.add("confidences of boxes are not kept", place)
        numbers = numbers[:4]
    elif count != 4 and (count < 6 or count % 2):
        fail(
            file,
            line,
            f"{count} numbers after the class; expected 4 (x, y, width, height), 5 with a"
            " confidence, or the x and y of 3 or more points",
        )
    wrong = next((value for value in numbers if not -_SLACK <= value <= 1 + _SLACK), None)
    if wrong is not None:
        fail(file, line, f"{wrong:g}; expected fractions of the image's size, from 0 to 1")
    if len(numbers) == 4:
        x, y, width, height = numbers
        if min(width, height) < 0:
            fail(file, line, f"{min(width, height):g}; expected a width and height of 0 or more")
        return x - width / 2, y - height / 2, width, height
    notes.add("polygons are read as the boxes around them", place)
    return bounds(zip(numbers[::2], numbers[1::2], strict=True))


def _in_pixels(
    image: str, shapes: list[tuple[str, tuple[float, float, float, float]]], notes: Notes
) -> tuple[Box, ...]:
    size = upright_size(image)
    if size is None:
        words = "images whose size cannot be read: their tags are kept, their boxes left out"
        notes.add(words, printable(image))
        return ()
    width, height = size
    return tuple(
        Box(label, x * width, y * height, w * width, h * height) for label, (x, y, w, h) in shapes
    )


def _detected(file: Path) -> str:
    words = "names the classes" if file.name in NAMES_FILES else "names classes and images"
    return f"YOLO dataset: {printable(file.name)} {words}"


class YoloReader:
    """YOLO datasets, of Ultralytics' and Darknet's layout."""

    name = "yolo"
    description = f"{LOOKED_FOR}; labels/*.txt for images/*, or .txt files beside the images"
    carries = frozenset({"subsets", "tags", "boxes"})

    def detect(self, path: Path) -> str | None:
        """Return which file describes the dataset, or None where there is none."""
        file = find(path)
        return None if file is None else _detected(file)

    def open(self, path: Path, options: ReadOptions) -> YoloSource:
        """Return the dataset, its labels read and checked.

        Raises SourceError where there is none or a file of it is wrong.
        """
        path = absolute(path)
        file = find(path)
        if file is None:
            raise not_found(path)
        source = YoloSource(path, file, options)
        source.check()
        return source
