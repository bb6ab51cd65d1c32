"""One item from its file to the encoder's input; runs on the threads that decode."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from hamsight_core.errors import ImageError
from hamsight_core.images.decode import Picture, decode
from hamsight_core.images.looks import look_at
from hamsight_core.images.perceptual_hash import BYTES
from hamsight_core.images.places import fetch, local_path
from hamsight_core.images.places.addresses import Reach
from hamsight_core.images.preprocess import Preprocess
from hamsight_core.items import Item

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LATEST_NS = 2**63 - 1
"""The last time, in the year 2262, that a DateTime64(9) holds."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalog holds of an item: file size in bytes, time of change in ns, digests,
    time of ingest in µs.

    `box` is an object's left, top, width and height in pixels, `area` its share of the picture.
    """

    file_size: int
    modified_ns: int
    sha256: bytes
    metadata_digest: bytes
    uri: str
    ingested_us: int
    box: tuple[float, ...] = ()
    area: float = 0.0


@dataclass(frozen=True, slots=True)
class Unchanged:
    """An item that the catalog holds as it is, but for the file's place where it `moved`."""

    item: Item
    known: Known

    @property
    def moved(self) -> bool:
        """Whether the file is elsewhere than the catalog says."""
        return self.known.uri != self.item.uri


@dataclass(frozen=True, slots=True)
class Kept:
    """An item of which the dataset says something else, while its picture is as it was.

    `prepared` knows nothing of the picture but its bytes: the catalog has its size and format.
    """

    prepared: Prepared


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item whose image cannot be used, and why; `silent_host` is a host given up before."""

    item: Item
    reason: str
    silent_host: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An item that is new or has changed, with what its file was found to be.

    `quality` holds the scores of the picture's quality; None where the catalog's hold still.
    `fault` says what is wrong with a picture that is read all the same; mostly nothing.
    `area` is an object's share of its picture. An object whose box had another place in the list
    has its feature in the row `stored_as`, an id, which is what is `known` of it.
    """

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
    phash: bytes = bytes(BYTES)
    phash_trimmed: bytes = bytes(BYTES)
    quality: Mapping[str, float] | None = None
    fault: str = ""
    area: float = 0.0
    stored_as: str = ""


class ImageFile:
    """The file of a picture, read and decoded once, when that is first asked for.

    `least` and `max_pixels` are those of `decode`, `reach` that of `fetch`. Raises ImageError.
    """

    def __init__(
        self, uri: str, max_pixels: int, least: int | None = None, reach: Reach | None = None
    ) -> None:
        self._uri, self._max_pixels, self._least, self._reach = uri, max_pixels, least, reach

    @cached_property
    def data(self) -> bytes:
        """The bytes of the file."""
        return fetch(self._uri, reach=self._reach)

    @cached_property
    def picture(self) -> Picture:
        """The picture in it."""
        return decode(self.data, max_pixels=self._max_pixels, least=self._least)


def prepare(
    item: Item,
    known: Known | None,
    preprocess: Preprocess,
    file: ImageFile,
    *,
    quality: bool = True,
) -> tuple[Prepared, NDArray[np.uint8]] | Unchanged | Kept | Rejected:
    """Read, compare and decode the image of an item; return it with its pixels for the encoder.

    Pixels are uint8 (size, size, 3). A file of the same size and time of change, or of the same
    bytes, is unchanged; where the dataset says something else of it, its feature is kept. With
    `quality`, perceptual hashes and scores of quality are made of a picture too.
    """
    digest = metadata_digest(item)
    same_metadata = known is not None and known.metadata_digest == digest
    moved = known is not None and known.uri != item.uri
    stamp = _stamp(item.uri)
    modified_ns = stamp[1] if stamp else 0
    if known and not moved and stamp == (known.file_size, known.modified_ns):
        if same_metadata:
            return Unchanged(item, known)
        return Kept(_of_bytes(item, known, known.file_size, modified_ns, known.sha256, digest))
    try:
        data = file.data
        sha256 = hashlib.sha256(data).digest()
        prepared = _of_bytes(item, known, len(data), modified_ns, sha256, digest)
        if known and sha256 == known.sha256:
            return Unchanged(item, known) if same_metadata else Kept(prepared)
        picture = file.picture
    except ImageError as error:
        return Rejected(item, str(error), getattr(error, "host", ""))
    prepared = replace(
        prepared,
        width=picture.width,
        height=picture.height,
        orientation=picture.orientation,
        format=picture.format,
        quality={},
        fault=picture.fault,
    )
    if quality:
        looks = look_at(picture.image)
        prepared = replace(
            prepared,
            phash=looks.phash,
            phash_trimmed=looks.phash_trimmed,
            quality=looks.quality,
        )
    return prepared, preprocess(picture.image)


def _of_bytes(
    item: Item,
    known: Known | None,
    file_size: int,
    modified_ns: int,
    sha256: bytes,
    digest: bytes,
) -> Prepared:
    """Return what is known of an item from its file's bytes, before the picture is decoded."""
    return Prepared(item, known, 0, 0, 0, file_size, modified_ns, "", sha256, digest)


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
