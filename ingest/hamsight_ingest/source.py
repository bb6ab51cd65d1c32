"""What every reader of datasets offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from hamsight_core.items import Category, Item
from hamsight_ingest.listing import Listing

SUBSET_NAMES = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
"""What a subset is called in most datasets, in lower case."""


@dataclass(frozen=True, slots=True)
class Refused(Item):
    """An entry of an annotation file, or a file, that cannot be read, and why.

    A source yields it among its items; it ends in the rejects. Its id is FILE:PLACE.
    """

    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a dataset is read, whatever its format.

    `subset` puts every item into one subset. `subset_from_folder` makes every first-level folder
    a subset, not only train, val and test. `tags_from_folder` makes folder names tags.
    `columns` names the columns of a table by role: image, id, subset, tags, label, captions; a
    role with an empty name is left out. `image_width` is in pixels, where a server scales images.
    """

    subset: str | None = None
    subset_from_folder: bool = False
    tags_from_folder: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    image_width: int = 640


class Source(Protocol):
    """One dataset, opened.

    `format` is its reader's name, `name` the dataset's name unless the user gives another, and
    `detected` says what the path was taken for and why.
    Iterating yields the items lazily in an order that is the same each time, and what cannot be
    read as `Refused`. `notes`, `ignored` and `unread` are words for the user, one a line; they are
    complete once the items have been iterated or counted.
    """

    format: str
    name: str
    detected: str

    @property
    def path(self) -> Path | str:
        """Return where the dataset is: a path, or a URL as text."""

    @property
    def notes(self) -> Sequence[str]:
        """Return what the user should know of this dataset, such as annotations left out."""

    @property
    def ignored(self) -> Sequence[str]:
        """Return which files are known and left out, and why, one reason a line."""

    @property
    def unread(self) -> Sequence[str]:
        """Return the files, by their paths below the dataset, that the reader does not understand.

        Every other file is an item's image, was read, or is known to say nothing of images.
        """

    def count(self) -> int:
        """Return the number of items, refused ones too. Raises SourceError."""

    def __iter__(self) -> Iterator[Item]:
        """Yield the items. Raises SourceError where the dataset cannot be read."""


@runtime_checkable
class Numbered(Protocol):
    """A source that numbers its labels, those too that no item has."""

    @property
    def categories(self) -> Sequence[Category]:
        """Return the labels with their numbers, in the dataset's order, each of both once."""


class Reader(Protocol):
    """One format of datasets.

    `carries` holds those of "subsets", "tags", "boxes" and "captions" that the format has.
    `detect` and `open` are given what is at a path, listed once for all readers.
    """

    name: str
    description: str
    carries: frozenset[str]

    def detect(self, listing: Listing) -> str | None:
        """Return why the dataset is of this format, or None where it is not.

        Raises SourceError for a file that is of this format by its name and cannot be read.
        """

    def open(self, listing: Listing, options: ReadOptions) -> Source:
        """Return the dataset. Raises SourceError where it is not of this format."""
