"""The CSV files of Open Images, row by row."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from hamsight_ingest.listing import printable
from hamsight_ingest.readers.wrong import Notes, WrongEntryError, fail, finite, shown

_SLACK = 0.01  # by how much boxes overstep the image when they were rounded
_Image = TypeVar("_Image")
_SIDES = ("XMin", "XMax", "YMin", "YMax")


@dataclass(slots=True)
class Files:
    """The CSV files of a dataset: of boxes, of labels of images, of class names, and others."""

    boxes: list[Path] = field(default_factory=list)
    labels: list[Path] = field(default_factory=list)
    names: list[Path] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)


class Labels:
    """Labels by index; a class that has no name keeps its code, such as /m/01g317."""

    def __init__(self, names: dict[str, str], notes: Notes) -> None:
        self.names: list[str] = []
        self._display = names
        self._notes = notes
        self._indexes: dict[str, int] = {}

    def index(self, code: str, file: Path, line: int) -> int:
        """Return the index of a class, new where it was not seen before."""
        index = self._indexes.get(code)
        if index is None:
            if code not in self._display:
                words = "classes without a name in class-descriptions*.csv keep their code"
                self._notes.add(words, f"{printable(file)}:{line}")
            index = self._indexes[code] = len(self.names)
            self.names.append(self._display.get(code, code))
        return index


def read_names(files: list[Path]) -> dict[str, str]:
    """Return the names of classes by their codes. Raises SourceError naming file and line."""
    names: dict[str, str] = {}
    for file in files:
        for line, row in _rows(file):
            if len(row) < 2 or not row[0] or not row[1]:
                fail(file, line, f"{shown(','.join(row))}; expected CODE,NAME of a class")
            if row[:2] != ["LabelName", "DisplayName"]:
                names[row[0]] = row[1]
    return names


def read_boxes(
    file: Path, labels: Labels, find: Callable[[str], _Image | None], notes: Notes
) -> Iterator[tuple[_Image, int, tuple[float, float, float, float]]]:
    """Yield (image, label, (left, right, top, bottom)) of each row whose image `find` knows.

    Sides are fractions of the image's size. Raises SourceError naming file and line.
    """
    columns = ("ImageID", "LabelName", *_SIDES)
    for line, image, (code, *texts) in _columns(file, columns, find, notes):
        with notes.refusing():
            sides = [_fraction(file, line, *one) for one in zip(_SIDES, texts, strict=True)]
            left, right, top, bottom = sides
            if right < left or bottom < top:
                words = "boxes of negative size, drawn from another corner, are turned"
                notes.add(words, f"{printable(file)}:{line}")
                left, right, top, bottom = *sorted((left, right)), *sorted((top, bottom))
            notes.taken += 1
            yield image, labels.index(code, file, line), (left, right, top, bottom)


def read_labels(
    file: Path, labels: Labels, find: Callable[[str], _Image | None], notes: Notes
) -> Iterator[tuple[_Image, int]]:
    """Yield (image, label) of each row that says the label is there, whose image `find` knows.

    Raises SourceError naming file and line.
    """
    columns = ("ImageID", "LabelName", "Confidence")
    for line, image, (code, text) in _columns(file, columns, find, notes):
        with notes.refusing():
            confidence = finite(text)
            if confidence not in (0.0, 1.0):
                fail(file, line, f"Confidence {shown(text)}; expected 1 (there) or 0 (not there)")
            notes.taken += 1
            if confidence:
                yield image, labels.index(code, file, line)
            else:
                words = "labels verified to be absent (Confidence 0) are no tags, left out"
                notes.add(words, f"{printable(file)}:{line}")


def _fraction(file: Path, line: int, name: str, text: str) -> float:
    value = finite(text)
    if value is None or not -_SLACK <= value <= 1 + _SLACK:
        fail(file, line, f"{name} {shown(text)}; expected a fraction of the image's size, 0 to 1")
    return value


def _columns(
    file: Path, names: tuple[str, ...], find: Callable[[str], _Image | None], notes: Notes
) -> Iterator[tuple[int, _Image, list[str]]]:
    """Yield (line, image, values of the named columns after the first, its id) of each row."""
    rows = _rows(file)
    _, header = next(rows, (1, []))
    missing = [name for name in names if name not in header]
    if missing:
        words = f"no column {', '.join(missing)}; expected the header {','.join(names)}"
        fail(file, 1, words)
    first, *others = map(header.index, names)
    width = max(first, *others) + 1
    elsewhere = 0
    for line, row in rows:
        if len(row) < width:
            words = f"{len(row)} values; expected {width} or more"
            notes.refused.append(WrongEntryError(file, line, words))
            continue
        image = find(row[first])
        if image is None:
            elsewhere += 1
        else:
            yield line, image, [row[place] for place in others]
    if elsewhere:
        notes.add("rows of images that are not here, left out", printable(file), elsewhere)


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, values) of each row that is not empty."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened)
            try:
                for row in reader:
                    if row:
                        yield reader.line_num, row
            except csv.Error as error:
                fail(file, reader.line_num, f"not CSV: {error}")
            except UnicodeDecodeError:
                fail(file, reader.line_num + 1, "not UTF-8 text; save the file as UTF-8")
    except OSError as error:
        fail(file, "", f"cannot be read: {error.strerror or error}")
