"""Which part of a picture an object is: what surrounds its box."""

from __future__ import annotations

import math

from hamsight_core.items import Box

MARGIN = 0.1
"""What is added to each side, as a share of the longer side of the box."""


def crop_of(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom, in pixels, of the square around a box and its margin.

    The picture is `width` x `height` pixels, upright; what lies beyond its edges is left out, but a
    pixel remains. Encoders see a square: of a long crop they would see the middle alone.
    """
    half = max(box.width, box.height) * (0.5 + MARGIN)
    across, down = box.x + box.width / 2, box.y + box.height / 2
    left, right = _within(across - half, across + half, width)
    top, bottom = _within(down - half, down + half, height)
    return left, top, right, bottom


def _within(start: float, end: float, side: int) -> tuple[int, int]:
    first = min(max(math.floor(start), 0), side - 1)
    return first, max(min(math.ceil(end), side), first + 1)


def share_of(box: Box, width: int, height: int) -> float:
    """Return the share of a picture's area that a box covers, 0 to 1."""
    across = max(0.0, min(box.x + box.width, width) - max(box.x, 0))
    down = max(0.0, min(box.y + box.height, height) - max(box.y, 0))
    return across * down / (width * height)
