"""Comparing what the catalog says of image files with the files themselves."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path

from hamsight_core.closing import Closing
from hamsight_core.errors import ImageError
from hamsight_core.images.places import fetch, local_path, split_member, split_row
from hamsight_core.images.places.local import file_errors, open_file
from hamsight_core.images.places.uris import scheme

_THREADS = 8
_BLOCK = 1 << 20
_LATEST_NS = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NOT_THERE = ("file not found", "permission denied")
"""How the reasons of rejects begin whose files may appear later."""


class Files(str, Enum):
    """How files are compared: not at all, by size and time of change, or by their bytes."""

    NONE = "none"
    STAT = "stat"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the catalog says of a file: size in bytes, time of change in ns, SHA-256 in hex.

    The time is 0 where it was not known.
    """

    uri: str
    file_size: int
    modified_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One difference of a file."""

    kind: str
    expected: str
    found: str


class FileCheck(Closing):
    """Compares files on a few threads; a context manager."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._pool = ThreadPoolExecutor(_THREADS, "verify")

    def close(self) -> None:
        """Stop, whatever is left to compare."""
        self._pool.shutdown(cancel_futures=True)

    def faults(self, recorded: Sequence[Recorded]) -> Iterator[list[Fault]]:
        """Return the faults of each file, in the order of the files."""
        if self._files is Files.NONE:
            return iter([[] for _ in recorded])
        compare = _by_digest if self._files is Files.DIGEST else _by_stat
        return self._pool.map(compare, recorded)


def was_not_there(uri: str, reason: str) -> bool:
    """Tell whether a local file that was rejected because it was missing can be read now."""
    if not reason.startswith(_NOT_THERE):
        return False
    try:
        path = _on_disk(uri)
        return path is not None and path.is_file() and os.access(path, os.R_OK)
    except (ImageError, OSError, ValueError):
        return False


def _on_disk(uri: str) -> Path | None:
    """Return the local file that holds the image, or None for a uri of another place."""
    found = scheme(uri)
    if found in ("zip", "tar"):
        return _on_disk(split_member(uri)[2])
    if found in ("parquet", "arrow"):
        return _on_disk(split_row(uri).table)
    return local_path(uri)


def _by_stat(recorded: Recorded) -> list[Fault]:
    """Compare size and time of a local file; of an archive or table, only that it is there."""
    try:
        path = _on_disk(recorded.uri)
        if path is None:
            return []
        with file_errors():
            status = path.stat()
    except ImageError as error:
        return [_unreadable(recorded, error)]
    if not stat.S_ISREG(status.st_mode):
        return [Fault("file-unreadable", recorded.uri, "not a regular file")]
    if local_path(recorded.uri) is None:
        return []
    faults = _size(recorded, status.st_size)
    modified_ns = min(status.st_mtime_ns, _LATEST_NS)
    if recorded.modified_ns and modified_ns != recorded.modified_ns:
        faults.append(Fault("file-time", _moment(recorded.modified_ns), _moment(modified_ns)))
    return faults


def _by_digest(recorded: Recorded) -> list[Fault]:
    """Compare the bytes; where they are the same, the time of change says nothing."""
    try:
        size, digest = _digest(recorded.uri)
    except ImageError as error:
        return [_unreadable(recorded, error)]
    if digest == recorded.sha256:
        return _size(recorded, size)
    return [*_size(recorded, size), Fault("file-digest", recorded.sha256, digest)]


def _digest(uri: str) -> tuple[int, str]:
    """Return the size in bytes and the SHA-256, in hex, of the image's bytes. Raises ImageError."""
    path = local_path(uri)
    if path is None:
        data = fetch(uri)
        return len(data), hashlib.sha256(data).hexdigest()
    digest, size = hashlib.sha256(), 0
    with file_errors(), open_file(path) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _unreadable(recorded: Recorded, error: ImageError) -> Fault:
    gone = str(error).startswith("file not found")
    return Fault("file-missing" if gone else "file-unreadable", recorded.uri, str(error))


def _size(recorded: Recorded, size: int) -> list[Fault]:
    if size == recorded.file_size:
        return []
    return [Fault("file-size", f"{recorded.file_size} bytes", f"{size} bytes")]


def _moment(ns: int) -> str:
    seconds, rest = divmod(ns, 10**9)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
