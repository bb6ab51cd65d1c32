"""One item from its file to the encoder's input; runs on the threads that decode."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from hamsight.errors import ImageError
from hamsight.imaging import decode
from hamsight.item import Item
from hamsight.places import fetch, local_path
from hamsight.preprocess import Preprocess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LATEST_NS = 2**63 - 1
"""The last time, in the year 2262, that a DateTime64(9) holds."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalog holds of an item: file size in bytes, time of change in ns, digests,
    time of ingest in µs."""

    file_size: int
    modified_ns: int
    sha256: bytes
    metadata_digest: bytes
    uri: str
    groups: Sequence[str]
    status: str
    attributes: Mapping[str, str]
    ingested_us: int


@dataclass(frozen=True, slots=True)
class Unchanged:
    """An item that the catalog holds as it is, but for the file's place where it `moved`."""

    item: Item
    moved: bool


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item whose image cannot be used, and why."""

    item: Item
    reason: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """An item that is new or has changed, with what its file was found to be."""

    item: Item
    known: Known | None
    width: int
    height: int
    orientation: int
    file_size: int
    modified_ns: int
    format: str
    sha256: bytes
    metadata_digest: bytes


def prepare(
    item: Item, known: Known | None, preprocess: Preprocess, max_pixels: int
) -> tuple[Prepared, NDArray[np.uint8]] | Unchanged | Rejected:
    """Read, compare and decode the image of an item; return it with its pixels for the encoder.

    Pixels are uint8 (size, size, 3). A file of the same size and time of change, or of the same
    bytes, is unchanged.
    """
    digest = metadata_digest(item)
    same_metadata = known is not None and known.metadata_digest == digest
    moved = known is not None and known.uri != item.uri
    stamp = _stamp(item.uri)
    if known and same_metadata and not moved and stamp == (known.file_size, known.modified_ns):
        return Unchanged(item, moved)
    try:
        data = fetch(item.uri)
        sha256 = hashlib.sha256(data).digest()
        if known and same_metadata and sha256 == known.sha256:
            return Unchanged(item, moved)
        picture = decode(data, max_pixels=max_pixels)
    except ImageError as error:
        return Rejected(item, str(error))
    prepared = Prepared(
        item=item,
        known=known,
        width=picture.width,
        height=picture.height,
        orientation=picture.orientation,
        file_size=len(data),
        modified_ns=stamp[1] if stamp else 0,
        format=picture.format,
        sha256=sha256,
        metadata_digest=digest,
    )
    return prepared, preprocess(picture.image)


def _stamp(uri: str) -> tuple[int, int] | None:
    """Return a local file's size in bytes and time of change in ns, None where none is seen."""
    path = local_path(uri)
    if path is None:
        return None
    try:
        status = path.stat()
    except (OSError, ValueError):  # `fetch` says why
        return None
    return status.st_size, min(status.st_mtime_ns, _LATEST_NS)


def metadata_digest(item: Item) -> bytes:
    """Return 16 bytes that change when what the dataset says of the item changes.

    Where its file is does not count: a file that was moved is not encoded again.
    """
    said = asdict(item)
    del said["uri"]
    text = json.dumps(said, sort_keys=True, ensure_ascii=True, default=list)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
