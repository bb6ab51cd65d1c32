"""Members of zip and tar archives, read in any order by many threads; files of any place, open."""

from __future__ import annotations

import io
import struct
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol, cast

from hamsight_core.errors import ImageError
from hamsight_core.images.places.cloud import open_object
from hamsight_core.images.places.local import file_errors, open_file, too_large
from hamsight_core.images.places.opened import Opened
from hamsight_core.images.places.unpacked import DAMAGE, unpacked
from hamsight_core.images.places.uris import (
    ArchiveKind,
    is_url,
    local_path,
    scheme,
    split_member,
)
from hamsight_core.images.places.zip_names import named_members

MAX_BYTES = 4 * 1024**3
"""How large a file on the web may be, which is kept in a temporary file while it is read."""

_SECONDS = 3600.0
_OPEN_ARCHIVES = 16


class Archive(Protocol):
    """An open archive. Its members are regular files, named as the archive names them."""

    def names(self) -> Iterator[str]:
        """Yield the name of each member, in the order of the archive.

        Raises ImageError behind the last one before a damage.
        """

    def read(self, name: str, max_bytes: int) -> bytes:
        """Return the bytes of a member. Raises ImageError."""

    def close(self) -> None:
        """Close the file."""


def read_member(uri: str, max_bytes: int) -> bytes:
    """Return the bytes of the member at a `zip://` or `tar://` uri. Raises ImageError."""
    kind, name, archive = split_member(uri)
    with lease(kind, archive) as opened:
        return opened.read(name, max_bytes)


@contextmanager
def lease(kind: ArchiveKind, uri: str) -> Iterator[Archive]:
    """Yield the archive at a uri, open; it stays open for later reads.

    Raises ImageError where there is no archive of that kind, or a damaged one.
    """
    with _archives.lease((kind, uri, _stamp(uri))) as archive:
        yield archive


def _stamp(uri: str) -> tuple[int, int]:
    try:
        return stamp(uri)
    except ImageError as error:
        raise ImageError(f"the archive {uri}: {error}") from error


def _open(key: tuple[ArchiveKind, str, tuple[int, int]]) -> Archive:
    kind, uri, _ = key
    if scheme(uri) in ("zip", "tar"):
        raise ImageError("an archive within an archive is not read; unpack the outer one first")
    file = open_seekable(uri)
    try:
        return _Zip(file) if kind == "zip" else _Tar(file)
    except BaseException:
        file.close()
        raise


_archives: Opened[tuple[ArchiveKind, str, tuple[int, int]], Archive] = Opened(_open, _OPEN_ARCHIVES)


class _Zip:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, EOFError, struct.error, NotImplementedError) as e:
            raise ImageError(f"not a zip archive, or a damaged one: {e}") from e
        self._members = named_members(self._zip)

    def names(self) -> Iterator[str]:
        for name, member in self._members.items():
            if not member.is_dir():
                yield name

    def read(self, name: str, max_bytes: int) -> bytes:
        try:
            member = self._members.get(name) or self._zip.getinfo(name)
            if member.file_size > max_bytes:
                raise too_large(max_bytes)
            with self._zip.open(member) as opened:
                data = opened.read(max_bytes + 1)
        except KeyError as error:
            raise ImageError("no such member in the archive") from error
        except RuntimeError as error:  # NotImplementedError too: encrypted, or a rare compression
            raise ImageError(f"cannot be unpacked: {error}") from error
        except (*DAMAGE, zipfile.BadZipFile, struct.error, ValueError) as error:
            raise ImageError(f"damaged in the archive: {error}") from error
        if len(data) > max_bytes:
            raise too_large(max_bytes)
        return data

    def close(self) -> None:
        self._zip.close()
        self._file.close()


class _Tar:
    """A tar archive; a compressed one is unpacked into a temporary file.

    Of one that is cut or damaged the members before the damage are read; `names` then ends in an
    ImageError.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = unpacked(file)
        self._lock = threading.Lock()
        self._spans: dict[str, tuple[int, int]] = {}
        self._damage: ImageError | None = None
        try:
            for name, span in _spans(self._file):
                self._spans[name] = span
        except ImageError as error:
            if not self._spans:
                self._file.close()
                raise
            self._damage = error
        except BaseException:
            self._file.close()
            raise

    def names(self) -> Iterator[str]:
        yield from self._spans
        if self._damage is not None:
            raise ImageError(str(self._damage))

    def read(self, name: str, max_bytes: int) -> bytes:
        if name not in self._spans:
            raise ImageError("no such member in the archive")
        start, size = self._spans[name]
        if size > max_bytes:
            raise too_large(max_bytes)
        try:
            with self._lock:
                self._file.seek(start)
                data = self._file.read(size)
        except OSError as error:
            raise ImageError(f"cannot be read: {error.strerror or error}") from error
        if len(data) < size:
            raise ImageError(f"the archive ends after {len(data)} of its {size} bytes")
        return data

    def close(self) -> None:
        self._file.close()


def _spans(file: BinaryIO) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield (name, (first byte, size)) of each regular file of a tar; a later one of a name wins.

    Raises ImageError where the tar is damaged: the tarfile module takes much damage for the end.
    """
    end = file.seek(0, 2)
    file.seek(0)
    place, count = 0, 0
    tar: Any
    try:
        with tarfile.open(fileobj=file, mode="r:", encoding="utf-8") as tar:
            while (member := tar.next()) is not None:
                tar.members = []
                if member.size < 0 or tar.offset <= place:
                    raise tarfile.ReadError("a header that leads nowhere")
                count, place = count + 1, tar.offset
                if member.isreg() and member.sparse is None:
                    if member.offset_data + member.size > end:
                        raise tarfile.ReadError(f"{_shown(member.name)} is cut off")
                    yield member.name, (member.offset_data, member.size)
    except (tarfile.TarError, *DAMAGE, ValueError, struct.error) as error:
        words = "not a tar archive, or a damaged one" if not count else "a damaged tar archive"
        raise ImageError(f"{words}: at byte {place}, after {count} members: {error}") from error
    file.seek(place)
    if any(file.read(512)):
        raise ImageError(
            f"a damaged tar archive: at byte {place}, after {count} members, expected a header"
        )


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()[:200]


def stamp(uri: str) -> tuple[int, int]:
    """Return what changes when a local file does: its size and time of change; else zeros.

    Raises ImageError where a local file is not there.
    """
    path = local_path(uri)
    if path is None:
        return (0, 0)
    with file_errors():
        found = path.stat()
    return (found.st_size, found.st_mtime_ns)


def open_seekable(uri: str) -> BinaryIO:
    """Return the file at a uri, open; one on the web is downloaded first. Raises ImageError."""
    path = local_path(uri)
    if path is not None:
        return open_file(path)
    if scheme(uri) in ("s3", "gs"):
        return open_object(uri)
    if is_url(uri):
        return _downloaded(uri)
    if scheme(uri) in ("zip", "tar"):
        return io.BytesIO(read_member(uri, MAX_BYTES))
    raise ImageError(f"a file at {scheme(uri)}:// is not read; download it first")


def _downloaded(url: str) -> BinaryIO:
    """Return an unnamed temporary file of what is on the web."""
    from hamsight_core.images.places.web import download_into

    file = tempfile.TemporaryFile(prefix="hamsight-")  # noqa: SIM115 - kept open
    try:
        download_into(file, url, timeout=30.0, max_bytes=MAX_BYTES, total=_SECONDS)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return cast(BinaryIO, file)
