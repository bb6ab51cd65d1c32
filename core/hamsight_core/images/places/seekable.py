"""Archives and tables of any place, open for reading in any order."""

from __future__ import annotations

import io
import tempfile
from typing import BinaryIO, cast

from hamsight_core.errors import ImageError
from hamsight_core.images.places.addresses import Reach
from hamsight_core.images.places.cloud import open_object
from hamsight_core.images.places.local import file_errors, open_file
from hamsight_core.images.places.uris import is_url, local_path, scheme

MAX_BYTES = 4 * 1024**3
"""How large a file on the web may be, which is kept in a temporary file while it is read."""

_SECONDS = 3600.0


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


def open_seekable(uri: str, reach: Reach | None = None) -> BinaryIO:
    """Return the file at a uri, open; one on the web is downloaded first. Raises ImageError."""
    path = local_path(uri)
    if path is not None:
        return open_file(path)
    if scheme(uri) in ("s3", "gs"):
        return open_object(uri)
    if is_url(uri):
        return _downloaded(uri, reach)
    if scheme(uri) in ("zip", "tar"):
        from hamsight_core.images.places.archives import read_member

        return io.BytesIO(read_member(uri, MAX_BYTES, reach))
    raise ImageError(f"a file at {scheme(uri)}:// is not read; download it first")


def _downloaded(url: str, reach: Reach | None) -> BinaryIO:
    """Return an unnamed temporary file of what is on the web."""
    from hamsight_core.images.places.web import download_into

    file = tempfile.TemporaryFile(prefix="hamsight-")  # noqa: SIM115 - kept open
    try:
        download_into(file, url, timeout=30.0, max_bytes=MAX_BYTES, total=_SECONDS, reach=reach)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return cast(BinaryIO, file)
