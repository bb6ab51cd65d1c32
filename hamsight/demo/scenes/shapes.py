"""The outlines of the shapes, and how one is drawn: shaded, with a soft shadow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

_SCALE = 4
Point = tuple[float, float]


def _arc(centre: Point, radius: float, start: float, end: float, steps: int = 48) -> list[Point]:
    angles = np.linspace(start, end, steps)
    x, y = centre
    return [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]


def _spikes(points: int, inner: float) -> list[Point]:
    turn = math.pi / points
    return [
        (radius * math.cos(i * turn - math.pi / 2), radius * math.sin(i * turn - math.pi / 2))
        for i in range(2 * points)
        for radius in (inner if i % 2 else 1.0,)
    ]


def _heart() -> list[Point]:
    angles = np.linspace(0, 2 * math.pi, 64, endpoint=False)
    return [
        (
            math.sin(a) ** 3,
            (-13 * math.cos(a) + 5 * math.cos(2 * a) + 2 * math.cos(3 * a) + math.cos(4 * a)) / 16,
        )
        for a in angles
    ]


def _flower() -> list[Point]:
    angles = np.linspace(0, 2 * math.pi, 90, endpoint=False)
    return [
        (r * math.sin(a), -r * math.cos(a))
        for a in angles
        for r in (0.5 + 0.48 * math.sqrt(abs(math.cos(2.5 * a))),)
    ]


def _moon() -> list[Point]:
    meet = math.acos(0.35)
    outer = _arc((-0.05, 0), 0.98, meet, 2 * math.pi - meet)
    tip = outer[-1]
    centre = (0.5, 0.0)
    radius = math.dist(centre, tip)
    angle = math.atan2(-tip[1], centre[0] - tip[0])
    return outer + _arc(centre, radius, math.pi + angle, math.pi - angle)


_OUTLINES: dict[str, list[Point]] = {
    "circle": _arc((0, 0), 0.95, 0, 2 * math.pi, 72),
    "square": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    "triangle": [(0, -0.95), (0.98, 0.8), (-0.98, 0.8)],
    "star": _spikes(5, 0.45),
    "heart": _heart(),
    "cross": [
        *[(-0.32, -0.95), (0.32, -0.95), (0.32, -0.32), (0.95, -0.32), (0.95, 0.32), (0.32, 0.32)],
        *[(0.32, 0.95), (-0.32, 0.95), (-0.32, 0.32), (-0.95, 0.32), (-0.95, -0.32)],
        (-0.32, -0.32),
    ],
    "ring": _arc((0, 0), 0.95, 0, 2 * math.pi, 72),
    "diamond": [(0, -1), (0.66, 0), (0, 1), (-0.66, 0)],
    "moon": _moon(),
    "arrow": [
        *[(-1, -0.28), (0.05, -0.28), (0.05, -0.8), (1, 0)],
        *[(0.05, 0.8), (0.05, 0.28), (-1, 0.28)],
    ],
    "flower": _flower(),
}
_HOLES: dict[str, list[Point]] = {
    "ring": _arc((0, 0), 0.55, 0, 2 * math.pi, 60),
    "flower": _arc((0, 0), 0.24, 0, 2 * math.pi, 32),
}


@lru_cache(maxsize=4096)
def mask(shape: str, diameter: int, degrees: int) -> Image.Image:
    """Return the shape's coverage, 0 to 255, in a square of `diameter` pixels."""
    side = diameter * _SCALE
    large = Image.new("L", (side, side))
    draw = ImageDraw.Draw(large)
    draw.polygon(_turned(_OUTLINES[shape], side, degrees), fill=255)
    if shape in _HOLES:
        draw.polygon(_turned(_HOLES[shape], side, degrees), fill=0)
    return large.reduce(_SCALE)


def draw_shape(
    image: Image.Image, coverage: Image.Image, colour: Sequence[int], left: int, top: int
) -> tuple[int, int, int, int]:
    """Draw a shape onto the image; return its bounds (left, top, right, bottom) in pixels."""
    side = coverage.width
    drop = max(1, side // 22)
    spread = 2 * drop
    shadow = Image.new("L", (side + 2 * spread, side + 2 * spread))
    shadow.paste(coverage, (spread, spread))
    shadow = shadow.filter(ImageFilter.BoxBlur(drop)).point(_SHADOW)
    image.paste((20, 20, 40), (left - spread + drop, top - spread + drop), shadow)
    image.paste(_shaded(tuple(colour), side), (left, top), coverage)
    bounds = coverage.point(_SOLID).getbbox()
    if bounds is None:
        raise ValueError(f"a shape of {side} pixels covers none of them")
    return left + bounds[0], top + bounds[1], left + bounds[2], top + bounds[3]


_SHADOW = [round(0.32 * value) for value in range(256)]
_SOLID = [255 if value >= 64 else 0 for value in range(256)]


@lru_cache(maxsize=2048)
def _shaded(colour: tuple[int, ...], side: int) -> Image.Image:
    """Return a square of the colour, a little lighter at its top than at its foot."""
    light = np.linspace(16, -22, side)[:, None, None]
    pixels = np.clip(np.array(colour) + light, 0, 255).astype(np.uint8)
    return Image.fromarray(np.repeat(pixels, side, axis=1))


def _turned(points: Sequence[Point], side: int, degrees: int) -> list[Point]:
    angle = math.radians(degrees)
    sine, cosine, half = math.sin(angle), math.cos(angle), side / 2
    reach = half * 0.97
    return [
        (half + reach * (x * cosine - y * sine), half + reach * (x * sine + y * cosine))
        for x, y in points
    ]
