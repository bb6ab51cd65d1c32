"""Captions and short phrases of scenes, and which scenes each of them is true of.

A scene and a phrase both become vectors of 0 and 1: a scene's say which value each attribute
has, a phrase's which values it allows. A phrase is true of a scene when, for every group that
it names, some group of the scene has an allowed value of each attribute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hamsight.demo.scenes.captions import SEVERAL, Said, background_words, group_words, sentence
from hamsight.demo.scenes.content import (
    BACKDROPS,
    COLOURS,
    LANDSCAPES,
    MAX_COUNT,
    PATTERNS,
    PLACES,
    SHAPES,
    SIZES,
    Background,
    Group,
    pick,
)

MAX_GROUPS = 4
BACKDROP_COLOURS = tuple(BACKDROPS)
KINDS = (*PATTERNS, *LANDSCAPES)
GROUP_VALUES = {
    "count": tuple(range(1, MAX_COUNT + 1)),
    "size": tuple(SIZES),
    "colour": tuple(COLOURS),
    "shape": SHAPES,
    "place": tuple(PLACES),
}
GROUP_WIDTH = sum(len(values) for values in GROUP_VALUES.values())
BACKGROUND_VALUES = (KINDS, (*COLOURS,), (None, *COLOURS))
BACKGROUND_WIDTH = sum(len(values) for values in BACKGROUND_VALUES)
SHORT_BACKGROUNDS = {
    "gradient": ("a gradient", "gradient background", "{a} to {b} gradient", "colours that fade"),
    "stripes": ("stripes", "a striped background", "{a} stripes", "{a} and {b} stripes", "striped"),
    "dots": ("dots", "a dotted background", "polka dots", "{b} dots on {a}", "dotted"),
    "checks": (
        "checks",
        "a checkerboard",
        "checked background",
        "{a} and {b} checks",
        "chessboard",
    ),
    "meadow": ("meadow", "a green meadow", "grass", "grass and sky", "green hills", "landscape"),
    "beach": ("beach", "a sandy beach", "the sea", "sand and water", "sea"),
    "sunset": ("sunset", "an orange sunset", "evening sky", "at sunset"),
    "night": ("night", "a night sky", "dark hills", "at night", "dark"),
}
OPENINGS = ("a photo of", "photo of", "show me", "find", "image of", "picture with", "a scene with")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A text and what it allows: groups (MAX_GROUPS, GROUP_WIDTH), background (one row)."""

    text: str
    groups: np.ndarray
    named: int
    background: np.ndarray


def scene_vectors(groups: Sequence[Group], background: Background) -> tuple[np.ndarray, np.ndarray]:
    """Return (MAX_GROUPS, GROUP_WIDTH) and (BACKGROUND_WIDTH,), float32; absent groups are 0."""
    rows = np.zeros((MAX_GROUPS, GROUP_WIDTH), np.float32)
    for row, group in zip(rows, groups, strict=False):
        row[:] = np.concatenate(
            [
                [value == getattr(group, name) for value in values]
                for name, values in GROUP_VALUES.items()
            ]
        )
    second = background.colours[1] if len(background.colours) > 1 else None
    return rows, allow({background.kind}, {background.colours[0]}, {second})


def truth(
    named: np.ndarray, allowed: np.ndarray, behind: np.ndarray, groups: np.ndarray, back: np.ndarray
) -> np.ndarray:
    """Return (phrases, scenes) bool: the phrase is true of the scene.

    `named` (P,), `allowed` (P, 4, width) and `behind` (P, width) are of phrases, `groups`
    (S, 4, width) and `back` (S, width) of scenes.
    """
    phrases, scenes = len(allowed), len(groups)
    met = allowed.reshape(-1, GROUP_WIDTH) @ groups.reshape(-1, GROUP_WIDTH).T
    found = (met == len(GROUP_VALUES)).reshape(phrases, MAX_GROUPS, scenes, MAX_GROUPS).any(axis=3)
    wanted = np.arange(MAX_GROUPS) < named[:, None]
    behind_met = behind @ back.T == len(BACKGROUND_VALUES)
    return (found | ~wanted[:, :, None]).all(axis=1) & behind_met


def caption(rng: np.random.Generator, groups: Sequence[Group], background: Background) -> Phrase:
    """Return a caption that names every group, with as much detail as chance has it."""
    detail = (1.0, 1.0) if rng.random() < 0.45 else (rng.random(), rng.random())
    said = [
        Said(
            group.count,
            group.size
            if rng.random() < detail[0] * (0.4 if group.size == "medium" else 1)
            else None,
            group.colour,
            group.shape,
            group.place if rng.random() < detail[1] else None,
        )
        for group in (groups[i] for i in rng.permutation(len(groups)))
    ]
    behind = background if rng.random() < 0.3 + 0.7 * detail[1] else None
    allowed = exactly(background) if behind else anything()
    return phrase(_opened(rng, sentence(rng, said, behind)), said, allowed)


def short_phrase(
    rng: np.random.Generator, groups: Sequence[Group], background: Background
) -> Phrase:
    """Return a few words that are true of the scene, such as `blue squares on the left`."""
    kind = rng.random()
    if kind < 0.17 and background.kind != "plain":
        return _background_phrase(rng, background)
    if kind < 0.22:
        text, allowed = _loose_background(rng, background)
        return phrase(text.split(" ", 1)[1], [], allowed)
    several = 2 if kind > 0.8 and len(groups) > 1 else 1
    chosen = [groups[i] for i in rng.permutation(len(groups))[:several]]
    said = [_partly(rng, group) for group in chosen]
    text = " and ".join(group_words(rng, each) for each in said)
    allowed = anything()
    if rng.random() < 0.22:
        behind, allowed = _loose_background(rng, background)
        text = f"{text} {behind}"
    return phrase(_opened(rng, text), said, allowed)


def _partly(rng: np.random.Generator, group: Group) -> Said:
    counts = [group.count, None] if group.count == 1 else [group.count, None, SEVERAL, SEVERAL]
    shape = group.shape if rng.random() < 0.93 else None
    return Said(
        counts[int(rng.integers(len(counts)))],
        group.size if rng.random() < 0.2 else None,
        group.colour if shape is None or rng.random() < 0.65 else None,
        shape,
        _place(rng, group.place) if rng.random() < 0.25 else None,
    )


def _place(rng: np.random.Generator, place: str) -> str:
    """Return the place, or for a corner now and then one of its two sides."""
    return pick(rng, tuple(place.split())) if " " in place and rng.random() < 0.35 else place


def _background_phrase(rng: np.random.Generator, background: Background) -> Phrase:
    pattern = pick(rng, SHORT_BACKGROUNDS[background.kind])
    main, second = background.colours
    allowed = allow(
        {background.kind},
        {main} if "{a}" in pattern else set(COLOURS),
        {second} if "{b}" in pattern else {None, *COLOURS},
    )
    return phrase(_opened(rng, pattern.format(a=main, b=second)), [], allowed)


def _loose_background(rng: np.random.Generator, background: Background) -> tuple[str, np.ndarray]:
    """Return words for the background's main colour, whatever its pattern; or its landscape."""
    if background.kind in LANDSCAPES:
        return background_words(rng, background), exactly(background)
    main = background.colours[0]
    kinds = {"plain", "stripes", "dots", "checks"} | {background.kind}
    article = "an" if main == "orange" else "a"
    text = pick(rng, ("on {an} {a} background", "over {an} {a} background", "on {a}"))
    return text.format(an=article, a=main), allow(kinds, {main}, {None, *COLOURS})


def _opened(rng: np.random.Generator, text: str) -> str:
    return f"{pick(rng, OPENINGS)} {text}" if rng.random() < 0.1 else text


def phrase(text: str, said: Sequence[Said], background: np.ndarray) -> Phrase:
    """Return the text with what it allows; `background` comes from `allow` and the like."""
    rows = np.zeros((MAX_GROUPS, GROUP_WIDTH), np.float32)
    for row, each in zip(rows, said, strict=False):
        row[:] = np.concatenate(
            [
                [_allows(name, getattr(each, name), value) for value in values]
                for name, values in GROUP_VALUES.items()
            ]
        )
    return Phrase(text, rows, len(said), background)


def _allows(name: str, said: object, value: object) -> bool:
    if said is None or said == value:
        return True
    if name == "count" and said == SEVERAL:
        return value != 1
    return name == "place" and str(said) in str(value).split()


def allow(kinds: set[str], main: set[str], second: set[str | None]) -> np.ndarray:
    """Return what allows a background of these kinds, main colours and second colours."""
    allowed = zip((kinds, main, second), BACKGROUND_VALUES, strict=True)
    return np.array([v in chosen for chosen, values in allowed for v in values], np.float32)


def anything() -> np.ndarray:
    """Return what allows every background."""
    return np.ones(BACKGROUND_WIDTH, np.float32)


def exactly(background: Background) -> np.ndarray:
    """Return what allows this background alone."""
    second = background.colours[1] if len(background.colours) > 1 else None
    return allow({background.kind}, {background.colours[0]}, {second})
