"""What readers of annotation files share: a dataset is checked as a whole when it is opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NoReturn

from hamsight_core.errors import SourceError
from hamsight_core.items import Item
from hamsight_ingest.listing import Listing, printable
from hamsight_ingest.readers.accounts import Accounts
from hamsight_ingest.readers.folder import split_subset
from hamsight_ingest.readers.pairing import pictures_of
from hamsight_ingest.readers.subsets import subset_below
from hamsight_ingest.readers.wrong import Notes, refusals, valid_text
from hamsight_ingest.source import ReadOptions

UNNAMED = "region"
"""The label of a box whose annotation says no class."""


class AnnotatedSource(ABC):
    """The images of a dataset with what its annotation files say of them, each an item.

    `check` reads all annotation files; iterating reads them again, so that the annotations of
    one image at a time are held. What cannot be read is yielded last, as refused.
    `listing` is the dataset's folder, which differs from the path where that is a file in it.
    """

    format: str
    subsets_from: str
    """Where the format has its subsets, said where --subset-from-folder is ignored."""

    def __init__(
        self, listing: Listing, options: ReadOptions, detected: str, around: Listing | None = None
    ) -> None:
        self.path = listing.path
        self.listing = around or listing
        self.name = printable(self.listing.root.name) or "dataset"
        self.detected = detected
        self.accounts = Accounts(self.listing)
        self.accounts.ignore_classes()
        self.pictures = pictures_of(self.listing)
        self._whole = around is None and not listing.is_file
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
        lines = [*self.listing.notes, *self._notes.lines()]
        if self._options.subset_from_folder and self.subsets_from:
            lines.insert(0, f"--subset-from-folder is ignored: {self.subsets_from}")
        return lines

    @property
    def ignored(self) -> Sequence[str]:
        """Return which files are known and left out."""
        return self.accounts.ignored if self._whole else []

    @property
    def unread(self) -> Sequence[str]:
        """Return the files that are not understood; what is refused is told in the rejects."""
        if not self._whole:
            return []
        root = f"{self.listing.root}/"
        refused = {error.file.removeprefix(root) for error in self._notes.refused}
        return [file for file in self.accounts.unread if file not in refused]

    def check(self) -> None:
        """Read all annotation files once. Raises SourceError where none of them can be read."""
        notes = Notes()
        former: dict[tuple[str, str], str] = {}
        for item in self._items(notes, measure=False):
            key = (self._placed(item).subset, item.id)
            if key in former:
                self._refuse_twice(item, former[key])
            former[key] = item.subset
        notes.check()
        if not former:
            raise SourceError(f"{printable(self.path)}: {self.detected}, but no image")
        self._count, self._notes = len(former) + len(notes.refused), notes

    def count(self) -> int:
        """Return the number of items."""
        return self._count

    def __iter__(self) -> Iterator[Item]:
        """Yield the items. Raises SourceError where a file has changed and is wrong now."""
        self._notes = Notes()
        for item in self._items(self._notes, measure=True):
            yield self._placed(item)
        yield from refusals(self.listing, self._notes, self._options.subset)

    def _placed(self, item: Item) -> Item:
        """Return the item with the subset and tags that the user's options ask for."""
        if self._options.subset is not None:
            item = replace(item, subset=self._options.subset)
        if self._options.tags_from_folder and "://" not in item.id:
            folders = dict.fromkeys(filter(None, item.id.split("/")[:-1]), 1)
            item = replace(item, tags={**folders, **item.tags})
        return item

    def _split(self, image: str) -> tuple[str, str]:
        """Return the subset of an image beside its annotation, and its id, by its path."""
        subset, parts = split_subset(tuple(image.strip("/").split("/")), self._options)
        asked = self._options.subset is not None or self._options.subset_from_folder
        found = None if subset or asked else subset_below(self.listing, image)
        return found or (subset, "/".join(parts))

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


class Ids:
    """Ids that are one image's alone: a second image takes its path below the dataset."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str], str] = {}

    def of(self, subset: str, id: str, image: str) -> str:
        """Return the id of an image in a subset, its path where another image has the id."""
        return id if self._taken.setdefault((subset, id), image) == image else image


def bounds(points: Iterable[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Return x, y, width and height of the smallest box around points, of which there is one."""
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def turned(
    box: tuple[float, float, float, float], notes: Notes, place: str
) -> tuple[float, float, float, float]:
    """Return a box of positive sizes: one that was drawn from another corner is turned."""
    x, y, width, height = box
    if width >= 0 and height >= 0:
        return box
    notes.add("boxes of negative size, drawn from another corner, are turned", place)
    return min(x, x + width), min(y, y + height), abs(width), abs(height)


def id_of(name: str) -> str:
    """Return the name of an image in an annotation file as an item's id."""
    return valid_text(name).replace("\\", "/").removeprefix("./").lstrip("/")
