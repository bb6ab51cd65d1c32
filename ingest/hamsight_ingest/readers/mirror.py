"""A dataset elsewhere as the readers of files see it: annotation files copied, images stood for.

Images are listed in a temporary folder and no files are made of them; a shard of images is an empty
file. Their bytes are read from where they are. What is said of the folder is said of the place.
"""

from __future__ import annotations

import io
import os
import shutil
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, TypeAlias

from hamsight_core.errors import ImageError, SourceError
from hamsight_core.images.places import fetch, is_url, path_uri, table_uri
from hamsight_core.images.places.archives import MAX_BYTES, open_seekable
from hamsight_core.images.places.uris import TableKind, holding_file, local_path, scheme
from hamsight_core.items import Category, Item
from hamsight_ingest.listing import Elsewhere, elsewhere_of, is_file, is_image
from hamsight_ingest.readers.accounts import is_document
from hamsight_ingest.readers.held_folder import HeldFolder
from hamsight_ingest.readers.table_rows import table_format
from hamsight_ingest.readers.trees import Parts, Tree
from hamsight_ingest.source import Numbered, Refused, Source

Size: TypeAlias = "tuple[int, int] | None"

_COPIED = frozenset({".xml", ".txt", ".yaml", ".yml", ".names", ".data", ".labels", ".caption"})
_SHARD = ".tar"
_THREADS = 8
_AHEAD = 64
_NAMED = 3


def annotates(name: str) -> bool:
    """Return whether a file of this name may say something of images."""
    return _is_copied(name) or name.lower().endswith(_SHARD)


def _is_copied(name: str) -> bool:
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
    return suffix in _COPIED or table_format(Path(name)) is not None


class Mirror(Elsewhere):
    """A temporary folder of the files of a tree; it is deleted with the mirror."""

    def __init__(self, tree: Tree) -> None:
        """Copy what says something of images. Raises SourceError for what cannot be read."""
        self.tree = tree
        self.notes: list[str] = []
        self.left_out: list[str] = []
        """Files that say nothing that a reader knows, by their paths below the place."""
        self._folder = HeldFolder()
        super().__init__(os.path.join(self._folder.name, *tree.above))  # noqa: PTH118
        self._images: list[str] = []
        self._places: dict[str, int] = {}
        self._sizes: dict[str, Future[Size]] = {}
        self._pool = ThreadPoolExecutor(_THREADS, "mirror")
        weakref.finalize(self, self._pool.shutdown, wait=False, cancel_futures=True)
        Path(self.root).mkdir(parents=True)
        self._fill()
        self._images.sort()
        self._places = {path: place for place, path in enumerate(self._images)}

    def _fill(self) -> None:
        """Make folders and files; those that this disk cannot hold are noted."""
        unnamed: list[str] = []
        copied: list[Future[None]] = []
        for parts in self.tree.files:
            name = parts[-1]
            if not is_image(name) and not annotates(name):
                self.left_out.append("/".join(parts))
                continue
            path = self.path(parts)
            try:
                folder = self._folder_of(parts)
                if is_image(name):
                    self.images_in.setdefault(folder, set()).add(name)
                else:
                    Path(path).touch(exist_ok=False)
            except (OSError, ValueError):
                unnamed.append("/".join(parts))
                continue
            if is_image(name):
                self._images.append(path)
            elif _is_copied(name):
                copied.append(self._pool.submit(self._copy, parts))
        if unnamed:
            self.notes.append(
                f"{len(unnamed):,} files of {self.tree.place} are left out, whose names no file"
                f" here can have: {', '.join(unnamed[:_NAMED])}"
            )
        for one in copied:
            one.result()

    def _folder_of(self, parts: Parts) -> str:
        """Make the folder of a file, where it is not there, and return its path."""
        folder = self.path(parts[:-1])
        if folder not in self.images_in:
            Path(folder).mkdir(parents=True, exist_ok=True)
        return folder

    def _copy(self, parts: Parts) -> None:
        uri = self.tree.files[parts]
        try:
            with Path(self.path(parts)).open("wb") as file:
                if is_url(uri):
                    with open_seekable(uri) as opened:
                        shutil.copyfileobj(opened, file)
                else:
                    file.write(fetch(uri, max_bytes=MAX_BYTES))
        except ImageError as error:
            raise SourceError(f"{uri}: {error}") from error

    def path(self, parts: Parts) -> str:
        """Return the file here that stands for the file of that path below the place."""
        return os.path.join(self.root, *parts)  # noqa: PTH118

    def uri(self, path: str) -> str:
        """Return where the file is that a path here stands for; never a local file."""
        above, top = self.tree.above, self._folder.name + os.sep
        path = os.path.normpath(path)
        inside = path.startswith(top)
        parts = Path(path.removeprefix(top)).parts[not inside :]
        if not inside or parts[: len(above)] == above:
            return self.tree.uri(parts[len(above) :] if inside else parts)
        return self.tree.uri_above(parts)

    def item_uri(self, uri: str) -> str:
        """Return the uri of an item as a reader of this folder gave it, as one of the place."""
        form = scheme(uri)
        if form in ("parquet", "arrow"):
            table = holding_file(uri)
            row = uri.rpartition("#")[2]
            kind: TableKind = "parquet" if form == "parquet" else "arrow"
            return f"{table_uri(kind, self.uri(str(table)))}#{row}" if table else uri
        if form in ("zip", "tar"):
            member, _, archive = uri.rpartition("::")
            file = local_path(archive)
            return uri if file is None else f"{member}::{self.uri(str(file))}"
        path = local_path(uri)
        return uri if path is None else self.uri(str(path))

    def said(self, text: str) -> str:
        """Return a text in which what is said of this folder is said of the place."""
        return text.replace(self.root, self.tree.place.rstrip("/"))

    def size(self, path: str, measure: Callable[[BinaryIO], Size]) -> Size:
        """Return what `measure` makes of an image; those that come after it are fetched too."""
        place = self._places.get(path)
        if place is None:
            return None
        for other in self._images[place : place + _AHEAD]:
            if other not in self._sizes:
                self._sizes[other] = self._pool.submit(_measured, self.uri(other), measure)
        return self._sizes[path].result()


def _measured(uri: str, measure: Callable[[BinaryIO], Size]) -> Size:
    try:
        return measure(io.BytesIO(fetch(uri)))
    except ImageError:  # the image is rejected with its reason when it is read
        return None


def mirror_of(path: str | Path) -> Mirror | None:
    """Return the mirror that a path lies in, if any."""
    found = elsewhere_of(path)
    return found if isinstance(found, Mirror) else None


def uri_of_file(path: Path) -> str:
    """Return the uri of a file, or of what it stands for."""
    mirror = mirror_of(path)
    return path_uri(str(path)) if mirror is None else mirror.uri(str(path))


def is_there(path: str | Path) -> bool:
    """Return whether a file is there; a server that lists nothing is asked for it."""
    mirror = mirror_of(path)
    if mirror is None or mirror.tree.listed or is_file(path):
        return is_file(path)
    try:
        fetch(mirror.uri(os.fspath(path)))
    except ImageError:
        return False
    return True


class MirroredSource:
    """A dataset that a reader found in a mirror, said of the place where it is."""

    def __init__(self, source: Source, mirror: Mirror, path: Path | str) -> None:
        self._source, self._mirror = source, mirror
        self.path = path
        self.format, self.name = source.format, source.name

    @property
    def detected(self) -> str:
        """What the place was taken for and why."""
        return self._mirror.said(self._source.detected)

    @detected.setter
    def detected(self, words: str) -> None:
        self._source.detected = words

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know of this dataset."""
        return [*self._mirror.notes, *map(self._mirror.said, self._source.notes)]

    @property
    def ignored(self) -> Sequence[str]:
        """Which files are known and left out."""
        return [self._mirror.said(words) for words in self._source.ignored]

    @property
    def unread(self) -> Sequence[str]:
        """Which files are not understood: of those here, and of those never copied."""
        left = [file for file in self._mirror.left_out if not is_document(file)]
        return [*self._source.unread, *left]

    def count(self) -> int:
        """Return the number of items. Raises SourceError."""
        with said_of(self._mirror):
            return self._source.count()

    def __iter__(self) -> Iterator[Item]:
        """Yield the items, their images where they are. Raises SourceError."""
        with said_of(self._mirror):
            for item in self._source:
                if isinstance(item, Refused):
                    yield replace(item, uri=self._mirror.said(item.uri))
                else:
                    yield replace(item, uri=self._mirror.item_uri(item.uri))


class NumberedSource(MirroredSource):
    """Such a dataset that numbers its labels."""

    @property
    def categories(self) -> Sequence[Category]:
        """The labels with their numbers."""
        assert isinstance(self._source, Numbered)
        return self._source.categories


@contextmanager
def said_of(mirror: Mirror) -> Iterator[None]:
    """Say errors of the mirror's folder of its place."""
    try:
        yield
    except SourceError as error:
        raise SourceError(*(mirror.said(str(line)) for line in error.args)) from error
