"""Datasets elsewhere than on the disk: in object stores, on the web, in archives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote

from hamsight_core.errors import SourceError, UsageError
from hamsight_core.images.places import is_url, path_uri
from hamsight_core.images.places.uris import ArchiveKind, local_path, scheme
from hamsight_core.items import Item
from hamsight_ingest.listing import absolute, is_image, is_skipped
from hamsight_ingest.readers.accounts import is_document
from hamsight_ingest.readers.archive import SUFFIXES, ArchiveSource, archive_suffix
from hamsight_ingest.readers.folder import folder_item
from hamsight_ingest.readers.mirror import (
    Mirror,
    MirroredSource,
    NumberedSource,
    annotates,
    said_of,
)
from hamsight_ingest.readers.table_files import is_table
from hamsight_ingest.readers.table_rows import table_format
from hamsight_ingest.readers.trees import Tree, archive_tree, file_tree, folder_tree, name_of
from hamsight_ingest.source import Numbered, ReadOptions, Source

_READ = (
    "what is read from there is a folder of an object store, or one that a web server lists, with"
    " images and annotations, an archive (.zip, .tar, .tar.gz, …), a table (.csv, .tsv, .json,"
    " .jsonl, .parquet, …), an annotation file and an image; copy any other dataset to disk first"
)

Choose: TypeAlias = Callable[[Path], "Source | None"]
"""Opens a folder or file as a dataset with annotations; None where it is none."""


def open_remote(place: str, format: str | None, options: ReadOptions, choose: Choose) -> Source:
    """Return the dataset at a URL: s3, gs, http, https, or a zip or tar archive within one.

    `choose` is asked for all but plain folders, archives and images. Raises UsageError and
    SourceError.
    """
    if format is not None and format.partition(":")[0] == "datumaro":
        raise UsageError(f"--format {format} is read from disk alone, not from {place}: {_READ}")
    found = scheme(place)
    if found in ("zip", "tar"):
        return _within("zip" if found == "zip" else "tar", place, format, options, choose)
    if found not in ("s3", "gs", "http", "https"):
        raise SourceError(
            f"{place}: {found}:// is not supported; give a local path, or a URL of http, https, s3,"
            " gs, zip or tar"
        )
    name = name_of(place)
    suffix = archive_suffix(name)
    if suffix is not None:
        return open_archive(SUFFIXES[suffix], place, place, name, format, options, choose)
    if is_image(name) and format in (None, "folder"):
        return RemoteFolder(place, options, [place])
    if annotates(name):
        return _around(place, format, choose)
    if format == "archive":
        raise SourceError(f"{place}: not named as {format}; {_READ}")
    try:
        tree = folder_tree(place)
    except SourceError as error:
        if is_url(place):
            raise SourceError(f"{error}; {_READ}") from error
        raise
    source = None if format == "folder" else _opened(tree, place, format, choose)
    return source or RemoteFolder(place, options, tree.listing)


def open_archive(
    kind: ArchiveKind,
    uri: str,
    shown: Path | str,
    file_name: str,
    format: str | None,
    options: ReadOptions,
    choose: Choose,
    below: tuple[str, ...] = (),
) -> Source:
    """Return the dataset in an archive at a uri, which users call `shown`, or its images."""
    stem = file_name[: len(file_name) - len(archive_suffix(file_name) or "")] or "dataset"
    if format not in ("archive", "folder"):
        source = None if below else _shard(uri, shown, file_name, format, choose)
        if source is None:
            tree = archive_tree(kind, uri, shown, stem, below)
            source = _opened(tree, shown, format, choose)
        if source is not None:
            return source
    return ArchiveSource(shown, uri, kind, below[-1] if below else file_name, options, below)


def _shard(
    uri: str, shown: Path | str, name: str, format: str | None, choose: Choose
) -> Source | None:
    """Return a tar of samples (WebDataset) elsewhere, or None where it is none."""
    if not name.lower().endswith(".tar") or local_path(uri) or format not in (None, "webdataset"):
        return None
    return _chosen(Mirror(_alone(uri, name)), shown, choose, (name,))


def _alone(place: str, name: str) -> Tree:
    """Return the tree of one file at a URL."""
    folder = (place.partition("?")[0] if is_url(place) else place).rpartition("/")[0]
    return Tree(folder, name_of(folder), {(name,): place}, listed=False)


def _around(place: str, format: str | None, choose: Choose) -> Source:
    """Return the dataset of an annotation file or table, with what is around it."""
    name = name_of(place)
    if table_format(Path(name)) is not None and format in (None, "table", "unsplash"):
        mirror = Mirror(_alone(place, name))
        if format is not None or is_table(Path(mirror.path((name,)))):
            source = _chosen(mirror, place, choose, (name,))
            if source is not None:
                return source
    tree, parts = file_tree(place)
    source = _chosen(Mirror(tree), place, choose, parts)
    if source is not None:
        return source
    raise SourceError(f"{place}: no annotations and no table; {_READ}")


def _opened(tree: Tree, shown: Path | str, format: str | None, choose: Choose) -> Source | None:
    """Return the dataset of a tree, or in its only folder; None where it has images alone."""
    if format is None and not any(annotates(parts[-1]) for parts in tree.files):
        return None
    mirror = Mirror(tree)
    tops = {parts[:1] for parts in tree.files}
    roots: list[tuple[str, ...]] = [()]
    if len(tops) == 1 and not tops & tree.files.keys():
        roots += tops
        if roots[1] == (tree.name,):
            roots.reverse()
    for root in roots:
        try:
            source = _chosen(mirror, shown, choose, root)
        except SourceError:
            if format is None or root is roots[-1]:
                raise
            continue
        if source is not None:
            return source
    return None


def _chosen(
    mirror: Mirror, shown: Path | str, choose: Choose, parts: tuple[str, ...] = ()
) -> Source | None:
    with said_of(mirror):
        source = choose(Path(mirror.path(parts)))
    if source is None:
        return None
    made = NumberedSource if isinstance(source, Numbered) else MirroredSource
    return made(source, mirror, shown)


def _within(
    kind: ArchiveKind, place: str, format: str | None, options: ReadOptions, choose: Choose
) -> Source:
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
        name = name_of(archive)
    below = tuple(part for part in unquote(folder).split("/") if part)
    return open_archive(kind, archive, place, name, format, options, choose, below)


class RemoteFolder:
    """The image objects under a prefix, each an item; or one image on the web."""

    format = "folder"

    def __init__(self, place: str, options: ReadOptions, uris: Sequence[str]) -> None:
        self.path = place
        self.name = name_of(place) or "dataset"
        self._options = options
        self._root = place if place.endswith("/") else f"{place}/"
        self._items = [(parts, uri) for uri in uris if (parts := self._parts(uri))]
        others = [uri for uri in uris if not self._parts(uri) and not uri.endswith("/")]
        self._others = [uri for uri in others if not any(map(is_skipped, uri.split("/")[3:]))]
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

    @property
    def ignored(self) -> Sequence[str]:
        """Return nothing: what is known and left out hides itself."""
        return []

    @property
    def unread(self) -> Sequence[str]:
        """Return the objects that are no images, by their paths below the place."""
        left = (uri for uri in self._others if not is_document(uri))
        return [uri.removeprefix(self._root) for uri in left]

    def count(self) -> int:
        """Return the number of images."""
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        """Yield an item for each image, sorted by its uri."""
        for parts, uri in self._items:
            yield folder_item(parts, uri, self._options)

    def _parts(self, uri: str) -> tuple[str, ...]:
        """Return the parts of an image's path below the place; empty where it is no image."""
        below = self.name if uri == self.path else uri.removeprefix(self._root)
        parts = tuple(part for part in below.split("/") if part not in ("", ".", ".."))
        if is_url(uri) and uri != self.path:
            parts = tuple(map(unquote, parts))
        if not parts or uri.endswith("/") or not is_image(parts[-1]) or any(map(is_skipped, parts)):
            return ()
        return parts


def _number(others: Sequence[str]) -> str:
    return "1 other object" if len(others) == 1 else f"{len(others):,} other objects"
