"""A zip or tar archive of images, read as it is by the rules of image folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from hamsight_core.errors import ImageError, SourceError
from hamsight_core.images.places import member_uri, path_uri
from hamsight_core.images.places.archives import lease
from hamsight_core.images.places.uris import ArchiveKind
from hamsight_core.items import Item
from hamsight_ingest.listing import Listing, is_image, is_skipped, printable
from hamsight_ingest.readers.accounts import is_document
from hamsight_ingest.readers.folder import folder_item
from hamsight_ingest.source import SUBSET_NAMES, ReadOptions

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


def archive_suffix(name: str) -> str | None:
    """Return which of SUFFIXES a file's name ends with, the longest, or None."""
    name = name.lower()
    return max((end for end in SUFFIXES if name.endswith(end)), key=len, default=None)


def image_parts(name: str) -> tuple[str, ...]:
    """Return the parts of a member's path; empty where it is no image, or is hidden.

    Parts that lead out of the archive (`..`, a leading `/`) are dropped: names are never paths.
    """
    parts = _parts(name)
    return parts if parts and is_image(parts[-1]) else ()


def _parts(name: str) -> tuple[str, ...]:
    """Return the parts of a member's path; empty where it is a folder, or is hidden."""
    slashed = name if "/" in name else name.replace("\\", "/")
    parts = tuple(part for part in slashed.split("/") if part not in ("", ".", ".."))
    return () if name.endswith("/") or any(map(is_skipped, parts)) else parts


class ArchiveSource:
    """The image members of an archive, each an item.

    `path` is the archive as users name it, `uri` where it is, `file_name` what it is called;
    with `below` only members in that folder count. A folder that holds all images and is called
    as the archive is counts for nothing. Raises SourceError for a damaged archive.
    """

    format = "archive"

    def __init__(
        self,
        path: Path | str,
        uri: str,
        kind: ArchiveKind,
        file_name: str,
        options: ReadOptions,
        below: tuple[str, ...] = (),
    ) -> None:
        self.path = path
        stem = file_name[: len(file_name) - len(archive_suffix(file_name) or "")]
        self.name = printable(stem) or "dataset"
        self._kind, self._uri, self._below = kind, uri, below
        self._options = options
        folders = Counter(parts[:-1][:1] for _, parts in self._members())
        self._count = sum(folders.values())
        if not self._count:
            within = f" in {'/'.join(below)}/" if below else ""
            raise SourceError(f"{printable(path)}: no image file among its members{within}")
        wrapper = self.name.lower()
        one_folder = [tuple(map(str.lower, folder)) for folder in folders] == [(wrapper,)]
        self._wrapped = one_folder and wrapper not in SUBSET_NAMES
        self.detected = f"a {self._kind} archive with {self._count:,} image files"

    @property
    def notes(self) -> Sequence[str]:
        """Return that nothing was read in another way."""
        return []

    @property
    def ignored(self) -> Sequence[str]:
        """Return that nothing is left out but what hides itself."""
        return []

    @property
    def unread(self) -> Sequence[str]:
        """Return the members that are no images."""
        return [
            "/".join(parts)
            for name in names(self._uri, self._kind, self.path)
            if (parts := _parts(name)) and self._is_unread(parts)
        ]

    def _is_unread(self, parts: tuple[str, ...]) -> bool:
        inside = len(parts) > len(self._below) and parts[: len(self._below)] == self._below
        return inside and not is_image(parts[-1]) and not is_document(parts[-1])

    def count(self) -> int:
        """Return the number of image members."""
        return self._count

    def __iter__(self) -> Iterator[Item]:
        """Yield an item for each image member, in the order of the archive."""
        for name, parts in self._members():
            below = parts[1:] if self._wrapped else parts
            yield folder_item(below, member_uri(self._kind, name, self._uri), self._options)

    def _members(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield (name, parts of its path below the folder) of each image member."""
        depth = len(self._below)
        for name, parts in _members(self._uri, self._kind, self.path):
            if len(parts) > depth and parts[:depth] == self._below:
                yield name, parts[depth:]


class ArchiveReader:
    """Zip and tar archives of images."""

    name = "archive"
    description = "a zip or tar archive of image files; its folders can be subsets and tags"
    carries = frozenset({"subsets", "tags"})

    def detect(self, listing: Listing) -> str | None:
        """Return what archive it is by its name, or None where it is none.

        A folder with nothing but one archive, and documents, is the archive.
        """
        path = archive_at(listing)
        return None if path is None else f"its name ends in {archive_suffix(path.name)}"

    def open(self, listing: Listing, options: ReadOptions) -> ArchiveSource:
        """Return the archive as a source. Raises SourceError for a damaged one."""
        path = archive_at(listing)
        if path is None:
            raise SourceError(
                f"{printable(listing.path)}: no archive; expected a file named"
                f" *{', *'.join(SUFFIXES)}"
            )
        kind = SUFFIXES[archive_suffix(path.name) or ".zip"]
        return ArchiveSource(path, path_uri(str(path)), kind, path.name, options)


def archive_at(listing: Listing) -> Path | None:
    """Return the archive at a path: itself, or the only file of the folder but for documents."""
    if listing.is_file:
        return listing.path if archive_suffix(listing.path.name) else None
    files = [file for file in listing.files if not is_document(file)] if listing.others else []
    if len(files) != 1 or archive_suffix(files[0]) is None:
        return None
    return Path(listing.at(files[0]))


def _members(
    uri: str, kind: ArchiveKind, shown: Path | str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (name, parts of its path) of each image member. Raises SourceError."""
    for name in names(uri, kind, shown):
        parts = image_parts(name)
        if parts:
            yield name, parts


def names(uri: str, kind: ArchiveKind, shown: Path | str) -> Iterator[str]:
    """Yield the names of an archive's members. Raises SourceError naming it as `shown`."""
    try:
        with lease(kind, uri) as archive:
            yield from archive.names()
    except ImageError as error:
        raise SourceError(f"{printable(shown)}: {error}") from error
