"""A scene in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hamsight.demo.scenes.content import Background, Group, pick

SEVERAL = 0
"""A count that says "more than one" and no number: a bare plural."""

COUNT_WORDS = {
    1: ("a", "a", "one", "a single", "1"),
    2: ("two", "two", "a pair of", "2"),
    3: ("three", "three", "3"),
    4: ("four", "four", "4"),
    5: ("five", "five", "5"),
    SEVERAL: ("", "", "some", "several"),
}
SIZE_WORDS = {
    "small": ("small", "small", "little", "tiny"),
    "medium": ("medium", "medium-sized"),
    "large": ("large", "large", "big", "huge"),
}
COLOUR_WORDS = {
    "purple": ("purple", "purple", "violet"),
    "grey": ("grey", "gray"),
    "turquoise": ("turquoise", "turquoise", "teal"),
}
SHAPE_WORDS = {
    "circle": ("circle", "circle", "disc"),
    "cross": ("cross", "cross", "plus sign"),
    "ring": ("ring", "ring", "hoop"),
    "moon": ("moon", "moon", "crescent"),
}
PLACE_WORDS = {
    "left": ("on the left", "at the left", "on the left side", "to the left"),
    "right": ("on the right", "at the right", "on the right side", "to the right"),
    "top": ("at the top", "at the top", "along the top", "in the upper part"),
    "bottom": ("at the bottom", "at the bottom", "along the bottom", "in the lower part"),
    "centre": ("in the centre", "in the middle", "in the center"),
    "top left": ("at the top left", "in the top left corner", "in the upper left"),
    "top right": ("at the top right", "in the top right corner", "in the upper right"),
    "bottom left": ("at the bottom left", "in the bottom left corner", "in the lower left"),
    "bottom right": ("at the bottom right", "in the bottom right corner", "in the lower right"),
}
BACKGROUND_WORDS = {
    "plain": (
        "on a {a} background",
        "on a plain {a} background",
        "against plain {a}",
        "over solid {a}",
    ),
    "gradient": (
        "over a gradient from {a} to {b}",
        "on a background that fades from {a} to {b}",
        "on a {a} and {b} gradient",
    ),
    "stripes": (
        "over a striped {a} background",
        "over {a} and {b} stripes",
        "on a {a} and {b} striped background",
        "on a {a} background with {b} stripes",
    ),
    "dots": (
        "over a dotted {a} background",
        "on a {a} background with {b} dots",
        "over {b} polka dots on {a}",
    ),
    "checks": (
        "over a checked {a} background",
        "on a {a} and {b} checkerboard",
        "over {a} and {b} checks",
    ),
    "meadow": (
        "over a green meadow under a blue sky",
        "above a meadow",
        "in front of grass and sky",
        "over green hills",
    ),
    "beach": ("at the beach", "over the sea and a beach", "above a sandy beach", "at the sea"),
    "sunset": ("at sunset", "in front of a sunset", "under an orange sunset sky"),
    "night": ("at night", "under a dark night sky", "over dark hills at night"),
}
_OPENINGS = ("", "", "", "a picture of ", "a drawing of ", "an image with ")
_LINKS = (" and ", ", and ", " with ", " plus ")


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a group; None is not said. A count of SEVERAL is a bare plural."""

    count: int | None = None
    size: str | None = None
    colour: str | None = None
    shape: str | None = None
    place: str | None = None


def group_words(rng: np.random.Generator, said: Said) -> str:
    """Return words such as `three small red circles at the top left`."""
    shape = pick(rng, SHAPE_WORDS.get(said.shape, (said.shape,))) if said.shape else "shape"
    many = said.count not in (None, 1)
    words = [_plural(shape) if many else shape]
    if said.colour:
        words.insert(0, pick(rng, COLOUR_WORDS.get(said.colour, (said.colour,))))
    if said.size:
        words.insert(0, pick(rng, SIZE_WORDS[said.size]))
    if said.count is not None:
        number = pick(rng, COUNT_WORDS[said.count])
        words.insert(0, "an" if number == "a" and words[0][0] in "aeiou" else number)
    text = " ".join(word for word in words if word)
    return f"{text} {pick(rng, PLACE_WORDS[said.place])}" if said.place else text


def background_words(rng: np.random.Generator, background: Background) -> str:
    """Return words such as `over a striped yellow background`."""
    names = [pick(rng, COLOUR_WORDS.get(name, (name,))) for name in background.colours]
    text = pick(rng, BACKGROUND_WORDS[background.kind]).format(a=names[0], b=names[-1])
    return text.replace("a orange", "an orange")


def sentence(rng: np.random.Generator, said: Sequence[Said], background: Background | None) -> str:
    """Return one sentence on the groups, in their order, and on the background if any."""
    parts = [group_words(rng, each) for each in said]
    text = parts[0]
    if len(parts) > 1:
        text = ", ".join(parts[:-1]) + pick(rng, _LINKS) + parts[-1]
    if background is None:
        return pick(rng, _OPENINGS) + text
    behind = background_words(rng, background)
    if rng.random() < 0.2:
        return f"{behind}, {text}"
    return pick(rng, _OPENINGS) + text + pick(rng, (" ", ", ")) + behind


def describe(
    rng: np.random.Generator, groups: Sequence[Group], background: Background
) -> tuple[str, ...]:
    """Return three captions: one that leaves nothing out, one looser, one of counts alone."""
    full = [_said(group, rng.random() < 0.3 or group.size != "medium", True) for group in groups]
    loose = [_said(group, rng.random() < 0.5, rng.random() < 0.6) for group in groups]
    brief = [_said(group, False, False) for group in groups]
    return (
        sentence(rng, full, background),
        sentence(rng, [loose[i] for i in rng.permutation(len(loose))], background),
        sentence(rng, brief, None),
    )


def _said(group: Group, with_size: bool, with_place: bool) -> Said:
    return Said(
        group.count,
        group.size if with_size else None,
        group.colour,
        group.shape,
        group.place if with_place else None,
    )


def _plural(noun: str) -> str:
    return noun + ("es" if noun.endswith("s") else "s")
