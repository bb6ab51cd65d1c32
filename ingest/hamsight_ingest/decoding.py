"""What a thread that decodes does for one picture: the item itself, and its objects."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from hamsight_core.errors import ImageError
from hamsight_core.images.places.addresses import Reach
from hamsight_core.images.preprocess import Preprocess
from hamsight_core.items import Item, ObjectItem
from hamsight_ingest.objects import Stored, prepare_objects
from hamsight_ingest.prepare import (
    ImageFile,
    Kept,
    Known,
    Prepared,
    Rejected,
    Unchanged,
    prepare,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Result: TypeAlias = tuple[Prepared, NDArray[np.uint8]] | Unchanged | Kept | Rejected


@dataclass(frozen=True, slots=True)
class PictureJob:
    """A picture to decode: an item with what the catalog knows of it, None where only its objects
    are encoded; its objects, and what the catalog knows of these."""

    item: Item | None
    known: Known | None = None
    objects: Sequence[ObjectItem] = ()
    stored: Stored = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many pictures may be encoded for it."""
        return 1 + len(self.objects)


@dataclass(slots=True)
class Decoded:
    """What became of a job: of the item, of its objects, and the identities of former objects."""

    item: Result | None = None
    objects: Sequence[Result] = ()
    gone: Sequence[tuple[str, str]] = ()


def decoded(
    job: PictureJob,
    preprocess: Preprocess,
    max_pixels: int,
    *,
    quality: bool = True,
    reach: Reach | None = None,
) -> Decoded:
    """Return what becomes of a picture, which is read and decoded once for it and its objects.

    `quality` is that of `prepare`; `reach` says which hosts may be asked at a private address.
    """
    first = job.item or job.objects[0]
    file = ImageFile(first.uri, max_pixels, None if job.objects else preprocess.least, reach)
    done = Decoded()
    if job.item is not None:
        done.item = prepare(job.item, job.known, preprocess, file, quality=quality)
    if isinstance(done.item, Rejected):
        return done
    if job.objects:
        try:
            sha256 = _sha256_of(done.item, file)
            done.objects = list(prepare_objects(job.objects, job.stored, sha256, preprocess, file))
        except ImageError as error:
            refused = Rejected(first, str(error), getattr(error, "host", ""))
            if job.item is not None:
                return Decoded(refused)
            done.objects = [replace(refused, item=one) for one in job.objects]
    present = {one.id for one in job.objects}
    done.gone = [(first.subset, id) for id in job.stored if id not in present]
    return done


def _sha256_of(result: Result | None, file: ImageFile) -> bytes:
    """Return the digest of a picture's bytes, which are read where nothing tells it."""
    if isinstance(result, Unchanged):
        return result.known.sha256
    if isinstance(result, Kept):
        return result.prepared.sha256
    if isinstance(result, tuple):
        return result[0].sha256
    return hashlib.sha256(file.data).digest()
