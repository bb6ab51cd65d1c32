"""The size of an image from its file's header, for boxes given as fractions of it."""

from __future__ import annotations

import warnings

_TYPES = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "JPEG2000", "QOI", "MPO")
_ON_ITS_SIDE = range(5, 9)  # the EXIF orientations that swap width and height


def upright_size(path: str) -> tuple[int, int] | None:
    """Return width and height in pixels of the image as it is seen, its EXIF orientation applied.

    No pixel is decoded. None where the file is missing or its header cannot be read.
    """
    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    try:
        with Image.open(path, formats=_TYPES) as image:
            width, height = image.size
            # Pillow turns the size of a TIFF itself; without this test it would decode a PNG.
            turned = image.format != "TIFF" and "exif" in image.info
            orientation = image.getexif().get(274, 1) if turned else 1
    except Exception:
        # Pillow meets damaged headers with every kind of exception; the image itself is
        # rejected with its reason when it is decoded.
        return None
    return (height, width) if orientation in _ON_ITS_SIDE else (width, height)
