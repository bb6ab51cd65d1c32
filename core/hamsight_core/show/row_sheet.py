"""A picture of rows: pairs side by side, groups, or many tiles that flow on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from hamsight_core.items import Box
from hamsight_core.show.sheet import save_picture, sheet_format

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

MOST_TILES = 400
_MARGIN, _GAP, _TILE, _CAPTION = 32, 16, 176, 44
_COLUMNS = 8
_TITLE, _HEADING, _FOOTER = 48, 30, 28
_PAGE, _EMPTY, _CARD, _MARK = "#ffffff", "#f4f5f6", "#e3e6e8", "#0072b2"
_INK, _FADED = "#212529", "#6c757d"


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture at `uri`, or its `crop` with a margin, with up to two lines below it.

    `marked` draws a frame.
    """

    uri: str
    lines: tuple[str, ...] = ()
    marked: bool = False
    boxes: tuple[Box, ...] = ()
    crop: Box | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Tiles that belong together, under a heading, which may be empty."""

    heading: str
    tiles: tuple[Tile, ...]


def draw_rows(sections: Sequence[Section], path: Path, *, title: str = "") -> None:
    """Write a picture of sections, side by side where they are narrow.

    The suffix of `path` chooses PNG, JPEG or WebP. At most 400 tiles are drawn; a footer says
    when there were more. Raises UsageError as `sheet_format` does, or when the file cannot be
    written.
    """
    file_format = sheet_format(path)
    save_picture(compose_rows(sections, title), path, file_format)


def compose_rows(sections: Sequence[Section], title: str) -> Image.Image:
    """Return the sheet, its pictures read from where the tiles say."""
    from PIL import Image, ImageDraw

    from hamsight_core.controls import printable
    from hamsight_core.images.thumbnails import Shown, thumbnails
    from hamsight_core.show.lettering import cut_end, draw_text

    shown, cut = _shown(sections)
    places, bottom = _places(shown, _MARGIN + (_TITLE if title else 0))
    width = 2 * _MARGIN + _COLUMNS * (_TILE + _GAP) - _GAP
    image = Image.new("RGB", (width, bottom + (_FOOTER if cut else 0) + _MARGIN), _PAGE)
    draw = ImageDraw.Draw(image)
    if title:
        text = cut_end(printable(title), 24, width - 2 * _MARGIN)
        draw_text(draw, (_MARGIN, _MARGIN + 22), text, 24, _INK)
    tiles = [tile for section in shown for tile in section.tiles]
    pictures = thumbnails([Shown(tile.uri, tile.boxes, tile.crop) for tile in tiles], _TILE)
    for section, (left, top) in zip(shown, places, strict=True):
        if section.heading:
            room = min(len(section.tiles), _COLUMNS) * (_TILE + _GAP) - _GAP
            text = cut_end(printable(section.heading), 16, max(room, _TILE))
            draw_text(draw, (left, top + 18), text, 16, _INK)
        for number, tile in enumerate(section.tiles):
            row, column = divmod(number, _COLUMNS)
            x = left + column * (_TILE + _GAP)
            y = top + _heading(section) + row * (_TILE + _CAPTION)
            _draw_tile(image, draw, tile, next(pictures), (x, y))
    if cut:
        text = f"Shown: first {len(tiles):,} of {len(tiles) + cut:,} pictures"
        draw_text(draw, (_MARGIN, bottom + 14), text, 14, _FADED)
    if not tiles:
        draw_text(draw, (_MARGIN, bottom), "none", 16, _FADED)
    return image


def _shown(sections: Sequence[Section]) -> tuple[list[Section], int]:
    """Return the sections that fit, whole but for the first, and how many tiles do not."""
    shown: list[Section] = []
    room = MOST_TILES
    for section in sections:
        if not room or (shown and len(section.tiles) > room):
            break
        shown.append(Section(section.heading, section.tiles[:room]))
        room -= len(shown[-1].tiles)
    total = sum(len(section.tiles) for section in sections)
    return shown, total - (MOST_TILES - room)


def _places(sections: Sequence[Section], top: int) -> tuple[list[tuple[int, int]], int]:
    """Return the top left corner of each section, and where the last ends.

    Sections of one row stand beside each other while there is room.
    """
    places: list[tuple[int, int]] = []
    column, height = 0, 0
    for section in sections:
        wide = min(max(len(section.tiles), 1), _COLUMNS)
        if column and column + wide > _COLUMNS:
            top, column, height = top + height, 0, 0
        places.append((_MARGIN + column * (_TILE + _GAP), top))
        rows = ceil(len(section.tiles) / _COLUMNS)
        height = max(height, _heading(section) + rows * (_TILE + _CAPTION) + _GAP)
        column += wide
    return places, top + (height or _HEADING)


def _heading(section: Section) -> int:
    return _HEADING if section.heading else 0


def _draw_tile(
    image: Image.Image,
    draw: ImageDraw.ImageDraw,
    tile: Tile,
    picture: Image.Image | str,
    place: tuple[int, int],
) -> None:
    from hamsight_core.controls import printable
    from hamsight_core.show.lettering import cut_middle, draw_text, wrap

    x, y = place
    draw.rectangle((x, y, x + _TILE - 1, y + _TILE - 1), fill=_EMPTY)
    if isinstance(picture, str):
        draw.rectangle((x, y, x + _TILE - 1, y + _TILE - 1), fill=_CARD)
        for number, line in enumerate(wrap(printable(picture), 13, _TILE - 24, 6)):
            draw_text(draw, (x + 12, y + 30 + 18 * number), line, 13, _FADED)
    else:
        left, top = ((_TILE - side) // 2 for side in picture.size)
        image.paste(picture, (x + left, y + top))
    if tile.marked:
        draw.rectangle((x - 3, y - 3, x + _TILE + 2, y + _TILE + 2), outline=_MARK, width=3)
    for number, line in enumerate(tile.lines[:2]):
        text = cut_middle(printable(line), 13, _TILE)
        draw_text(draw, (x, y + _TILE + 17 + 17 * number), text, 13, (_INK, _FADED)[number])
