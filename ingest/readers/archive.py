"""A zip or tar archive of images, read as it is by the rules of image folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from hamsight.errors import ImageError, SourceError
from hamsight.item import Item
from hamsight.places import member_uri, path_uri
from hamsight.places.archives import lease
from hamsight.places.uris import ArchiveKind
from ingest.readers.folder import folder_item, is_image, is_skipped, printable
from ingest.source import SUBSET_NAMES, ReadOptions

SUFFIXES: dict[str, ArchiveKind] = {
    ".zip": "zip",
    ".tar": "tar",
    ".tar.gz": "tar",
    ".tgz": "tar",
    ".tar.bz2": "tar",
    ".tbz2": "tar",
    ".tar.xz": "tar",
    ".txz": "tar",
}
"""The ends of archives' names, in lower case."""


def suffix_of(path: Path) -> str | None:
    """Return which of SUFFIXES a file's name ends with, the longest, or None."""
    name = path.name.lower()
    return max((end for end in SUFFIXES if name.endswith(end)), key=len, default=None)


def image_parts(name: str) -> tuple[str, ...]:
    """Return the parts of a member's path; empty where it is no image, or is hidden.

    Parts that lead out of the archive (`..`, a leading `/`) are dropped: names are never paths.
    """
    slashed = name if "/" in name else name.replace("\\", "/")
    parts = tuple(part for part in slashed.split("/") if part not in ("", ".", ".."))
    if not parts or not is_image(parts[-1]) or any(map(is_skipped, parts)):
        return ()
    return parts


class ArchiveSource:
    """The image members of an archive, each an item.

    A folder that holds all images and is called as the archive is counts for nothing.
    """

    format = "archive"

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 - keeps links as the user named them
        suffix = suffix_of(path)
        if suffix is None or not path.is_file():
            raise SourceError(
                f"{printable(path)}: no archive; expected a file named *{', *'.join(SUFFIXES)}"
            )
        self.name = printable(self.path.name[: -len(suffix)]) or "dataset"
        self._kind, self._uri = SUFFIXES[suffix], path_uri(str(self.path))
        self._options = options
        folders = Counter(parts[:-1][:1] for _, parts in _members(self.path, self._kind))
        self._count = sum(folders.values())
        if not self._count:
            raise SourceError(f"{printable(path)}: no image file among its members")
        wrapper = self.name.lower()
        one_folder = [tuple(map(str.lower, folder)) for folder in folders] == [(wrapper,)]
        self._wrapped = one_folder and wrapper not in SUBSET_NAMES
        self.detected = f"a {self._kind} archive with {self._count:,} image files"

    @property
    def notes(self) -> Sequence[str]:
        """Return that nothing was left out but what hides itself."""
        return []

    def count(self) -> int:
        """Return the number of image members."""
        return self._count

    def __iter__(self) -> Iterator[Item]:
        """Yield an item for each image member, in the order of the archive."""
        for name, parts in _members(self.path, self._kind):
            below = parts[1:] if self._wrapped else parts
            yield folder_item(below, member_uri(self._kind, name, self._uri), self._options)


class ArchiveReader:
    """Zip and tar archives of images."""

    name = "archive"
    description = "a zip or tar archive of image files; its folders can be subsets and tags"
    carries = frozenset({"subsets", "tags"})

    def detect(self, path: Path) -> str | None:
        """Return what archive it is by its name, or None where it is no archive of images."""
        suffix = suffix_of(path)
        if suffix is None or not path.is_file():
            return None
        try:
            found = next(_members(Path(os.path.abspath(path)), SUFFIXES[suffix]), None)  # noqa: PTH100
        except SourceError:  # it says what is wrong when it is opened
            return f"its name ends in {suffix}"
        return f"a {suffix} archive of image files" if found else None

    def open(self, path: Path, options: ReadOptions) -> ArchiveSource:
        """Return the archive as a source. Raises SourceError for a damaged one."""
        return ArchiveSource(path, options)


def _members(path: Path, kind: ArchiveKind) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (name, parts of its path) of each image member. Raises SourceError."""
    for name in names(path, kind):
        parts = image_parts(name)
        if parts:
            yield name, parts


def names(path: Path, kind: ArchiveKind) -> Iterator[str]:
    """Yield the names of an archive's members. Raises SourceError naming the archive."""
    try:
        with lease(kind, path_uri(str(path))) as archive:
            yield from archive.names()
    except ImageError as error:
        raise SourceError(f"{printable(path)}: {error}") from error
