"""The formats of datasets, and which of them a path is."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from hamsight_core.errors import SourceError, UsageError
from hamsight_core.images.places.uris import local_path, path_uri, scheme
from hamsight_core.plugins import load, plugins
from hamsight_ingest.listing import Listing, printable
from hamsight_ingest.readers.archive import SUFFIXES, archive_at, archive_suffix
from hamsight_ingest.readers.datumaro_dataset import DatumaroReader
from hamsight_ingest.readers.datumaro_package import hint
from hamsight_ingest.readers.remote import open_archive, open_remote
from hamsight_ingest.source import Reader, ReadOptions, Source

GROUP = "hamsight.readers"
"""The group of entry points by which other packages add readers."""

_OWN = {
    name: f"hamsight_ingest.readers.{value}"
    for name, value in {
        "coco": "coco:CocoReader",
        "yolo": "yolo:YoloReader",
        "openimages": "openimages:OpenImagesReader",
        "cvat": "cvat:CvatReader",
        "voc": "voc:VocReader",
        "labelme": "labelme:LabelmeReader",
        "supervisely": "supervisely:SuperviselyReader",
        "createml": "createml:CreateMlReader",
        "via": "via:ViaReader",
        "via3": "via:Via3Reader",
        "via-csv": "via:ViaCsvReader",
        "datumaro-json": "datumaro_json:DatumaroJsonReader",
        "labelstudio": "labelstudio:LabelStudioReader",
        "fiftyone": "fiftyone_labels:FiftyOneReader",
        "openmmlab": "openmmlab:OpenMmlabReader",
        "text-lines": "text_lines:TextLinesReader",
        "huggingface": "huggingface:HuggingFaceReader",
        "webdataset": "webdataset:WebDatasetReader",
        "imagefolder": "imagefolder:ImageFolderReader",
        "unsplash": "unsplash:UnsplashReader",
        "sidecar": "sidecar:SidecarReader",
        "table": "table:TableReader",
        "archive": "archive:ArchiveReader",
        "folder": "folder:FolderReader",
        "datumaro": "datumaro_dataset:DatumaroReader",
    }.items()
}
"""Hamsight's readers in the order in which they look at a path, the most specific first."""

WITH_COLUMNS = frozenset({"table", "imagefolder", "unsplash", "huggingface"})
"""The formats that --column is for."""


@lru_cache(maxsize=1)
def readers() -> tuple[Reader, ...]:
    """Return all readers: those of other packages, then Hamsight's, the most specific first.

    The last, datumaro, reads a path only when it is asked for by name. Raises UsageError for a
    package whose reader cannot be loaded.
    """
    return tuple(load(point) for point in plugins(GROUP, _OWN).values())


def _looking() -> tuple[Reader, ...]:
    return readers()[:-1]


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
    listing = Listing(path)
    if reader is not None:
        if _reads_members(reader) and archive_at(listing) and not reader.detect(listing):
            return _in_archive(listing, format, options)
        return _forced(reader, listing, options)
    found = _first(listing)
    if found is None:
        raise SourceError(*_unrecognised(listing))
    if found[0].name == "archive":
        return _in_archive(listing, format, options)
    return _opened(*found, listing, options)


def _first(listing: Listing) -> tuple[Reader, str] | None:
    """Return the first reader that knows the dataset, and why."""
    for reader in _looking():
        try:
            reason = reader.detect(listing)
        except SourceError as error:
            if listing.is_file:
                raise
            raise SourceError(
                *error.args,
                f"mend the file, or take it out of {printable(listing.path)};"
                " --format folder takes the images alone",
            ) from error
        if reason is not None:
            return reader, reason
    return None


def _reads_members(reader: Reader) -> bool:
    return reader.name not in ("archive", "datumaro")


def _in_archive(listing: Listing, format: str | None, options: ReadOptions) -> Source:
    """Return the dataset in a local archive, or its images."""
    path = archive_at(listing)
    assert path is not None
    kind = SUFFIXES[archive_suffix(path.name) or ".zip"]
    choose = _choose(format, options)
    return open_archive(kind, path_uri(str(path)), path, path.name, format, options, choose)


def _choose(format: str | None, options: ReadOptions) -> Callable[[Path], Source | None]:
    """Return what opens the mirror of a dataset elsewhere."""
    named = None if format is None else _named(format)

    def choose(path: Path) -> Source | None:
        listing = Listing(path)
        if named is not None:
            return _forced(named, listing, options)
        found = _first(listing)
        if found is None or found[0].name in ("folder", "archive"):
            return None
        return _opened(*found, listing, options)

    return choose


def _also(taken: Reader, listing: Listing) -> str:
    """Return words on the other formats that the path looks like; any holds a plain folder."""
    words = ""
    looking = _looking()
    # by name: of threads that load the readers at the same time, each has its own
    place = [reader.name for reader in looking].index(taken.name)
    for reader in looking[place + 1 :]:
        if reader.name == "folder":
            continue
        try:
            reason = reader.detect(listing)
        except SourceError as error:  # a file that this format would read, but cannot
            reason = str(error)
        if reason is not None:
            words += f" (also {reason}: --format {reader.name})"
    return words


def _named(format: str) -> Reader:
    if format.startswith("datumaro:"):
        return DatumaroReader(format.partition(":")[2])
    for reader in readers():
        if reader.name == format:
            return reader
    names = [reader.name for reader in readers()]
    near = difflib.get_close_matches(format.lower(), names, 1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise UsageError(f"unknown format {format!r}; formats are {', '.join(names)}{meant}")


def _missing(path: Path) -> str:
    if re.match("[A-Za-z0-9+]{2,}:/[^/]", printable(path)):
        return f"{printable(path)}: no such file; give a URL as text, pathlib drops a slash of it"
    lacking, parent = path.absolute(), path.absolute().parent
    while not parent.is_dir() and parent != parent.parent:
        lacking, parent = parent, parent.parent
    near: list[str] = []
    try:
        names = [entry.name for entry in parent.iterdir()]
        near = difflib.get_close_matches(lacking.name, names, 3)
    except OSError as error:
        return f"{printable(path)}: cannot be seen: {printable(parent)}: {error.strerror}"
    there = f"{printable(parent)} has no {printable(lacking.name)}"
    meant = f"; did you mean {' or '.join(map(printable, near))}?" if near else ""
    return f"{printable(path)}: no such file or folder: {there}{meant}"


def _forced(reader: Reader, listing: Listing, options: ReadOptions) -> Source:
    if reader.detect(listing) is None:
        for other in _looking():
            reason = other.detect(listing) if other is not reader else None
            if reason is not None:
                raise SourceError(
                    f"--format {reader.name}, but {printable(listing.path)} looks like the format"
                    f" {other.name}: {reason}; use --format {other.name}"
                )
    return reader.open(listing, options)


def _opened(reader: Reader, reason: str, listing: Listing, options: ReadOptions) -> Source:
    try:
        source = reader.open(listing, options)
    except SourceError as error:
        instead = "" if listing.is_file else "--format folder takes the images alone, and "
        raise SourceError(
            *error.args,
            f"{printable(listing.path)} was taken for {reader.name}: {reason};"
            f" if it is not, {instead}`hamsight formats` lists the other formats",
        ) from error
    source.detected += _also(reader, listing)
    return source


def _unrecognised(listing: Listing) -> list[str]:
    path = printable(listing.path)
    if not listing.is_file and not any(listing.folders.values()) and not listing.notes:
        return [f"no images in {path}: it holds no files"]
    what = "a file" if listing.is_file else "no images and no dataset"
    words = [f"{path}: {what} of {'no' if listing.is_file else 'a'} known format; looked for"]
    words += [f"  {reader.name}: {reader.description}" for reader in _looking()]
    words += filter(None, [hint(listing.path)])
    return [*words, *listing.notes]
