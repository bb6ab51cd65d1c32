"""What every reader of datasets offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from hamsight_core.items import Category, Item

SUBSET_NAMES = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
"""What a subset is called in most datasets, in lower case."""


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
    Iterating yields the items lazily in an order that is the same each time. `notes` are words for
    the user, one a line; they are complete once the items have been iterated or counted.
    """

    format: str
    name: str
    detected: str

    @property
    def path(self) -> Path | str:
        """Return where the dataset is: a path, or a URL as text."""

    @property
    def notes(self) -> Sequence[str]:
        """Return what the user should know of this dataset, such as files left out."""

    def count(self) -> int:
        """Return the number of items. Raises SourceError where the dataset cannot be read."""

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
    """

    name: str
    description: str
    carries: frozenset[str]

    def detect(self, path: Path) -> str | None:
        """Return why `path` is of this format, or None where it is not."""

    def open(self, path: Path, options: ReadOptions) -> Source:
        """Return the dataset at `path`. Raises SourceError where it is not of this format."""
