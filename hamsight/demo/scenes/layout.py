"""Where the shapes of a scene stand: clusters that lie at their places and never overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hamsight.demo.scenes.content import PLACES, SIZES, Background, Group, choose_group

_ARRANGEMENTS: dict[int, tuple[tuple[tuple[float, float], ...], ...]] = {
    1: (((0, 0),),),
    2: (((-0.5, 0), (0.5, 0)), ((0, -0.5), (0, 0.5))),
    3: (
        ((-1, 0), (0, 0), (1, 0)),
        ((0, -1), (0, 0), (0, 1)),
        ((-0.5, 0.45), (0.5, 0.45), (0, -0.45)),
    ),
    4: (
        ((-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5)),
        ((0, -0.9), (-0.9, 0), (0.9, 0), (0, 0.9)),
        ((-1.5, 0), (-0.5, 0), (0.5, 0), (1.5, 0)),
    ),
    5: (
        ((-0.8, -0.8), (0.8, -0.8), (0, 0), (-0.8, 0.8), (0.8, 0.8)),
        ((-0.5, -0.5), (0.5, -0.5), (-1, 0.5), (0, 0.5), (1, 0.5)),
        ((-1, -0.5), (0, -0.5), (1, -0.5), (-0.5, 0.5), (0.5, 0.5)),
    ),
}
_BANDS = ((0.0, 0.31), (0.44, 0.56), (0.69, 1.0))
_PITCH = 1.2
_MARGIN = 0.035
_TRIES = 40


@dataclass(frozen=True, slots=True)
class Cluster:
    """A group, the diameter of its shapes and their centres, all in pixels."""

    group: Group
    diameter: int
    centres: tuple[tuple[float, float], ...]
    bounds: tuple[float, float, float, float]


def lay_out(
    rng: np.random.Generator, width: int, height: int, background: Background
) -> tuple[Cluster, ...]:
    """Return one to four clusters; a group for which no room is found is left out."""
    wanted = int(rng.choice((1, 2, 3, 4), p=(0.2, 0.35, 0.3, 0.15)))
    clusters: list[Cluster] = []
    tries = 0
    while len(clusters) < wanted and (tries < _TRIES or not clusters):
        tries += 1
        group = choose_group(
            rng,
            background,
            {cluster.group.shape for cluster in clusters},
            {cluster.group.place for cluster in clusters},
        )
        cluster = _settle(rng, group, width, height)
        if cluster and not any(_overlap(cluster.bounds, other.bounds) for other in clusters):
            clusters.append(cluster)
    return tuple(clusters)


def _settle(rng: np.random.Generator, group: Group, width: int, height: int) -> Cluster | None:
    """Return the cluster at its group's place, or None where it does not fit."""
    short = min(width, height)
    diameter = round(SIZES[group.size] * short * rng.uniform(0.92, 1.08))
    options = _ARRANGEMENTS[group.count]
    offsets = np.array(options[int(rng.integers(len(options)))]) * _PITCH * diameter
    offsets = offsets + rng.uniform(-0.06, 0.06, offsets.shape) * diameter
    low, high = offsets.min(axis=0) - diameter / 2, offsets.max(axis=0) + diameter / 2
    middle = (low + high) / 2
    offsets, half = offsets - middle, (high - low) / 2
    centre = []
    for side, reach, band in zip((width, height), half, PLACES[group.place], strict=True):
        start = max(_BANDS[band][0] * side, reach + _MARGIN * short)
        end = min(_BANDS[band][1] * side, side - reach - _MARGIN * short)
        if start > end:
            return None
        centre.append(rng.uniform(start, end))
    x, y = centre
    return Cluster(
        group,
        diameter,
        tuple((x + float(dx), y + float(dy)) for dx, dy in offsets),
        (x - half[0], y - half[1], x + half[0], y + half[1]),
    )


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    gap = 4
    return a[0] < b[2] + gap and b[0] < a[2] + gap and a[1] < b[3] + gap and b[1] < a[3] + gap
