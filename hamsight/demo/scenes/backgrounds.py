"""How each background is painted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from hamsight.demo.scenes.content import BACKDROPS, Background

_SCALE = 2
Colour = tuple[int, int, int]


def paint(rng: np.random.Generator, background: Background, width: int, height: int) -> Image.Image:
    """Return an RGB picture of the background."""
    if background.kind in _LANDSCAPES:
        image = _LANDSCAPES[background.kind](rng, width * _SCALE, height * _SCALE)
        return image.reduce(_SCALE)
    colours = [BACKDROPS[name] for name in background.colours]
    if background.kind == "plain":
        return Image.new("RGB", (width, height), colours[0])
    if background.kind == "gradient":
        return _fade(rng, colours, width, height)
    image = Image.new("RGB", (width * _SCALE, height * _SCALE), colours[0])
    _PATTERNS[background.kind](rng, image, _mix(*colours))
    return image.reduce(_SCALE)


def _mix(main: Colour, second: Colour) -> Colour:
    """Return the second colour drawn a fifth of the way to the main one."""
    red, green, blue = (round(0.2 * a + 0.8 * b) for a, b in zip(main, second, strict=True))
    return red, green, blue


def _fade(
    rng: np.random.Generator, colours: Sequence[Colour], width: int, height: int
) -> Image.Image:
    """Blend from the first colour to the second along a random direction."""
    angle = rng.uniform(0, 2 * math.pi)
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    along = x * math.cos(angle) + y * math.sin(angle)
    part = ((along - along.min()) / (along.max() - along.min()))[:, :, None]
    start, end = np.array(colours[0]), np.array(colours[1])
    return Image.fromarray((start + (end - start) * part).astype(np.uint8))


def _stripes(rng: np.random.Generator, image: Image.Image, colour: Colour) -> None:
    draw = ImageDraw.Draw(image)
    width, height = image.size
    step = rng.uniform(0.1, 0.17) * min(width, height)
    lean = (0.0, height * 1.0, -height * 1.0)[int(rng.integers(3))]
    level = rng.random() < 0.35
    start = rng.uniform(-1, 1) * step
    for i in range(-math.ceil(abs(lean) / step) - 1, math.ceil((width + height) / step) + 1, 2):
        a, b = start + i * step, start + (i + 1) * step
        if level:
            draw.rectangle((0, a, width, b), fill=colour)
        else:
            draw.polygon([(a, 0), (b, 0), (b + lean, height), (a + lean, height)], fill=colour)


def _dots(rng: np.random.Generator, image: Image.Image, colour: Colour) -> None:
    draw = ImageDraw.Draw(image)
    width, height = image.size
    step = rng.uniform(0.095, 0.125) * min(width, height)
    radius = step * 0.22
    for row in range(math.ceil(height / step) + 1):
        shift = step / 2 if row % 2 else 0
        for column in range(math.ceil(width / step) + 1):
            x, y = column * step + shift, row * step
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _checks(rng: np.random.Generator, image: Image.Image, colour: Colour) -> None:
    draw = ImageDraw.Draw(image)
    width, height = image.size
    step = rng.uniform(0.12, 0.18) * min(width, height)
    for row in range(math.ceil(height / step)):
        for column in range(row % 2, math.ceil(width / step), 2):
            draw.rectangle(
                (column * step, row * step, (column + 1) * step, (row + 1) * step), fill=colour
            )


def _sky(width: int, height: int, top: Colour, foot: Colour) -> Image.Image:
    part = np.linspace(0, 1, height)[:, None, None]
    rows = (np.array(top) + (np.array(foot) - np.array(top)) * part).astype(np.uint8)
    return Image.fromarray(np.repeat(rows, width, axis=1))


def _hill(rng: np.random.Generator, image: Image.Image, level: float, colour: Colour) -> None:
    """Fill the picture below a gentle curve around `level`, a part of the height."""
    width, height = image.size
    x = np.linspace(0, 1, 40)
    y = level + 0.035 * np.sin(x * rng.uniform(4, 8) + rng.uniform(0, 6))
    line = [(a * width, b * height) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    ImageDraw.Draw(image).polygon([*line, (width, height), (0, height)], fill=colour)


def _meadow(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    image = _sky(width, height, (126, 186, 240), (214, 236, 252))
    level = rng.uniform(0.55, 0.68)
    _hill(rng, image, level, (158, 210, 122))
    _hill(rng, image, level + 0.13, (134, 196, 100))
    return image


def _beach(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    image = _sky(width, height, (150, 205, 245), (225, 243, 252))
    level = rng.uniform(0.42, 0.52)
    ImageDraw.Draw(image).rectangle((0, level * height, width, height), fill=(96, 170, 214))
    _hill(rng, image, level + rng.uniform(0.22, 0.3), (246, 226, 172))
    return image


def _sunset(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    image = _sky(width, height, (248, 150, 92), (255, 218, 150))
    level = rng.uniform(0.6, 0.72)
    _hill(rng, image, level, (176, 112, 156))
    _hill(rng, image, level + 0.14, (140, 86, 138))
    return image


def _night(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    image = _sky(width, height, (20, 26, 66), (62, 76, 134))
    level = rng.uniform(0.6, 0.74)
    _hill(rng, image, level, (34, 40, 78))
    _hill(rng, image, level + 0.13, (22, 26, 54))
    return image


_PATTERNS: dict[str, Callable[[np.random.Generator, Image.Image, Colour], None]] = {
    "stripes": _stripes,
    "dots": _dots,
    "checks": _checks,
}
_LANDSCAPES: dict[str, Callable[[np.random.Generator, int, int], Image.Image]] = {
    "meadow": _meadow,
    "beach": _beach,
    "sunset": _sunset,
    "night": _night,
}
