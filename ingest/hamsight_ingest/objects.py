"""The annotated boxes of a picture as items of their own, from its file to the encoder's input."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from hamsight_core.images.crops import crop_of, share_of
from hamsight_core.images.preprocess import Preprocess
from hamsight_core.items import Box, ObjectItem
from hamsight_ingest.prepare import (
    ImageFile,
    Kept,
    Known,
    Prepared,
    Unchanged,
    metadata_digest,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Made: TypeAlias = tuple[Prepared, NDArray[np.uint8]] | Unchanged | Kept

Stored: TypeAlias = Mapping[str, Known]
"""What the catalog holds of one picture's objects, by their ids."""


def prepare_objects(
    objects: Sequence[ObjectItem],
    stored: Stored,
    sha256: bytes,
    preprocess: Preprocess,
    file: ImageFile,
) -> Iterator[Made]:
    """Yield the objects of a picture, each with the pixels of its crop where it is to be encoded.

    `sha256` is of the picture's bytes. Of the same picture, a box that the catalog has is not
    encoded again, whatever its label and its place in the list; the file is read where another
    box is. Raises ImageError.
    """
    same = {id: known for id, known in stored.items() if known.sha256 == sha256}
    by_box = {known.box: id for id, known in same.items()}
    for one in objects:
        digest = metadata_digest(one)
        box = _stored_box(one.boxes[0])
        known = same.get(one.id)
        if known is not None and known.box == box:
            if known.metadata_digest == digest:
                yield Unchanged(one, known)
            else:
                yield Kept(_object(one, known, digest, one.id))
        elif box in by_box:
            yield Kept(_object(one, same[by_box[box]], digest, by_box[box]))
        else:
            yield _encoded(one, stored.get(one.id), sha256, digest, preprocess, file)


def _encoded(
    one: ObjectItem,
    known: Known | None,
    sha256: bytes,
    digest: bytes,
    preprocess: Preprocess,
    file: ImageFile,
) -> tuple[Prepared, NDArray[np.uint8]]:
    picture, box = file.picture, one.boxes[0]
    prepared = Prepared(
        one,
        known,
        *_size(box),
        picture.orientation,
        len(file.data),
        0,
        picture.format,
        sha256,
        digest,
        area=share_of(box, picture.width, picture.height),
    )
    crop = picture.image.crop(crop_of(box, picture.width, picture.height))
    return prepared, preprocess(crop)


def _object(one: ObjectItem, known: Known, digest: bytes, stored_as: str) -> Prepared:
    """Return an object whose feature the catalog has, in the row of the id `stored_as`."""
    width, height = _size(one.boxes[0])
    return Prepared(
        one,
        known,
        width,
        height,
        0,
        known.file_size,
        known.modified_ns,
        "",
        known.sha256,
        digest,
        area=known.area,
        stored_as=stored_as,
    )


def _size(box: Box) -> tuple[int, int]:
    """Return a box's width and height in whole pixels, one at least."""
    return max(1, round(box.width)), max(1, round(box.height))


def _stored_box(box: Box) -> tuple[float, ...]:
    """Return left, top, width and height of a box as a column of Float32 gives them back."""
    numbers = (box.x, box.y, box.width, box.height)
    return struct.unpack("<4f", struct.pack("<4f", *numbers))
