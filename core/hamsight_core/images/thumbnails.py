"""Small copies of pictures, read from where items say they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from PIL import Image, ImageDraw

from hamsight_core.errors import ImageError, UsageError
from hamsight_core.images.crops import crop_of
from hamsight_core.images.decode import decode
from hamsight_core.images.places import fetch
from hamsight_core.items import Box

_READERS = 4
_BOX, _BOX_EDGE = "#ffb000", "#3d2b00"


Part = Callable[[int, int], tuple[int, int, int, int]]
"""From the width and height of a picture to the left, top, right and bottom of a part of it."""


class Shown(NamedTuple):
    """A picture at `uri` with boxes on it; or its `part`, or what `crop` holds, with a margin."""

    uri: str
    boxes: Sequence[Box] = ()
    crop: Box | None = None
    part: Part | None = None


def thumbnails(pictures: Sequence[Shown], size: int) -> Iterator[Image.Image | str]:
    """Yield, in order, each picture scaled to fit `size` x `size` pixels with its boxes on it.

    A picture that cannot be read gives the reason in its place. At most four whole pictures
    are in memory at a time.
    """
    with ThreadPoolExecutor(_READERS) as pool:
        yield from pool.map(partial(_thumbnail, size=size), pictures)


def _thumbnail(picture: Shown, size: int) -> Image.Image | str:
    uri, boxes, crop, part = picture
    if part is None and crop is not None:
        part = partial(crop_of, crop)
    try:
        whole = decode(fetch(uri)).image
        if part is not None:
            whole = whole.crop(part(*whole.size))
    except (ImageError, UsageError) as error:  # the part may lie outside of a picture that changed
        return str(error)
    scale = size / max(whole.size)
    width, height = (max(1, round(side * scale)) for side in whole.size)
    small = whole.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    draw = ImageDraw.Draw(small)
    for box in boxes:
        corners = (box.x, box.y, box.x + box.width, box.y + box.height)
        _draw_box(draw, small.size, [corner * scale for corner in corners])
    return small


def _draw_box(draw: ImageDraw.ImageDraw, size: tuple[int, int], corners: list[float]) -> None:
    """Draw the part of a box that lies on the picture."""
    width, height = size
    left, right = sorted(_within(x, width) for x in corners[::2])
    top, bottom = sorted(_within(y, height) for y in corners[1::2])
    draw.rectangle((left, top, right, bottom), outline=_BOX_EDGE, width=3)
    draw.rectangle((left, top, right, bottom), outline=_BOX, width=2)


def _within(place: float, side: int) -> int:
    return int(min(max(0.0, place), side - 1))
