"""One scene: its picture, what it holds, its captions and boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from hamsight.demo.scenes.backgrounds import paint
from hamsight.demo.scenes.captions import describe
from hamsight.demo.scenes.content import COLOURS, Background, Group, choose_background
from hamsight.demo.scenes.layout import lay_out
from hamsight.demo.scenes.shapes import draw_shape, mask
from hamsight_core.items import Box

MIN_SIDE, MAX_SIDE = 192, 320


@dataclass(frozen=True, slots=True)
class Scene:
    """A drawn picture (RGB, sides of 192 to 320 pixels) and what it holds.

    A box's label is the shape's name; captions say the rest.
    """

    image: Image.Image
    captions: tuple[str, ...]
    boxes: tuple[Box, ...]
    groups: tuple[Group, ...]
    background: Background


def draw_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene. The same state of `rng` gives the same scene."""
    width, height = (int(side) for side in rng.integers(MIN_SIDE, MAX_SIDE + 1, 2))
    background = choose_background(rng)
    image = paint(rng, background, width, height)
    clusters = lay_out(rng, width, height, background)
    boxes = []
    for cluster in clusters:
        shape, colour = cluster.group.shape, COLOURS[cluster.group.colour]
        for x, y in cluster.centres:
            coverage = mask(shape, cluster.diameter, int(rng.integers(-9, 10)))
            corner = round(x - cluster.diameter / 2), round(y - cluster.diameter / 2)
            left, top, right, bottom = draw_shape(image, coverage, colour, *corner)
            boxes.append(Box(shape, left, top, right - left, bottom - top))
    groups = tuple(cluster.group for cluster in clusters)
    return Scene(image, describe(rng, groups, background), tuple(boxes), groups, background)
