"""One item from its file to the encoder's input; runs on the threads that decode."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalog holds of an item: file size in bytes, time of change in ns, digests."""

    file_size: int
    modified_ns: int
    sha256: bytes
    metadata_digest: bytes
    groups: Sequence[str]


@dataclass(frozen=True, slots=True)
class Unchanged:
    """An item that the catalog holds as it is."""

    item: Item


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
    try:
        modified_ns = 0
        path = local_path(item.uri)
        if path is not None:
            status = path.stat()
            modified_ns = status.st_mtime_ns
            stamp = (status.st_size, modified_ns)
            if known and same_metadata and stamp == (known.file_size, known.modified_ns):
                return Unchanged(item)
        data = fetch(item.uri)
        sha256 = hashlib.sha256(data).digest()
        if known and same_metadata and sha256 == known.sha256:
            return Unchanged(item)
        picture = decode(data, max_pixels=max_pixels)
    except ImageError as error:
        return Rejected(item, str(error))
    except FileNotFoundError:
        return Rejected(item, "file not found")
    except OSError as error:
        return Rejected(item, error.strerror or str(error))
    prepared = Prepared(
        item=item,
        known=known,
        width=picture.width,
        height=picture.height,
        orientation=picture.orientation,
        file_size=len(data),
        modified_ns=modified_ns,
        format=picture.format,
        sha256=sha256,
        metadata_digest=digest,
    )
    return prepared, preprocess(picture.image)


def metadata_digest(item: Item) -> bytes:
    """Return 16 bytes that change when what the dataset says of the item changes."""
    text = json.dumps(asdict(item), sort_keys=True, ensure_ascii=True, default=list)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
