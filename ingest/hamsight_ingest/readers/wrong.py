"""What is wrong in the files of a dataset, told by file and place, and notes for the user."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from hamsight_core.errors import SourceError
from hamsight_ingest.listing import Listing, printable
from hamsight_ingest.source import Refused


class WrongEntryError(SourceError):
    """A file, or a place in it, that cannot be read.

    `place` is a line from 1, a place such as a key, or nothing for the file as a whole.
    """

    def __init__(self, file: str | Path, place: str | int, words: str) -> None:
        self.file, self.place, self.words = str(file), place, words
        shown = printable(file)
        if isinstance(place, int):
            super().__init__(f"{shown}:{place}: {words}")
        else:
            super().__init__(": ".join(filter(None, (shown, valid_text(place), words))))


def fail(file: str | Path, place: str | int, words: str) -> NoReturn:
    """Raise a SourceError that names the file and the place: a line, or words such as a key."""
    raise WrongEntryError(file, place, words)


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


class Notes:
    """Words for the user, each once, with how many places they hold for and the first of them.

    `refused` are the entries of annotation files that cannot be read; `taken` counts entries that
    were read.
    """

    def __init__(self) -> None:
        self.refused: list[WrongEntryError] = []
        self.taken = 0
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
        self.refused.extend(other.refused)
        self.taken += other.taken

    def lines(self) -> list[str]:
        """Return the notes, one a line."""
        return [
            f"{self._first[words]}: {words}"
            if times == 1
            else f"{words}: {times:,}, the first in {self._first[words]}"
            for words, times in self._times.items()
        ]

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Keep what is wrong with one entry as a refusal, and go on."""
        try:
            yield
        except WrongEntryError as error:
            self.refused.append(error)

    def check(self) -> None:
        """Raise the first refusal where nothing at all was read."""
        if self.refused and not self.taken:
            raise self.refused[0]


def refusals(listing: Listing, notes: Notes, subset: str | None = None) -> Iterator[Refused]:
    """Yield what was refused as the items of a source do, each under a name of its own.

    The name is FILE:PLACE, the file below the dataset.
    """
    names: dict[str, int] = {}
    root = f"{listing.root}/"
    for error in notes.refused:
        mark = f":{valid_text(str(error.place))}" if error.place != "" else ""
        name = f"{printable(error.file.removeprefix(root))}{mark}"
        names[name] = names.get(name, 0) + 1
        if names[name] > 1:
            name = f"{name} ({names[name]})"
        uri = f"{printable(error.file)}{mark}"
        yield Refused(id=name, uri=uri, subset=subset or "", reason=valid_text(error.words))
