"""A folder of images, with as many folders within as there are; or one image file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice

from hamsight_core.errors import SourceError
from hamsight_core.items import Item
from hamsight_ingest.listing import EXTENSIONS, Listing, is_image, printable, uri_of
from hamsight_ingest.readers.accounts import Accounts
from hamsight_ingest.source import SUBSET_NAMES, ReadOptions

_NO_CLASSES = SUBSET_NAMES | {"images"}
_SURVEYED = 1000


def split_subset(parts: tuple[str, ...], options: ReadOptions) -> tuple[str, tuple[str, ...]]:
    """Return the subset that a path in a folder is of, and the parts of the path below it."""
    if options.subset is not None:
        return options.subset, parts
    if len(parts) > 1 and (options.subset_from_folder or parts[0].lower() in SUBSET_NAMES):
        return printable(parts[0]), parts[1:]
    return "", parts


def folder_item(parts: tuple[str, ...], uri: str, options: ReadOptions) -> Item:
    """Return the item of an image file from the parts of its path below the dataset."""
    subset, rest = split_subset(parts, options)
    tags = {printable(name): 1 for name in rest[:-1]} if options.tags_from_folder else {}
    return Item(id=printable("/".join(rest)), uri=uri, subset=subset, tags=tags)


class FolderSource:
    """The image files under a folder, each an item."""

    format = "folder"

    def __init__(self, listing: Listing, options: ReadOptions, detected: str) -> None:
        self.path = listing.path
        self.name = printable(self.path.name) or "dataset"
        self.detected = detected
        self._options = options
        self._listing = listing
        self._accounts = Accounts(listing)
        self._accounts.use_images()

    @property
    def notes(self) -> Sequence[str]:
        """Return the folders and links that were left out."""
        return list(self._listing.notes)

    @property
    def ignored(self) -> Sequence[str]:
        """Return which folders are known and left out."""
        return self._accounts.ignored

    @property
    def unread(self) -> Sequence[str]:
        """Return the files that are no images."""
        return self._accounts.unread

    def count(self) -> int:
        """Return the number of image files."""
        return len(self._listing.images)

    def __iter__(self) -> Iterator[Item]:
        """Yield an item for each image file, folder by folder, each sorted by name."""
        root = str(self._listing.root)
        for image in self._listing.images:
            uri = uri_of(os.path.join(root, image))  # noqa: PTH118 - much faster than Path
            yield folder_item(tuple(image.split("/")), uri, self._options)


class FolderReader:
    """Image files in folders."""

    name = "folder"
    description = (
        "image files, by their extension, in folders; folder names can be subsets and tags"
    )
    carries = frozenset({"subsets", "tags"})

    def detect(self, listing: Listing) -> str | None:
        """Return how many image files there are, or None where there is none."""
        detected = _surveyed(listing)
        return None if detected is None else detected[0]

    def open(self, listing: Listing, options: ReadOptions) -> FolderSource:
        """Return the folder as a source. Raises SourceError where it holds no image."""
        detected = _surveyed(listing)
        if detected is None:
            raise SourceError(*_no_images(listing))
        words, classes = detected
        if classes and not options.tags_from_folder:
            words += f" in folders such as {classes}: --tags-from-folder makes tags of their names"
        return FolderSource(listing, options, words)


def _surveyed(listing: Listing) -> tuple[str, str] | None:
    """Return how many images there are and, where folders may be classes, the first two of them.

    Classes are two folders or more that hold all images between them. None without an image.
    """
    if listing.is_file:
        return ("an image file", "") if is_image(listing.path.name) else None
    found = [image.split("/") for image in islice(listing.images, _SURVEYED)]
    if not found:
        return None
    number = f"{_SURVEYED:,} or more" if len(found) == _SURVEYED else str(len(found))
    shared = os.path.commonpath(["/".join(parts[:-1]) for parts in found])
    where = f" under {printable(shared)}/" if shared else ""
    words = f"{number} image file{'' if len(found) == 1 else 's'}{where}"
    folders = [parts[-2] if len(parts) > 1 else "" for parts in found]
    classes = [name for name in dict.fromkeys(folders) if name.lower() not in _NO_CLASSES]
    if "" in folders or len(classes) < 2:
        return words, ""
    return words, " and ".join(f"{printable(name)}/" for name in classes[:2])


def _no_images(listing: Listing) -> list[str]:
    looked_for, path = " ".join(sorted(EXTENSIONS)), printable(listing.path)
    if listing.is_file:
        return [f"{path}: no image file by its extension; known are {looked_for}"]
    return [f"{path}: no image file in it or below; looked for {looked_for}", *listing.notes]
