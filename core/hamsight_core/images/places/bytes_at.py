"""The bytes of a file: local, on the web, in an object store, or a member of an archive."""

from __future__ import annotations

from hamsight_core.errors import ImageError
from hamsight_core.images.places.local import read_file
from hamsight_core.images.places.uris import local_path, scheme


def bytes_at(uri: str, timeout: float, max_bytes: int) -> bytes:
    """Return the bytes at a uri of any form but those of rows; as `places.fetch` does.

    Raises ImageError with the reason alone, without the uri.
    """
    found = scheme(uri)
    if found in ("http", "https"):
        from hamsight_core.images.places.web import download

        return download(uri, timeout=timeout, max_bytes=max_bytes)
    if found in ("s3", "gs"):
        from hamsight_core.images.places.cloud import read_object

        return read_object(uri, max_bytes)
    if found in ("zip", "tar"):
        from hamsight_core.images.places.archives import read_member

        return read_member(uri, max_bytes)
    path = local_path(uri)
    if path is None:
        raise ImageError(
            f"{found}:// is not supported; give a local path or a URL of http, https, file, s3,"
            " gs, zip, tar, parquet or arrow"
        )
    return read_file(path, max_bytes)
