"""A report as one page of HTML that asks for nothing elsewhere."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from hamsight_analyze.report.chapters import Chapter, Overview
from hamsight_core.controls import printable
from hamsight_core.show.row_sheet import Section, Tile
from hamsight_core.whole_files import whole_file

if TYPE_CHECKING:
    from PIL import Image

_PICTURE = 200
_PICTURES, _SECTIONS = 96, 24
"""Pictures and sections of a chapter, at most."""
_LINE = 20
"""Characters of a line below a picture."""
_BYTES = 16_000_000
"""Bytes of all pictures, at most: a page stays under 20 MB."""

_STYLE = Path(__file__).with_name("report.css")
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_page(file: Path, overview: Overview, chapters: Sequence[Chapter]) -> int:
    """Write a report to a file; return its size in bytes.

    Raises UsageError where the file cannot be written, and DiskFullError.
    """
    share = _BYTES // max(1, len(chapters))
    text = "".join(_page(overview, chapters, share))
    data = text.encode("utf-8", "replace")
    with whole_file(file) as partial:
        partial.write_bytes(data)
    return len(data)


def _page(overview: Overview, chapters: Sequence[Chapter], share: int) -> Iterator[str]:
    name = _text(overview.name)
    made = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    yield (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}: report</title><style>{_STYLE.read_text('utf-8')}</style></head>"
        "<body><main>"
        f"<h1>{name}</h1>"
        f'<p class="faded">{_sizes(overview)}</p>'
        f'<p class="faded">Hamsight {version("hamsight")}, {made}</p><nav>'
    )
    for number, chapter in enumerate(chapters):
        yield (
            f'<a href="#chapter-{number}"><b>{_text(_number(chapter.count))}</b>'
            f"<span>{_text(chapter.title)}</span></a>"
        )
    yield f"</nav>{_overview(overview)}"
    for number, chapter in enumerate(chapters):
        yield from _chapter(number, chapter, share)
    yield "</main></body></html>\n"


def _sizes(overview: Overview) -> str:
    parts = [f"{overview.items:,} items", f"model {_text(overview.model)}"]
    if overview.width:
        parts.append(f"median size {overview.width} × {overview.height} pixels")
    if overview.bytes:
        parts.append(f"{overview.bytes / 1e6:,.1f} MB of files")
    if overview.unannotated:
        parts.append(f"{overview.unannotated:,} without annotations")
    if overview.without_embedding:
        parts.append(f"{overview.without_embedding:,} without an embedding")
    return " · ".join(parts)


def _overview(overview: Overview) -> str:
    more = overview.different_tags - len(overview.tags)
    if len(overview.subsets) < 2 and not overview.tags:
        return ""
    parts = [
        _bars("Subsets", overview.subsets, "") if len(overview.subsets) > 1 else "",
        _bars("Tags", overview.tags, f"and {more:,} more tags" if more > 0 else ""),
    ]
    return f'<section><h2>Items</h2><div class="columns">{"".join(parts)}</div></section>'


def _bars(title: str, rows: Sequence[tuple[str, int]], more: str) -> str:
    if not rows:
        return ""
    most = max(count for _, count in rows)
    bars = "".join(
        f'<div class="bar"><span title="{_text(name)}">{_text(name)}</span>'
        f'<i style="width:{100 * count / most:.1f}%"></i><b>{count:,}</b></div>'
        for name, count in rows
    )
    said = f'<p class="faded">{more}</p>' if more else ""
    return f"<div><h3>{title}</h3>{bars}{said}</div>"


def _chapter(number: int, chapter: Chapter, share: int) -> Iterator[str]:
    title, count = _text(chapter.title), _text(_number(chapter.count))
    yield (
        f'<section id="chapter-{number}" data-kind="{chapter.kind}"'
        f' data-count="{_text(str(chapter.count))}">'
        f'<h2>{title} <span class="count">{count}</span></h2>'
        f"<p>{_text(chapter.said)}</p>"
        f'<p class="faded">{_text(chapter.about)} <code>{_text(chapter.command)}</code></p>'
    )
    for note in chapter.notes:
        yield f'<p class="faded">{_text(note)}</p>'
    yield chapter.drawing
    yield from _pictures(chapter.sections, share)
    yield "</section>"


def _pictures(sections: Sequence[Section], share: int) -> Iterator[str]:
    from hamsight_core.images.thumbnails import Shown, thumbnails

    shown = _first(sections)
    tiles = [tile for section in shown for tile in section.tiles]
    pictures = thumbnails([Shown(tile.uri, tile.boxes, tile.crop) for tile in tiles], _PICTURE)
    total, left = sum(len(section.tiles) for section in sections), share
    drawn = 0
    yield '<div class="groups">'
    for section in shown:
        if left <= 0:
            break
        heading = f"<h3>{_text(section.heading)}</h3>" if section.heading else ""
        yield f'<div class="group">{heading}<div class="tiles">'
        for tile in section.tiles:
            figure = _figure(tile, next(pictures))
            left -= len(figure)
            drawn += 1
            yield figure
        yield "</div></div>"
    yield "</div>"
    if drawn < total:
        yield f'<p class="faded">Shown: {drawn:,} of {total:,} pictures.</p>'


def _first(sections: Sequence[Section]) -> list[Section]:
    """Return the sections that are shown, each cut to the pictures that there is room for."""
    room, shown = _PICTURES, []
    each = max(2, _PICTURES // max(1, min(len(sections), _SECTIONS)))
    for section in sections[:_SECTIONS]:
        tiles = section.tiles[: min(room, each)]
        if not tiles:
            break
        shown.append(Section(section.heading, tiles))
        room -= len(tiles)
    return shown


def _figure(tile: Tile, picture: Image.Image | str) -> str:
    lines = "".join(
        f'<span title="{_text(line)}">{_text(_cut(line))}</span>' for line in tile.lines
    )
    kept = ' class="kept"' if tile.marked else ""
    if isinstance(picture, str):
        shown = f'<div class="unread">{_text(picture)}</div>'
    else:
        with io.BytesIO() as buffer:
            picture.convert("RGB").save(buffer, "JPEG", quality=78, optimize=True)
            data = base64.b64encode(buffer.getvalue()).decode()
        name = _text(tile.lines[0] if tile.lines else "")
        shown = f'<img src="data:image/jpeg;base64,{data}" alt="{name}" loading="lazy">'
    return f"<figure{kept}>{shown}<figcaption>{lines}</figcaption></figure>"


def _cut(line: str) -> str:
    """Return a name cut in its middle: its end tells it from others."""
    return line if len(line) <= _LINE else f"{line[: _LINE // 3]}…{line[-_LINE * 2 // 3 + 1 :]}"


def _number(count: int | str) -> str:
    return f"{count:,}" if isinstance(count, int) else count


def _text(text: str) -> str:
    return html.escape(printable(text))
