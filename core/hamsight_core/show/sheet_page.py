"""The contact sheet, drawn: headings, tiles with pictures or words, captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from math import ceil, sqrt
from pathlib import Path

from PIL import Image, ImageDraw

from hamsight_core.controls import printable
from hamsight_core.images.thumbnails import Shown, thumbnails
from hamsight_core.show.lettering import cut_middle, draw_text, text_width, wrap
from hamsight_core.show.sheet import MatchCell, QueryCell, save_picture, sheet_format

MOST_QUERIES = 40
MOST_MATCHES = 500  # with the queries within the 16,383 pixels of a WebP

_MARGIN, _GAP, _TILE = 40, 20, 200
_CAPTION = 50  # below each tile
_HEADING, _SECTION_GAP, _FOOTER = 38, 40, 24
_FRAME, _PADDING = 3, 16
_LEAST_COLUMNS, _MOST_COLUMNS = 4, 10

_PAGE, _EMPTY, _CARD = "#ffffff", "#f4f5f6", "#e3e6e8"
_INK, _FADED, _RULE = "#212529", "#6c757d", "#dee2e6"
# Told apart by colour-blind eyes, and dark enough for white digits.
_COLOURS = ("#0072b2", "#c44e00", "#00805f", "#a8497f", "#8a6d00", "#2b7a9e", "#5b4b8a", "#444444")


def draw_sheet(queries: Sequence[QueryCell], matches: Sequence[MatchCell], path: Path) -> None:
    """Write a picture of the queries and, by rank, of their matches.

    The suffix of `path` chooses PNG, JPEG or WebP. Folders that are missing are made, a file
    that exists is replaced, at once and only when the new one is whole. A picture that cannot
    be read gives a grey card with the reason. At most 40 queries and 500 matches are drawn;
    a footer says when there were more.
    Raises UsageError as `sheet_format` does, or when the file cannot be written.
    """
    file_format = sheet_format(path)
    save_picture(compose(queries, matches), path, file_format)


def compose(queries: Sequence[QueryCell], matches: Sequence[MatchCell]) -> Image.Image:
    """Return the sheet, its thumbnails read from where the cells say."""
    shown_queries, shown_matches = queries[:MOST_QUERIES], matches[:MOST_MATCHES]
    footer = _footer(len(queries), len(matches))
    columns = _columns(len(shown_queries), len(shown_matches))
    match_top = _MARGIN + _section_height(len(shown_queries), columns)
    footer_top = match_top + _section_height(len(shown_matches), columns)
    width = 2 * _MARGIN + columns * (_TILE + _GAP) - _GAP
    height = footer_top + (_FOOTER if footer else 0) + _MARGIN - _SECTION_GAP

    image = Image.new("RGB", (width, height), _PAGE)
    draw = ImageDraw.Draw(image)
    if queries:
        _heading(draw, _MARGIN, "Query" if len(queries) == 1 else "Queries", len(queries))
        _draw_queries(image, shown_queries, _places(_MARGIN, columns))
        rule = match_top - _SECTION_GAP // 2
        draw.line([(_MARGIN, rule), (width - _MARGIN, rule)], fill=_RULE)
    _heading(draw, match_top, "Match" if len(matches) == 1 else "Matches", len(matches))
    _draw_matches(image, shown_matches, _places(match_top, columns), len(queries) > 1)
    if footer:
        draw_text(draw, (_MARGIN, footer_top), footer, 14, _FADED)
    return image


def _columns(queries: int, matches: int) -> int:
    grid = matches if matches <= 5 else ceil(sqrt(2 * matches))
    return max(_LEAST_COLUMNS, min(_MOST_COLUMNS, max(grid, min(queries, 5))))


def _section_height(cells: int, columns: int) -> int:
    rows = ceil(cells / columns)
    return _HEADING + rows * (_TILE + _CAPTION) + max(0, rows - 1) * _GAP + _SECTION_GAP


def _places(top: int, columns: int) -> Iterator[tuple[int, int]]:
    """Yield the top left corner of each tile of the section that starts at `top`."""
    for index in count():
        row, column = divmod(index, columns)
        yield (
            _MARGIN + column * (_TILE + _GAP),
            top + _HEADING + row * (_TILE + _CAPTION + _GAP),
        )


def _footer(queries: int, matches: int) -> str:
    cut = [
        f"first {most:,} of {number:,} {name}"
        for number, most, name in (
            (queries, MOST_QUERIES, "queries"),
            (matches, MOST_MATCHES, "matches"),
        )
        if number > most
    ]
    return f"Shown: {', '.join(cut)}" if cut else ""


def _heading(draw: ImageDraw.ImageDraw, top: int, text: str, number: int) -> None:
    baseline = top + 20
    draw_text(draw, (_MARGIN, baseline), text, 20, _INK)
    if number != 1:
        place = (_MARGIN + text_width(text, 20) + 10, baseline)
        draw_text(draw, place, f"{number:,}" if number else "none", 16, _FADED)


def _draw_queries(
    image: Image.Image, queries: Sequence[QueryCell], places: Iterator[tuple[int, int]]
) -> None:
    draw = ImageDraw.Draw(image)
    shown = [Shown(one.uri, crop=one.crop, part=one.part) for one in queries if one.uri is not None]
    pictures = thumbnails(shown, _TILE)
    for index, (query, (x, y)) in enumerate(zip(queries, places, strict=False)):
        colour = _COLOURS[index % len(_COLOURS)]
        label = printable(query.label)
        if query.uri is None:
            _draw_words(draw, (x, y), label, colour)
        else:
            _draw_thumbnail(image, (x, y), next(pictures))
        draw.rectangle((x, y, x + _TILE - 1, y + _TILE - 1), outline=colour, width=_FRAME)
        left = 0
        if len(queries) > 1:
            left = _draw_chip(draw, (x, y + _TILE + 8), index, colour) + 8
        below = query.kind if query.uri is None else cut_middle(label, 13, _TILE - left)
        draw_text(draw, (x + left, y + _TILE + 22), below, 13, _FADED)


def _draw_matches(
    image: Image.Image,
    matches: Sequence[MatchCell],
    places: Iterator[tuple[int, int]],
    several: bool,
) -> None:
    draw = ImageDraw.Draw(image)
    pictures = thumbnails([Shown(one.uri, one.boxes, one.crop) for one in matches], _TILE)
    for match, thumbnail, (x, y) in zip(matches, pictures, places, strict=False):
        _draw_thumbnail(image, (x, y), thumbnail)
        baseline = y + _TILE + 23
        rank = f"{match.rank:,}"
        draw_text(draw, (x, baseline), rank, 17, _INK)
        after_rank = x + text_width(rank, 17) + 8
        draw_text(draw, (after_rank, baseline), _measures(match), 14, _FADED)
        if several and match.query is not None:
            colour = _COLOURS[match.query % len(_COLOURS)]
            _draw_chip(draw, (x + _TILE, y + _TILE + 8), match.query, colour, to_the_left=True)
        label = cut_middle(printable(match.label), 13, _TILE)
        draw_text(draw, (x, baseline + 21), label, 13, _INK)


def _measures(match: MatchCell) -> str:
    measures = []
    if match.distance is not None:
        measures.append(f"{match.distance:,} {'bit' if match.distance == 1 else 'bits'}")
    if match.similarity is not None:
        measures.append(f"{match.similarity:.3f}")
    return " · ".join(measures)


def _draw_chip(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    query: int,
    colour: str,
    to_the_left: bool = False,
) -> int:
    """Draw the query's number, from 1, on its colour; return the chip's width."""
    number = str(query + 1)
    wide = text_width(number, 13)
    width = max(18, ceil(wide) + 10)
    x, y = place
    x -= width if to_the_left else 0
    draw.rectangle((x, y, x + width - 1, y + 17), fill=colour)
    draw_text(draw, (x + (width - wide) / 2, y + 14), number, 13, _PAGE)
    return width


def _draw_words(draw: ImageDraw.ImageDraw, place: tuple[int, int], words: str, colour: str) -> None:
    """Draw the words in the middle of a tile, as large as they fit."""
    x, y = place
    room = _TILE - 2 * _PADDING
    draw.rectangle((x, y, x + _TILE - 1, y + _TILE - 1), fill=_tint(colour))
    for size in (24, 20, 17, 14):
        leading = size * 4 // 3
        lines = wrap(words, size, room, room // leading)
        if not lines or not lines[-1].endswith("…"):
            break
    top = y + (_TILE - len(lines) * leading) / 2
    for index, line in enumerate(lines):
        left = x + (_TILE - text_width(line, size)) / 2
        draw_text(draw, (left, top + index * leading + size), line, size, _INK)


def _tint(colour: str) -> tuple[int, int, int]:
    """Return a tenth of the colour on white."""
    red, green, blue = (round(255 - (255 - part) / 10) for part in bytes.fromhex(colour[1:]))
    return red, green, blue


def _draw_thumbnail(
    image: Image.Image, place: tuple[int, int], thumbnail: Image.Image | str
) -> None:
    """Draw a picture in the middle of its tile, or the reason why there is none."""
    x, y = place
    draw = ImageDraw.Draw(image)
    card = _CARD if isinstance(thumbnail, str) else _EMPTY
    draw.rectangle((x, y, x + _TILE - 1, y + _TILE - 1), fill=card)
    if isinstance(thumbnail, str):
        draw_text(draw, (x + _PADDING, y + 34), "No picture", 16, _INK)
        lines = wrap(printable(thumbnail), 13, _TILE - 2 * _PADDING, 7)
        for index, line in enumerate(lines):
            draw_text(draw, (x + _PADDING, y + 58 + 19 * index), line, 13, _FADED)
    else:
        image.paste(
            thumbnail,
            (x + (_TILE - thumbnail.width) // 2, y + (_TILE - thumbnail.height) // 2),
        )
    draw.rectangle((x, y, x + _TILE - 1, y + _TILE - 1), outline=_RULE)
