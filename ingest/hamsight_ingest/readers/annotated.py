"""What readers of annotation files share: a dataset is checked as a whole when it is opened."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NoReturn

from hamsight_core.errors import SourceError
from hamsight_core.items import Item
from hamsight_ingest.readers.folder import printable
from hamsight_ingest.source import ReadOptions

_PROBED = 8


class Notes:
    """Words for the user, each once, with how many places they hold for and the first of them."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._times: dict[str, int] = {}

    def add(self, words: str, place: str, times: int = 1) -> None:
        """Say `words` of a place, such as a file, for so many things in it."""
        self._first.setdefault(words, place)
        self._times[words] = self._times.get(words, 0) + times

    def extend(self, other: Notes) -> None:
        """Say all that `other` says."""
        for words, times in other._times.items():
            self.add(words, other._first[words], times)

    def lines(self) -> list[str]:
        """Return the notes, one a line."""
        return [
            f"{self._first[words]}: {words}"
            if times == 1
            else f"{words}: {times:,}, the first in {self._first[words]}"
            for words, times in self._times.items()
        ]


class AnnotatedSource(ABC):
    """The images of a dataset with what its annotation files say of them, each an item.

    `check` reads all annotation files; iterating reads them again, so that the annotations of
    one image at a time are held. `path` and `root` are absolute.
    """

    format: str
    subsets_from: str
    """Where the format has its subsets, said where --subset-from-folder is ignored."""

    def __init__(self, path: Path, root: Path, options: ReadOptions, detected: str) -> None:
        self.path = path
        self.name = printable(root.name) or "dataset"
        self.detected = detected
        self._options = options
        self._count = 0
        self._notes = Notes()

    @abstractmethod
    def _items(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        """Yield the items, their subsets as the dataset has them.

        Without `measure` no image file is opened: boxes given as fractions of it are left out.
        """

    @property
    def notes(self) -> Sequence[str]:
        """Return what was left out or read in another way than it is written."""
        lines = self._notes.lines()
        if self._options.subset_from_folder and self.subsets_from:
            lines.insert(0, f"--subset-from-folder is ignored: {self.subsets_from}")
        return lines

    def check(self) -> None:
        """Read all annotation files once. Raises SourceError for the first thing that is wrong."""
        notes = Notes()
        former: dict[tuple[str, str], str] = {}
        for item in self._items(notes, measure=False):
            key = (self._placed(item).subset, item.id)
            if key in former:
                self._refuse_twice(item, former[key])
            former[key] = item.subset
        if not former:
            raise SourceError(f"{printable(self.path)}: {self.detected}, but no image")
        self._count, self._notes = len(former), notes

    def count(self) -> int:
        """Return the number of items."""
        return self._count

    def __iter__(self) -> Iterator[Item]:
        """Yield the items. Raises SourceError where a file has changed and is wrong now."""
        self._notes = Notes()
        for item in self._items(self._notes, measure=True):
            yield self._placed(item)

    def _placed(self, item: Item) -> Item:
        """Return the item with the subset and tags that the user's options ask for."""
        if self._options.subset is not None:
            item = replace(item, subset=self._options.subset)
        if self._options.tags_from_folder:
            folders = dict.fromkeys(filter(None, item.id.split("/")[:-1]), 1)
            item = replace(item, tags={**folders, **item.tags})
        return item

    def _refuse_twice(self, item: Item, subset: str) -> NoReturn:
        if subset == item.subset:
            raise SourceError(
                f"{printable(self.path)}: {item.id} is more than once in the subset {subset!r};"
                " expected each image once"
            )
        raise SourceError(
            f"{printable(self.path)}: {item.id} is in the subsets {subset!r} and {item.subset!r};"
            " leave out --subset to keep them apart"
        )


def absolute(path: Path) -> Path:
    """Return the path from the root of the file system, links kept as the user named them."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows links


def fail(file: str | Path, place: str | int, words: str) -> NoReturn:
    """Raise a SourceError that names the file and the place: a line, or words such as a key."""
    if isinstance(place, int):
        raise SourceError(f"{printable(file)}:{place}: {words}")
    raise SourceError(": ".join(filter(None, (printable(file), valid_text(place), words))))


def shown(value: object) -> str:
    """Return a value from a file as an error shows it: short, and valid text."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def valid_text(text: str) -> str:
    """Return the text with `?` for lone surrogates, which JSON and YAML can hold, UTF-8 not."""
    return text.encode("utf-8", "replace").decode("utf-8")


def finite(value: object) -> float | None:
    """Return a number, or text that is one, as a finite float, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def read_text(file: str | Path) -> str:
    """Return the text of a UTF-8 file. Raises SourceError naming it."""
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        fail(file, f"byte {error.start}", "not UTF-8 text; save the file as UTF-8")
    except (OSError, ValueError) as error:
        fail(file, "", f"cannot be read: {getattr(error, 'strerror', None) or error}")


def folders_in(path: Path) -> list[Path]:
    """Return the folders in a folder, sorted; none where it cannot be read."""
    try:
        return sorted(Path(entry.path) for entry in os.scandir(path) if entry.is_dir())
    except OSError:
        return []


def has_file(folder: Path, extension: str, fits: Callable[[Path], bool]) -> bool:
    """Return whether one of the first files of an extension directly in a folder fits."""
    try:
        with os.scandir(folder) as entries:
            files = (Path(one.path) for one in entries if one.name.lower().endswith(extension))
            return any(map(fits, islice(files, _PROBED)))
    except OSError:
        return False


def bounds(points: Iterable[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Return x, y, width and height of the smallest box around points, of which there is one."""
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def id_of(name: str) -> str:
    """Return the name of an image in an annotation file as an item's id."""
    return valid_text(name).replace("\\", "/").removeprefix("./").lstrip("/")
