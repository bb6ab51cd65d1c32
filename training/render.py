"""Draws the training scenes once, at the image encoder's size, on all cores."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from hamsight.demo.scenes import Background, Group, Scene, draw_scene
from hamsight.demo.scenes.content import COLOURS, SHAPES

SIZE = 96
CELLS = 12
EMPTY = 255
CHUNK = 1000


@dataclass(frozen=True)
class Scenes:
    """Pictures u8 (n, SIZE, SIZE, 3) with what they hold.

    `cells` u8 (n, 3, CELLS, CELLS) says of each cell of a picture which shape and which colour
    lies there (their numbers, or EMPTY) and whether (1 or 0) a shape has its middle there.
    """

    images: np.ndarray
    cells: np.ndarray
    groups: list[tuple[Group, ...]]
    backgrounds: list[Background]
    captions: list[tuple[str, ...]]


def shrink(image: Image.Image, size: int = SIZE) -> np.ndarray:
    """Return u8 (size, size, 3): the whole picture, squashed."""
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def render(count: int, seed: int, processes: int = 2, size: int = SIZE) -> Scenes:
    """Draw `count` scenes; a seed gives the same ones whatever the number of processes."""
    seeds = np.random.SeedSequence(seed).spawn(-(-count // CHUNK))
    jobs = [(child, min(CHUNK, count - i * CHUNK), size) for i, child in enumerate(seeds)]
    images = np.empty((count, size, size, 3), np.uint8)
    cells = np.empty((count, 3, CELLS, CELLS), np.uint8)
    rest: list[Any] = []
    with multiprocessing.Pool(processes) as pool:
        for part, part_cells, labels in pool.imap(_render_chunk, jobs):
            images[len(rest) : len(rest) + len(part)] = part
            cells[len(rest) : len(rest) + len(part)] = part_cells
            rest.extend(labels)
    groups, backgrounds, captions = zip(*rest, strict=True)
    return Scenes(images, cells, list(groups), list(backgrounds), list(captions))


def _render_chunk(
    job: tuple[np.random.SeedSequence, int, int],
) -> tuple[np.ndarray, np.ndarray, list[Any]]:
    rng = np.random.default_rng(job[0])
    scenes = [draw_scene(rng) for _ in range(job[1])]
    labels = [(scene.groups, scene.background, scene.captions) for scene in scenes]
    images = np.stack([shrink(scene.image, job[2]) for scene in scenes])
    return images, np.stack([_cells(scene) for scene in scenes]), labels


def _cells(scene: Scene) -> np.ndarray:
    """Return u8 (3, CELLS, CELLS), as `Scenes.cells` has it."""
    cells = np.full((3, CELLS, CELLS), EMPTY, np.uint8)
    cells[2] = 0
    colours = {group.shape: list(COLOURS).index(group.colour) for group in scene.groups}
    across, down = CELLS / scene.image.width, CELLS / scene.image.height
    for box in scene.boxes:
        x, y = (box.x + box.width / 2) * across, (box.y + box.height / 2) * down
        left, right = round(box.x * across), round((box.x + box.width) * across)
        top, foot = round(box.y * down), round((box.y + box.height) * down)
        rows = slice(min(top, int(y)), max(foot, int(y) + 1))
        columns = slice(min(left, int(x)), max(right, int(x) + 1))
        cells[0, rows, columns] = SHAPES.index(box.label)
        cells[1, rows, columns] = colours[box.label]
        cells[2, int(y), int(x)] = 1
    return cells
