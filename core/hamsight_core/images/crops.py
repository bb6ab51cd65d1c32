"""Which part of a picture is an object: its box with a margin."""

from __future__ import annotations

import math

from hamsight_core.items import Box

MARGIN = 0.1
"""What is added to each side of a box, as a share of the longer of its sides."""


def crop_of(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom, in pixels, of a box with its margin.

    The picture is `width` x `height` pixels, upright; of a box beyond its edges the part within is
    taken, a pixel wide and high at least.
    """
    margin = MARGIN * max(box.width, box.height)
    left, right = _within(box.x - margin, box.x + box.width + margin, width)
    top, bottom = _within(box.y - margin, box.y + box.height + margin, height)
    return left, top, right, bottom


def _within(start: float, end: float, side: int) -> tuple[int, int]:
    first = min(max(math.floor(start), 0), side - 1)
    return first, max(min(math.ceil(end), side), first + 1)


def share_of(box: Box, width: int, height: int) -> float:
    """Return the share of a picture's area that a box covers, 0 to 1."""
    across = max(0.0, min(box.x + box.width, width) - max(box.x, 0))
    down = max(0.0, min(box.y + box.height, height) - max(box.y, 0))
    return across * down / (width * height)
