"""What a scene holds: groups of equal shapes at places, over a background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHAPES = (
    "circle",
    "square",
    "triangle",
    "star",
    "heart",
    "cross",
    "ring",
    "diamond",
    "moon",
    "arrow",
    "flower",
)
COLOURS = {
    "red": (214, 40, 46),
    "orange": (245, 130, 24),
    "yellow": (250, 208, 28),
    "green": (44, 150, 66),
    "blue": (36, 88, 208),
    "purple": (124, 52, 168),
    "pink": (244, 112, 172),
    "brown": (126, 76, 40),
    "black": (34, 34, 40),
    "white": (252, 252, 252),
    "grey": (130, 134, 142),
    "turquoise": (20, 180, 180),
}
SIZES = {"small": 0.13, "medium": 0.21, "large": 0.36}
"""A shape's diameter as a part of the picture's shorter side."""

PLACES = {
    "left": (0, 1),
    "right": (2, 1),
    "top": (1, 0),
    "bottom": (1, 2),
    "centre": (1, 1),
    "top left": (0, 0),
    "top right": (2, 0),
    "bottom left": (0, 2),
    "bottom right": (2, 2),
}
"""The column and the row of a place in a grid of three by three."""

PATTERNS = ("plain", "gradient", "stripes", "dots", "checks")
LANDSCAPES = {
    "meadow": ("blue", "green"),
    "beach": ("blue", "yellow"),
    "sunset": ("orange", "purple"),
    "night": ("blue", "black"),
}
"""Backgrounds that are always of the same two colours."""

BACKDROPS = {
    "white": (250, 250, 248),
    "yellow": (255, 240, 160),
    "green": (178, 224, 168),
    "blue": (172, 208, 246),
    "pink": (250, 200, 218),
    "purple": (208, 190, 240),
    "orange": (255, 206, 154),
    "grey": (200, 204, 210),
    "black": (52, 52, 62),
}
"""The shade in which a background shows a colour."""

MAX_COUNT = 5


@dataclass(frozen=True, slots=True)
class Group:
    """`count` shapes of one kind (1 to 5). No two groups of a scene share a shape."""

    count: int
    size: str
    colour: str
    shape: str
    place: str


@dataclass(frozen=True, slots=True)
class Background:
    """A pattern or a landscape; `colours` is one name for `plain`, else two, main one first."""

    kind: str
    colours: tuple[str, ...]


def pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    """Return one of the options, each as likely as the others."""
    return options[int(rng.integers(len(options)))]


def choose_background(rng: np.random.Generator) -> Background:
    """Return a background: three in ten are landscapes."""
    if rng.random() < 0.3:
        kind = pick(rng, tuple(LANDSCAPES))
        return Background(kind, LANDSCAPES[kind])
    kind = pick(rng, PATTERNS)
    names = tuple(BACKDROPS)
    main = pick(rng, names)
    if kind == "plain":
        return Background(kind, (main,))
    return Background(kind, (main, pick(rng, tuple(name for name in names if name != main))))


def choose_group(
    rng: np.random.Generator, background: Background, taken_shapes: set[str], taken_places: set[str]
) -> Group:
    """Return a group of a new shape at a new place, in a colour that the background lacks."""
    colours = tuple(name for name in COLOURS if name not in background.colours)
    size = str(rng.choice(tuple(SIZES), p=(0.38, 0.34, 0.28)))
    most = {"small": MAX_COUNT, "medium": MAX_COUNT, "large": 3}[size]
    return Group(
        count=int(rng.integers(1, most + 1)),
        size=size,
        colour=pick(rng, colours),
        shape=pick(rng, tuple(name for name in SHAPES if name not in taken_shapes)),
        place=pick(rng, tuple(name for name in PLACES if name not in taken_places)),
    )
