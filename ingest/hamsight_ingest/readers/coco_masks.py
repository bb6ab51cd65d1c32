"""Boxes around COCO's segmentations: polygons, and masks as run lengths."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from hamsight_ingest.readers.annotated import bounds
from hamsight_ingest.readers.wrong import finite

_Sides = tuple[float, float, float, float]
_MOST = 1_000_000


def around(segmentation: Any) -> _Sides | None:
    """Return x, y, width and height around a segmentation; None where it is none, or empty.

    It is a list of polygons [x, y, x, y, …], one polygon, or an object with `counts` and `size`
    as pycocotools writes them.
    """
    if isinstance(segmentation, dict):
        return _around_mask(segmentation.get("counts"), segmentation.get("size"))
    if not isinstance(segmentation, list):
        return None
    polygons = (
        segmentation if any(isinstance(one, list) for one in segmentation) else [segmentation]
    )
    points: list[tuple[float, float]] = []
    for polygon in polygons:
        if not isinstance(polygon, list):
            return None
        numbers = [value for one in polygon if (value := finite(one)) is not None]
        if len(numbers) != len(polygon):
            return None
        points.extend(zip(numbers[::2], numbers[1::2]))  # noqa: B905 - a lone x is no point
    return bounds(points) if points else None


def _around_mask(counts: Any, size: Any) -> _Sides | None:
    """Return the box around the ones of a mask, whose runs go down its columns, zeros first."""
    if not isinstance(size, list) or len(size) != 2 or not all(isinstance(n, int) for n in size):
        return None
    height = size[0]
    try:
        runs = list(_runs(counts)) if isinstance(counts, str) else counts
    except ValueError:
        return None
    if not isinstance(runs, list) or height < 1 or len(runs) > _MOST:
        return None
    if not all(isinstance(run, int) and run >= 0 for run in runs):
        return None
    left, right, top, bottom = float("inf"), -1.0, float("inf"), -1.0
    for end, run in list(zip(accumulate(runs), runs, strict=True))[1::2]:
        if not run:
            continue
        (first, above), (last, below) = divmod(end - run, height), divmod(end - 1, height)
        left, right = min(left, first), max(right, last)
        whole = first != last
        top, bottom = min(top, 0 if whole else above), max(bottom, height - 1 if whole else below)
    return (left, top, right - left + 1, bottom - top + 1) if right >= 0 else None


def _runs(text: str) -> Iterator[int]:
    """Yield the run lengths in pycocotools' text (rleFrString): groups of 5 bits, each a
    difference to the run before the last from the third on. Raises ValueError."""
    runs: list[int] = []
    place = 0
    while place < len(text):
        value, shift, more = 0, 0, True
        while more:
            if place >= len(text) or shift > 60:
                raise ValueError("the text of a mask ends within a number")
            code = ord(text[place]) - 48
            if not 0 <= code < 64:
                raise ValueError("not the text of a mask")
            value |= (code & 31) << shift
            more, shift, place = bool(code & 32), shift + 5, place + 1
            if not more and code & 16:
                value -= 1 << shift
        if len(runs) > 2:
            value += runs[-2]
        runs.append(value)
        yield value
