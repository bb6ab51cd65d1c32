"""A hash of how a picture looks, by which copies are found without any model."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

BITS = 256
BYTES = BITS // 8
MIRRORED = bytes([0b01010101]) * BYTES
"""The bits that the mirror image's hash has inverted: those of odd horizontal frequencies."""
_SIDE, _LOW = 64, 16
_FLAT = 1.5
"""The least spread, in levels of grey, of a picture whose frequencies are more than noise."""
_EVEN = 12
"""Levels of grey that a row of one colour may span: what JPEG makes of such a row."""
_LEAST = 3
"""A picture is trimmed to no less than this part of each side."""


def perceptual_hashes(grey: Image) -> tuple[bytes, bytes]:
    """Return the hashes of a grey picture and of the picture without its margins, 32 bytes each.

    The hash is pHash (Zauner 2010, "Implementation and benchmarking of perceptual image hash
    functions"): of the cosine transform of 64 x 64 pixels, whether each of the 16 x 16 lowest
    frequencies is above 0, row by row, most significant bit first. Bits of odd columns, the
    odd horizontal frequencies, are inverted in the hash of the mirror image. Margins are rows and
    columns of one colour at the four sides. A picture of one colour, or nearly, has a hash of
    zeros, which tells nothing.
    """
    import numpy as np

    whole = perceptual_hash(grey)
    box = content_box(np.asarray(grey))
    return whole, whole if box is None else perceptual_hash(grey.crop(box))


def perceptual_hash(grey: Image) -> bytes:
    """Return the 32 bytes of one grey picture's hash."""
    import numpy as np
    from PIL import Image as Pillow

    small = grey.resize((_SIDE, _SIDE), Pillow.Resampling.BOX)
    waves = _waves()
    levels = np.asarray(small, np.float32)
    if levels.std() < _FLAT:
        return bytes(BYTES)
    low = waves @ levels @ waves.T
    low[0, 0] = 0
    return np.packbits(low > 0).tobytes()


def content_box(grey: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """Return left, top, right, bottom of what margins of one colour surround; None without such.

    `grey` is (height, width). A picture that is nearly all margin has none.
    """
    top, bottom = _within(grey)
    left, right = _within(grey[top:bottom].T)
    height, width = grey.shape
    if (top, bottom, left, right) == (0, height, 0, width):
        return None
    if (bottom - top) * _LEAST < height or (right - left) * _LEAST < width:
        return None
    return left, top, right, bottom


def _within(grey: NDArray[np.uint8]) -> tuple[int, int]:
    """Return the first row that is not of the first row's colour, and the end of the last."""
    import numpy as np

    def margin(rows: NDArray[np.uint8]) -> int:
        first = rows[0]
        if int(first.max()) - int(first.min()) > _EVEN:
            return 0
        middle = float(np.median(first))
        off = (np.abs(rows - np.float32(middle)) > _EVEN).any(axis=1)
        return int(off.argmax()) if off.any() else 0

    start, end = margin(grey), len(grey) - margin(grey[::-1])
    # Margins of a picture that is nearly of one colour meet.
    return (start, end) if start < end else (0, len(grey))


@lru_cache(maxsize=1)
def _waves() -> NDArray[np.float32]:
    """Return the lowest rows (16, 64) of the orthonormal cosine transform DCT-II."""
    import numpy as np

    place = np.arange(_SIDE) + 0.5
    waves = np.cos(np.pi / _SIDE * np.outer(np.arange(_LOW), place)) * np.sqrt(2 / _SIDE)
    waves[0] /= np.sqrt(2)
    lowest: NDArray[np.float32] = waves.astype(np.float32)
    return lowest
