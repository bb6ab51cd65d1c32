"""The lines of YOLO's label files, and of DOTA's, whose corners are in pixels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hamsight_ingest.listing import Listing, printable
from hamsight_ingest.readers.annotated import bounds, turned
from hamsight_ingest.readers.texts import lines
from hamsight_ingest.readers.wrong import Notes, fail, finite, shown, valid_text
from hamsight_ingest.readers.yolo_config import NAMES_FILES, Config

_SLACK = 0.01  # by how much writers overstep the image when they round
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_LINE = re.compile(rf"\s*\d+(?:\.0*)?(?:\s+{_NUMBER}){{4,}}\s*")
_DOTA = re.compile(rf"\s*(?:{_NUMBER}\s+){{6,8}}[^\s]+(?:\s+\d+)?\s*")
_DOTA_HEAD = re.compile(r"(imagesource|gsd|acquisition dates?)\s*:", re.IGNORECASE)
_FOLDERS = (
    "labels",
    "labelTxt",
    "label",
    "Labels",
    "labelTxt-v1.0",
    "labelTxt-v1.5",
    "annotations",
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A labelled box: x, y, width and height, in fractions of the image or in pixels."""

    label: str
    box: tuple[float, float, float, float]
    pixels: bool = False


def is_label_file(file: str) -> bool:
    """Return whether a text file could hold labels by its name."""
    name = file.rpartition("/")[2]
    of_text = name.lower().endswith(".txt")
    return of_text and name not in NAMES_FILES and not name.startswith("README")


def has_labels(file: str) -> bool:
    """Return whether the first lines of a text file are labels. Raises SourceError."""
    try:
        with Path(file).open(encoding="utf-8-sig", errors="replace") as opened:
            first = [line for line in (opened.readline(8192) for _ in range(4)) if line.strip()]
    except OSError as error:
        fail(file, "", f"cannot be read: {error.strerror or error}")
    fitting = [line for line in first if not _DOTA_HEAD.match(line)]
    return bool(fitting) and all(_LINE.fullmatch(one) or _DOTA.fullmatch(one) for one in fitting)


def label_folders(image: str) -> Iterator[str]:
    """Yield the paths without extension where the labels of an image may be: in the folder
    `labels` for the last one named `images`, and beside the image."""
    stem = image.rpartition(".")[0]
    path = f"/{stem}"
    start = path.lower().rfind("/images/")
    head, tail = path[:start], path[start + len("/images/") :]
    for folder in _FOLDERS if start >= 0 else ():
        yield f"{head}/{folder}/{tail}".lstrip("/")
    yield stem
    folder, _, name = stem.rpartition("/")
    for within in _FOLDERS[:2]:
        yield f"{folder}/{within}/{name}".lstrip("/")
        yield f"{within}/{stem}"


def labels_in(listing: Listing) -> Iterator[str]:
    """Yield the label files in folders of labels."""
    folders = {folder.lower() for folder in _FOLDERS}
    for file in listing.of(".txt"):
        parts = [part.lower() for part in file.split("/")[:-1]]
        inside = any(part in folders or part.startswith("labeltxt") for part in parts)
        if inside and is_label_file(file) and has_labels(listing.at(file)):
            yield file


def shapes_in(file: str, config: Config, notes: Notes) -> Iterator[Shape]:
    """Yield what each line of a file says; a line that cannot be read is refused."""
    for number, line in enumerate(lines(Path(file), notes), 1):
        words = line.split()
        if not words or _DOTA_HEAD.match(line):
            continue
        with notes.refusing():
            shape = _shape(words, config, file, number, notes)
            notes.taken += 1
            yield shape


def _shape(words: list[str], config: Config, file: str, number: int, notes: Notes) -> Shape:
    place = f"{printable(file)}:{number}"
    corners = _corners(words)
    if corners is not None:
        box, label = corners
        notes.add("oriented boxes of DOTA are read as the upright boxes around them", place)
        return Shape(valid_text(label), box, pixels=True)
    values = [finite(word) for word in words[1:]]
    if None in values:
        wrong = words[1 + values.index(None)]
        fail(file, number, f"{shown(wrong)}; expected a number")
    numbers = [value for value in values if value is not None]
    label = _label(words[0], config, file, number, notes)
    return Shape(label, _box(numbers, config, file, number, notes))


def _corners(words: list[str]) -> tuple[tuple[float, float, float, float], str] | None:
    """Return the box around the corners in a line of DOTA, and its label: the corners, then the
    class, then maybe how difficult it is. None for a line of YOLO."""
    place = next((n for n, word in enumerate(words) if finite(word) is None), None)
    if place is None and len(words) == 10:
        place = 8
    if place is None or not 6 <= place <= 8 or len(words) > place + 2:
        return None
    numbers = [number for word in words[:place] if (number := finite(word)) is not None]
    points = list(zip(numbers[::2], numbers[1::2]))  # noqa: B905 - a lone x is no point
    return bounds(points), words[place]


def _label(word: str, config: Config, file: str, number: int, notes: Notes) -> str:
    index = finite(word)
    if index is None or not index.is_integer():
        fail(file, number, f"{shown(word)}; expected a line CLASS X Y WIDTH HEIGHT, CLASS a number")
    if not config.names:
        notes.add("labels are the numbers of classes, as no file names them", printable(file))
        return str(int(index))
    label = config.names.get(int(index))
    if label is None:
        known = f"{min(config.names)} to {max(config.names)}"
        fail(
            file,
            number,
            f"class {int(index)}; expected one of the {len(config.names)} classes of"
            f" {printable(config.named)}, {known}",
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
    least = [-_SLACK] * len(numbers)
    if len(numbers) == 4:
        least[2:] = [-1 - _SLACK] * 2
    pairs = zip(numbers, least, strict=True)
    wrong = next((value for value, low in pairs if not low <= value <= 1 + _SLACK), None)
    if wrong is not None:
        fail(file, line, f"{wrong:g}; expected fractions of the image's size, from 0 to 1")
    if len(numbers) == 4:
        x, y, width, height = numbers
        return turned((x - width / 2, y - height / 2, width, height), notes, place)
    notes.add("polygons are read as the boxes around them", place)
    return bounds(zip(numbers[::2], numbers[1::2], strict=True))
