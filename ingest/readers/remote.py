"""Datasets elsewhere than on the disk: folders in object stores; tables and archives of the web."""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hamsight.errors import ImageError, SourceError, UsageError
from hamsight.item import Item
from hamsight.places import fetch, is_url, path_uri
from hamsight.places.cloud import list_objects
from hamsight.places.uris import ArchiveKind, local_path, scheme
from ingest.readers.annotated import absolute
from ingest.readers.archive import SUFFIXES, ArchiveSource, suffix_of
from ingest.readers.folder import folder_item, is_image, is_skipped
from ingest.readers.table import TableReader, TableSource
from ingest.readers.table_rows import table_format
from ingest.readers.unsplash import UnsplashReader
from ingest.source import ReadOptions, Source

_FORMATS = ("folder", "archive", "table", "unsplash")
_READ = (
    "what is read from there is a folder of images in an object store, an archive"
    " (.zip, .tar, .tar.gz, …), a table (.csv, .tsv, .json, .jsonl, .parquet, …) and an image; copy"
    " any other dataset to disk first"
)


def open_remote(place: str, format: str | None, options: ReadOptions) -> Source:
    """Return the dataset at a URL: s3, gs, http, https, or a zip or tar archive within one.

    Raises UsageError for a format that is read from disk alone, and SourceError.
    """
    if format not in (None, *_FORMATS):
        raise UsageError(f"--format {format} is read from disk alone, not from {place}: {_READ}")
    found = scheme(place)
    if found in ("zip", "tar"):
        return _within("zip" if found == "zip" else "tar", place, options)
    if found not in ("s3", "gs", "http", "https"):
        raise SourceError(
            f"{place}: {found}:// is not supported; give a local path, or a URL of http, https, s3,"
            " gs, zip or tar"
        )
    name = _name(place)
    suffix = suffix_of(name)
    if suffix is not None and format in (None, "archive"):
        return ArchiveSource(place, place, SUFFIXES[suffix], name, options)
    if table_format(Path(name)) is not None and format in (None, "table", "unsplash"):
        return _table(place, name, format, options)
    if format in (None, "folder") and (not is_url(place) or is_image(name)):
        return RemoteFolder(place, options)
    words = "a web server lists no folders" if is_url(place) else f"not named as {format}"
    raise SourceError(f"{place}: {words}; {_READ}")


def _name(place: str) -> str:
    """Return the last part of a URL's path; of a bucket its name."""
    parts = urlsplit(place)
    path = unquote(parts.path) if is_url(place) else place.partition("://")[2]
    return posixpath.basename(path.rstrip("/")) or parts.netloc


def _within(kind: ArchiveKind, place: str, options: ReadOptions) -> ArchiveSource:
    """Open `zip://FOLDER::ARCHIVE`, or `zip:///ARCHIVE` for all of a local one."""
    folder, mark, archive = place.partition("://")[2].partition("::")
    if not mark:
        folder, archive = "", folder
    if scheme(archive) in (None, "file"):
        path = absolute(local_path(archive) or Path(archive))
        if not path.is_file():
            raise SourceError(f"{place}: no file {path}; expected {kind}://FOLDER::ARCHIVE")
        archive, name = path_uri(str(path)), path.name
    else:
        name = _name(archive)
    below = tuple(part for part in unquote(folder).split("/") if part)
    return ArchiveSource(place, archive, kind, below[-1] if below else name, options, below)


class RemoteFolder:
    """The image objects under a prefix, each an item; or one image on the web."""

    format = "folder"

    def __init__(self, place: str, options: ReadOptions) -> None:
        self.path = place
        self.name = _name(place) or "dataset"
        self._options = options
        self._root = place if place.endswith("/") else f"{place}/"
        uris = [place] if is_url(place) else self._listed()
        self._items = [(parts, uri) for uri in uris if (parts := self._parts(uri))]
        others = [uri for uri in uris if not self._parts(uri) and not uri.endswith("/")]
        if not self._items:
            named = f"; {_number(others)}, the first {others[0]}" if others else ""
            raise SourceError(f"{place}: no image by its extension at or under it{named}; {_READ}")
        self.detected = f"{len(self._items):,} image file{'s' * (len(self._items) > 1)}"
        if others:
            self.detected += f"; {_number(others)} left out, the first {others[0]}"

    @property
    def notes(self) -> Sequence[str]:
        """Return nothing: what is left out stands in `detected`."""
        return []

    def count(self) -> int:
        """Return the number of images."""
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        """Yield an item for each image, sorted by its uri."""
        for parts, uri in self._items:
            yield folder_item(parts, uri, self._options)

    def _listed(self) -> list[str]:
        try:
            return list_objects(self.path)
        except ImageError as error:
            raise SourceError(f"{self.path}: {error}") from error

    def _parts(self, uri: str) -> tuple[str, ...]:
        """Return the parts of an image's path below the place; empty where it is no image."""
        below = self.name if uri == self.path else uri.removeprefix(self._root)
        parts = tuple(part for part in below.split("/") if part not in ("", ".", ".."))
        if not parts or uri.endswith("/") or not is_image(parts[-1]) or any(map(is_skipped, parts)):
            return ()
        return parts


def _number(others: Sequence[str]) -> str:
    return "1 other object" if len(others) == 1 else f"{len(others):,} other objects"


def _table(place: str, name: str, format: str | None, options: ReadOptions) -> Source:
    """Return a table as a source: a copy of it is read, which is deleted with the source."""
    folder = tempfile.TemporaryDirectory(prefix="hamsight-")
    file = Path(folder.name) / name
    try:
        file.write_bytes(fetch(place))
        unsplash = UnsplashReader()
        if format == "unsplash" or (format is None and unsplash.detect(file)):
            source = unsplash.open(file, options)
        else:
            source = TableReader().open(file, options, base=place.partition("?")[0])
    except ImageError as error:
        raise SourceError(f"{place}: {error}") from error
    except SourceError as error:
        raise _renamed(error, file, place) from error
    return _Copied(source, place, folder, file)


def _renamed(error: SourceError, file: Path, place: str) -> SourceError:
    return SourceError(str(error).replace(str(file), place))


class _Copied:
    """A table of which a copy is read; what is said of the copy is said of the place."""

    def __init__(
        self,
        source: TableSource,
        place: str,
        folder: tempfile.TemporaryDirectory[str],
        file: Path,
    ) -> None:
        self._source, self._folder, self._file = source, folder, file
        self.path = place
        self.format, self.name, self.detected = source.format, source.name, source.detected

    @property
    def notes(self) -> Sequence[str]:
        return [note.replace(str(self._file), self.path) for note in self._source.notes]

    def count(self) -> int:
        try:
            return self._source.count()
        except SourceError as error:
            raise _renamed(error, self._file, self.path) from error

    def __iter__(self) -> Iterator[Item]:
        try:
            yield from self._source
        except SourceError as error:
            raise _renamed(error, self._file, self.path) from error
