"""A part of a picture that is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hamsight_core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture: its left and top, width and height, in pixels of the upright picture.

    Numbers that are all at most 1 are shares of the picture's width and height.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        """Raise UsageError for a region that no picture has."""
        numbers = (self.x, self.y, self.width, self.height)
        if not all(map(math.isfinite, numbers)) or self.x < 0 or self.y < 0:
            raise UsageError(f"--box {self}: expected four numbers, X and Y of 0 or more")
        if self.width <= 0 or self.height <= 0:
            raise UsageError(f"--box {self}: expected a width and a height of more than 0")
        if max(numbers) > 1 > min(self.width, self.height):
            raise UsageError(
                f"--box {self}: a width and height of less than a pixel; shares of the picture are"
                " numbers of which none is above 1"
            )

    def __str__(self) -> str:
        return ",".join(f"{number:g}" for number in (self.x, self.y, self.width, self.height))

    @classmethod
    def of(cls, given: str | Sequence[float]) -> Region:
        """Return the region that `X,Y,WIDTH,HEIGHT`, or four numbers, mean. Raises UsageError."""
        parts = given.split(",") if isinstance(given, str) else list(given)
        try:
            numbers = [float(part) for part in parts]
        except (TypeError, ValueError, OverflowError):
            numbers = []
        if len(numbers) != 4:
            raise UsageError(f"--box {given}: expected four numbers, X,Y,WIDTH,HEIGHT")
        return cls(*numbers)

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom in a picture of that size, a pixel wide at least.

        Raises UsageError where the region lies outside of it.
        """
        numbers = (self.x, self.y, self.width, self.height)
        across, down = (width, height) if max(numbers) <= 1 else (1, 1)
        left, top = self.x * across, self.y * down
        if left >= width or top >= height:
            raise UsageError(f"--box {self} lies outside of the picture of {width} x {height}")
        right = min(width, math.ceil(left + self.width * across - 1e-6))
        bottom = min(height, math.ceil(top + self.height * down - 1e-6))
        return int(left), int(top), max(right, int(left) + 1), max(bottom, int(top) + 1)
