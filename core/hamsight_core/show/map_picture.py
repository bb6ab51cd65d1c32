"""A map of items as a picture: points, or pictures where there is room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hamsight_core.show.sheet import save_picture, sheet_format

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image, ImageDraw

_WIDTH, _HEIGHT, _MARGIN, _TITLE = 1920, 1440, 40, 56
_LEGEND, _ROW, _SWATCH = 300, 28, 16
_TILE = 60
_FEW = 2000
"""Items up to which pictures are drawn where nothing else is asked."""
_SHARP = 2
"""Points are drawn so many times as large, and made small, for round edges."""
_EDGE = 8
_STRENGTH = 0.7
"""Of the colour of a point; where several lie over each other it is stronger."""
_LINE, _LINE_TILE = 16, 128
_PAGE, _INK, _FADED = "#ffffff", "#212529", "#6c757d"
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8a6d00", "#5b4b8a")
"""Told apart by colour-blind eyes (Okabe & Ito 2008, and two more)."""
_OTHERS = "#b4b9be"


@dataclass(frozen=True, slots=True)
class Point:
    """An item at (x, y), its picture at `uri`, and the value by which it is coloured."""

    uri: str
    x: float
    y: float
    value: str | None = None


def draw_map(
    points: Sequence[Point], path: Path, *, title: str = "", pictures: bool | None = None
) -> None:
    """Write a picture of a map.

    Pictures are drawn for up to 2,000 items, or as `pictures` says: one in each cell of a grid
    that has items, the one nearest to its middle. Else items are points. The eight commonest
    values have colours. The suffix of `path` chooses PNG, JPEG or WebP. Raises UsageError as
    `sheet_format` does, or when the file cannot be written.
    """
    import numpy as np
    from PIL import Image, ImageDraw

    file_format = sheet_format(path)
    values = [point.value for point in points]
    colours = _colours(values)
    top = _MARGIN + (_TITLE if title else 0)
    where = np.array([(point.x, point.y) for point in points]).reshape(-1, 2)
    size = _room_of(where, (_WIDTH - 2 * _MARGIN, _HEIGHT - top - _MARGIN))
    places = _on_page(where, size)
    right = size[0] + 2 * _MARGIN
    width = right + (_LEGEND if colours else 0)
    image = Image.new("RGB", (width, top + size[1] + _MARGIN), _PAGE)
    draw = ImageDraw.Draw(image)
    _draw_title(draw, title, width)
    inks = [colours.get(value, _OTHERS) if colours else _COLOURS[0] for value in values]
    if len(points) <= _FEW if pictures is None else pictures:
        _draw_pictures(image, points, places, inks if colours else None, (_MARGIN, top), size)
    else:
        image.paste(_raster(places, inks, size), (_MARGIN, top))
    if colours:
        _draw_legend(draw, values, colours, (right, top))
    save_picture(image, path, file_format)


def draw_line(points: Sequence[Point], path: Path, *, title: str = "") -> None:
    """Write a picture of 16 items in a line, from the least x to the greatest.

    They stand at even shares of all items; the value of x is written below each.
    """
    from PIL import Image, ImageDraw

    from hamsight_core.images.thumbnails import Shown, thumbnails
    from hamsight_core.show.lettering import draw_text, text_width

    file_format = sheet_format(path)
    ordered = sorted(points, key=lambda point: point.x)
    count = min(_LINE, len(ordered))
    shown = [ordered[at * (len(ordered) - 1) // max(1, count - 1)] for at in range(count)]
    top = _MARGIN + (_TITLE if title else 0)
    width = max(2 * _MARGIN + max(count, 1) * (_LINE_TILE + 8), 640)
    image = Image.new("RGB", (width, top + _LINE_TILE + 30 + _MARGIN), _PAGE)
    draw = ImageDraw.Draw(image)
    _draw_title(draw, title, width)
    for place, small in enumerate(thumbnails([Shown(one.uri) for one in shown], _LINE_TILE)):
        left = _MARGIN + place * (_LINE_TILE + 8)
        _paste(image, small, (left, top), _LINE_TILE)
        text = f"{shown[place].x:.3f}"
        across = left + (_LINE_TILE - text_width(text, 14)) / 2
        draw_text(draw, (across, top + _LINE_TILE + 22), text, 14, _FADED)
    save_picture(image, path, file_format)


def _draw_title(draw: ImageDraw.ImageDraw, title: str, width: int) -> None:
    from hamsight_core.controls import printable
    from hamsight_core.show.lettering import cut_end, draw_text

    text = cut_end(printable(title), 24, width - 2 * _MARGIN)
    draw_text(draw, (_MARGIN, _MARGIN + 22), text, 24, _INK)


def _colours(values: Sequence[str | None]) -> dict[str | None, str]:
    """Return the colours of the commonest values; none where no item has a value."""
    counts = Counter(value for value in values if value)
    common = sorted(counts, key=lambda value: (-counts[value], value))[: len(_COLOURS)]
    return dict(zip(common, _COLOURS, strict=False))


def _room_of(places: NDArray[np.float64], most: tuple[int, int]) -> tuple[int, int]:
    """Return the width and height that a map of these places (n, 2) needs of the most, in pixels.

    It is cut where the map has no items, but to no less than a third of either side.
    """
    if not len(places):
        return most
    wide, high = (places.max(axis=0) - places.min(axis=0)).tolist()
    scale = min(
        (side - 2 * _EDGE) / max(one, 1e-6) for side, one in zip(most, (wide, high), strict=True)
    )
    needed = (round(one * scale) + 2 * _EDGE for one in (wide, high))
    width, height = (max(one, side // 3) for one, side in zip(needed, most, strict=True))
    return width, height


def _on_page(places: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return places (n, 2) in pixels, y downwards, the map as large as fits and in the middle."""
    import numpy as np

    if not len(places):
        return places
    low, high = places.min(axis=0), places.max(axis=0)
    room = np.array(size) - 2 * _EDGE
    scale = (room / np.maximum(high - low, 1e-6)).min()
    moved: NDArray[np.float64] = (places - (low + high) / 2) * scale * np.array([1, -1])
    return moved + np.array(size) / 2


def _raster(places: NDArray[np.float64], inks: Sequence[str], size: tuple[int, int]) -> Image.Image:
    """Return points on white; where many lie over each other, the mean of their colours."""
    import numpy as np
    from PIL import Image, ImageColor

    width, height = (side * _SHARP for side in size)
    known = {ink: ImageColor.getrgb(ink)[:3] for ink in set(inks)}
    colours = np.array([known[ink] for ink in inks], np.float64).reshape(-1, 3)
    radius = int(_radius(len(places)) * _SHARP)
    across, down = np.mgrid[-radius : radius + 1, -radius : radius + 1].reshape(2, -1)
    disc = across**2 + down**2 <= radius**2
    middle = (places * _SHARP).astype(np.int64)
    x = (middle[:, :1] + across[disc]).ravel()
    y = (middle[:, 1:] + down[disc]).ravel()
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    point = np.repeat(np.arange(len(places)), disc.sum())[inside]
    at, pixel = np.unique((y * width + x)[inside], return_inverse=True)
    count = np.bincount(pixel, minlength=len(at))
    strength = 1 - (1 - _STRENGTH) ** count
    whole = np.full((height * width, 3), 255, np.uint8)
    for way in range(3):
        mean = np.bincount(pixel, colours[point, way], len(at)) / count
        whole[at, way] = (255 * (1 - strength) + mean * strength).round()
    return Image.fromarray(whole.reshape(height, width, 3)).resize(size, Image.Resampling.BOX)


def _radius(count: int) -> float:
    """Return the radius of a point in pixels."""
    return 5 if count <= 2000 else 3 if count <= 20_000 else 1.5 if count <= 200_000 else 0.5


def _draw_pictures(
    image: Image.Image,
    points: Sequence[Point],
    places: NDArray[np.float64],
    inks: Sequence[str] | None,
    corner: tuple[int, int],
    size: tuple[int, int],
) -> None:
    """Draw in each cell of a grid the picture of the item that is nearest to its middle."""
    import numpy as np
    from PIL import ImageDraw

    from hamsight_core.images.thumbnails import Shown, thumbnails

    across, down = size[0] // _TILE, size[1] // _TILE
    cells = np.minimum(places // _TILE, [across - 1, down - 1]).astype(np.int64).reshape(-1, 2)
    apart = np.square(places - (cells + 0.5) * _TILE).sum(axis=1)
    nearest: dict[tuple[int, int], int] = {}
    for place in np.argsort(apart, kind="stable").tolist():
        nearest.setdefault((int(cells[place, 0]), int(cells[place, 1])), place)
    draw = ImageDraw.Draw(image)
    found = thumbnails([Shown(points[place].uri) for place in nearest.values()], _TILE - 6)
    for ((column, row), place), small in zip(nearest.items(), found, strict=True):
        left, top = corner[0] + column * _TILE, corner[1] + row * _TILE
        if inks is not None:
            draw.rectangle((left, top, left + _TILE - 2, top + _TILE - 2), fill=inks[place])
        _paste(image, small, (left + 3, top + 3), _TILE - 7)


def _paste(
    image: Image.Image, small: Image.Image | str, corner: tuple[int, int], side: int
) -> None:
    """Put a picture into the middle of a square; what could not be read is left grey."""
    from PIL import ImageDraw

    left, top = corner
    if isinstance(small, str):
        ImageDraw.Draw(image).rectangle((left, top, left + side - 1, top + side - 1), "#e3e6e8")
        return
    small.thumbnail((side, side))
    image.paste(small, (left + (side - small.width) // 2, top + (side - small.height) // 2))


def _draw_legend(
    draw: ImageDraw.ImageDraw,
    values: Sequence[str | None],
    colours: dict[str | None, str],
    corner: tuple[int, int],
) -> None:
    from hamsight_core.controls import printable
    from hamsight_core.show.lettering import cut_end, draw_text

    counts = Counter(value for value in values)
    rows = [(str(value), ink, counts[value]) for value, ink in colours.items()]
    others = len(values) - sum(number for *_, number in rows)
    if others:
        rows.append(("others or none", _OTHERS, others))
    for place, (name, ink, number) in enumerate(rows):
        x, y = corner[0], corner[1] + place * _ROW
        draw.rectangle((x, y, x + _SWATCH, y + _SWATCH), fill=ink)
        text = cut_end(f"{printable(name)}  {number:,}", 16, _LEGEND - _SWATCH - 24)
        draw_text(draw, (x + _SWATCH + 8, y + 14), text, 16, _INK)
