"""The size of an image from its file's header, for boxes given as fractions of it."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from hamsight_core.errors import ImageError
from hamsight_core.images.decode import exif_orientation
from hamsight_core.images.image_types import open_image
from hamsight_ingest.readers.mirror import mirror_of

_TURNED = frozenset({"TIFF", "HEIF"})
"""The types whose size Pillow gives as they are seen."""

_ON_ITS_SIDE = range(5, 9)  # the EXIF orientations that swap width and height


def upright_size(path: str) -> tuple[int, int] | None:
    """Return width and height in pixels of the image as it is seen, its EXIF orientation applied.

    No pixel is decoded. None where the file is missing or its header cannot be read.
    """
    mirror = mirror_of(path)
    if mirror is not None:
        return mirror.size(path, _size)
    try:
        with Path(path).open("rb") as file:
            return _size(file)
    except (OSError, ValueError):
        return None


def _size(file: BinaryIO) -> tuple[int, int] | None:
    try:
        name, image = open_image(file)
        width, height = image.size
        # Without this test Pillow would decode a PNG to look for its EXIF.
        turned = name not in _TURNED and "exif" in image.info
        orientation = exif_orientation(image) if turned else 1
    except (OSError, ValueError, ImageError):
        # The image itself is rejected with its reason when it is decoded.
        return None
    return (height, width) if orientation in _ON_ITS_SIDE else (width, height)
