"""Where the bytes of an image are, and how they are fetched from there."""

from __future__ import annotations

from hamsight_core.images.places.bytes_at import bytes_at
from hamsight_core.images.places.uris import (
    is_url,
    local_path,
    member_uri,
    path_uri,
    row_uri,
    scheme,
    split_member,
    split_row,
    table_uri,
)

__all__ = [
    "MAX_BYTES",
    "fetch",
    "is_url",
    "local_path",
    "member_uri",
    "path_uri",
    "row_uri",
    "split_member",
    "split_row",
    "table_uri",
]

MAX_BYTES = 256 * 1024 * 1024
"""The default limit of a file's size in bytes."""


def fetch(uri: str, *, timeout: float = 30.0, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the bytes at a uri of any form that `hamsight_core.images.places.uris` lists.

    A path is taken as it is: `~` is not expanded. `timeout` is how many seconds a server may be
    silent; a download with all its tries ends after `places.web.TOTAL_SECONDS`.
    Raises ImageError with the reason alone, without the uri.
    """
    if scheme(uri) in ("parquet", "arrow"):
        from hamsight_core.images.places.rows import read_row

        return read_row(uri, max_bytes)
    return bytes_at(uri, timeout, max_bytes)
