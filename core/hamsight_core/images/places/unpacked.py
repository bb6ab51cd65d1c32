"""Compressed archives, unpacked into a temporary file so that they can be read in any order."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tempfile
import zlib
from collections.abc import Callable
from typing import IO, Any, BinaryIO, cast

from hamsight_core.errors import ImageError

DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""What reading damaged compressed data raises."""

_MAGIC: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_CHUNK = 1024 * 1024
_ALLOWED_BYTES = 1024**3
_ALLOWED_RATIO = 50


def unpacked(file: BinaryIO) -> BinaryIO:
    """Return the file itself, or an unnamed temporary file of what it holds compressed.

    gzip, bzip2 and xz are known by their first bytes. Where it unpacks, `file` is closed.
    Raises ImageError for damaged data, and where it would unpack to more than 1 GiB and more
    than 50 times its size.
    """
    start = file.read(6)
    file.seek(0)
    for magic, opened in _MAGIC.items():
        if start.startswith(magic):
            size = file.seek(0, 2)
            file.seek(0)
            with file, opened(file, "rb") as stream:
                return _spooled(stream, max(_ALLOWED_BYTES, size * _ALLOWED_RATIO))
    return file


def _spooled(stream: IO[bytes], limit: int) -> BinaryIO:
    spool: IO[bytes] = tempfile.TemporaryFile(prefix="hamsight-")  # noqa: SIM115 - kept open
    size = 0
    try:
        while chunk := _chunk(stream, size):
            size += len(chunk)
            if size > limit:
                raise ImageError(
                    f"it unpacks to more than {limit} bytes, as malicious archives do; unpack it"
                    " yourself if you trust it"
                )
            _write(spool, chunk)
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    return cast(BinaryIO, spool)


def _chunk(stream: IO[bytes], size: int) -> bytes:
    try:
        return stream.read(_CHUNK)
    except DAMAGE as error:
        raise ImageError(
            f"damaged compressed data, after {size} bytes unpacked: {error}"
        ) from error


def _write(spool: IO[bytes], chunk: bytes) -> None:
    try:
        spool.write(chunk)
    except OSError as error:
        raise ImageError(
            f"cannot be unpacked into {tempfile.gettempdir()}: {error.strerror or error};"
            " set TMPDIR to a place with room"
        ) from error
