"""The formats of datasets, and which of them a path is."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from pathlib import Path

from hamsight_core.errors import SourceError, UsageError
from hamsight_core.images.places.uris import local_path, path_uri, scheme
from hamsight_ingest.readers.annotated import absolute
from hamsight_ingest.readers.archive import SUFFIXES, ArchiveReader, suffix_of
from hamsight_ingest.readers.coco import CocoReader
from hamsight_ingest.readers.cvat import CvatReader
from hamsight_ingest.readers.datumaro_dataset import DatumaroReader
from hamsight_ingest.readers.datumaro_package import hint
from hamsight_ingest.readers.folder import FolderReader, printable, unread
from hamsight_ingest.readers.huggingface import HuggingFaceReader
from hamsight_ingest.readers.imagefolder import ImageFolderReader
from hamsight_ingest.readers.labelme import LabelmeReader
from hamsight_ingest.readers.openimages import OpenImagesReader
from hamsight_ingest.readers.remote import open_archive, open_remote
from hamsight_ingest.readers.table import TableReader
from hamsight_ingest.readers.unsplash import UnsplashReader
from hamsight_ingest.readers.voc import VocReader
from hamsight_ingest.readers.webdataset import WebDatasetReader
from hamsight_ingest.readers.yolo import YoloReader
from hamsight_ingest.source import Reader, ReadOptions, Source

READERS: tuple[Reader, ...] = (
    CocoReader(),
    YoloReader(),
    OpenImagesReader(),
    CvatReader(),
    VocReader(),
    LabelmeReader(),
    HuggingFaceReader(),
    WebDatasetReader(),
    ImageFolderReader(),
    UnsplashReader(),
    ArchiveReader(),
    FolderReader(),
    TableReader(),
)
"""The readers that look at a path; the first that knows it reads it, the most specific first."""

WITH_COLUMNS = frozenset({"table", "imagefolder", "unsplash", "huggingface"})
"""The formats that --column is for."""

NAMED: tuple[Reader, ...] = (*READERS, DatumaroReader())
"""All readers, those too that read a path only when they are asked for by name."""


def open_source(
    path: Path | str, format: str | None = None, options: ReadOptions | None = None
) -> Source:
    """Return the dataset at `path`, of the format of that name or of the one it looks like.

    A `path` that is text may be a URL, of which `hamsight_ingest.readers.remote` says what is read.

    Raises UsageError for an unknown format; SourceError where nothing is at `path`, no format
    fits, or the dataset is broken.
    """
    options = options or ReadOptions()
    reader = None if format is None else _named(format)
    if isinstance(path, str):
        if scheme(path) not in (None, "file"):
            return open_remote(path, format, options, _choose(format, options))
        path = local_path(path) or Path(path)
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises on some paths
        raise SourceError(_missing(path))
    if reader is not None:
        if _reads_members(reader) and ArchiveReader().detect(path) and not reader.detect(path):
            return _in_archive(path, format, options)
        return _forced(reader, path, options)
    for reader in READERS:
        reason = reader.detect(path)
        if reason is not None:
            if isinstance(reader, ArchiveReader):
                return _in_archive(path, format, options)
            source = _opened(reader, reason, path, options)
            source.detected += _also(reader, path)
            return source
    raise SourceError(*_unrecognised(path))


def _reads_members(reader: Reader) -> bool:
    return not isinstance(reader, (ArchiveReader, DatumaroReader))


def _in_archive(path: Path, format: str | None, options: ReadOptions) -> Source:
    """Return the dataset in a local archive, or its images."""
    path = absolute(path)
    kind = SUFFIXES[suffix_of(path.name) or ""]
    choose = _choose(format, options)
    return open_archive(kind, path_uri(str(path)), path, path.name, format, options, choose)


def _choose(format: str | None, options: ReadOptions) -> Callable[[Path], Source | None]:
    """Return what opens the mirror of a dataset elsewhere."""
    named = None if format is None else _named(format)

    def choose(path: Path) -> Source | None:
        if named is not None:
            return _forced(named, path, options)
        for reader in READERS:
            reason = reader.detect(path)
            if reason is not None:
                if isinstance(reader, (FolderReader, ArchiveReader)):
                    return None
                source = _opened(reader, reason, path, options)
                source.detected += _also(reader, path)
                return source
        return None

    return choose


def _also(taken: Reader, path: Path) -> str:
    """Return words on the other formats that the path looks like; any holds a plain folder."""
    words = ""
    for reader in READERS[READERS.index(taken) + 1 :]:
        reason = None if isinstance(reader, FolderReader) else reader.detect(path)
        if reason is not None:
            words += f" (also {reason}: --format {reader.name})"
    return words


def _named(format: str) -> Reader:
    if format.startswith("datumaro:"):
        return DatumaroReader(format.partition(":")[2])
    for reader in NAMED:
        if reader.name == format:
            return reader
    names = [reader.name for reader in NAMED]
    near = difflib.get_close_matches(format.lower(), names, 1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise UsageError(f"unknown format {format!r}; formats are {', '.join(names)}{meant}")


def _missing(path: Path) -> str:
    if re.match("[A-Za-z0-9+]{2,}:/[^/]", printable(path)):
        return f"{printable(path)}: no such file; give a URL as text, pathlib drops a slash of it"
    parent = path.absolute().parent
    while not parent.is_dir() and parent != parent.parent:
        path, parent = parent, parent.parent
    near: list[str] = []
    try:
        near = difflib.get_close_matches(path.name, [entry.name for entry in parent.iterdir()], 3)
    except OSError as error:
        return f"{printable(path)}: cannot be seen: {printable(parent)}: {error.strerror}"
    meant = f"; did you mean {' or '.join(map(printable, near))}?" if near else ""
    return f"{printable(path)}: no such file or folder in {printable(parent)}{meant}"


def _forced(reader: Reader, path: Path, options: ReadOptions) -> Source:
    if reader.detect(path) is None:
        for other in READERS:
            reason = other.detect(path) if other is not reader else None
            if reason is not None:
                raise SourceError(
                    f"--format {reader.name}, but {printable(path)} looks like the format"
                    f" {other.name}: {reason}; use --format {other.name}"
                )
    return reader.open(path, options)


def _opened(reader: Reader, reason: str, path: Path, options: ReadOptions) -> Source:
    try:
        return reader.open(path, options)
    except SourceError as error:
        instead = "--format folder takes the images alone, and " if path.is_dir() else ""
        raise SourceError(
            *error.args,
            f"{printable(path)} was taken for {reader.name}: {reason};"
            f" if it is not, {instead}`hamsight formats` lists the other formats",
        ) from error


def _unrecognised(path: Path) -> list[str]:
    what = "a file" if path.is_file() else "no images and no dataset"
    words = [
        f"{printable(path)}: {what} of {'no' if path.is_file() else 'a'} known format; looked for"
    ]
    words += [f"  {reader.name}: {reader.description}" for reader in READERS]
    words += filter(None, [hint(path)])
    if path.is_dir():
        words += unread(path)
    return words
