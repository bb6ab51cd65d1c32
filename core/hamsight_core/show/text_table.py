"""Columns of text for people: aligned by display width, safe to print on a terminal."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hamsight_core.controls import printable

if TYPE_CHECKING:
    import pyarrow as pa

ELLIPSIS = "…"
_GAP = "  "
_NARROWEST = 8  # columns of the terminal that a cut text column keeps


def lines(table: pa.Table, *, width: int | None) -> Iterator[str]:
    """Yield the header, a rule and one line a row, each without a line end.

    Numbers stand to the right. With `width`, in terminal columns, text columns are cut so that
    a line fits, down to 8 columns each; numbers are never cut.
    """
    import pyarrow.types as pt

    header = [printable(name) for name in table.column_names]
    types = [field.type for field in table.schema]
    right = [pt.is_integer(t) or pt.is_floating(t) or pt.is_decimal(t) for t in types]
    natural = [display_width(name) for name in header]
    for row in _rows(table):
        natural = [max(w, display_width(cell)) for w, cell in zip(natural, row, strict=True)]
    widths = natural if width is None else _fit(natural, right, width)
    yield _line(header, widths, right)
    yield _GAP.join("─" * w for w in widths)
    for row in _rows(table):
        yield _line(row, widths, right)


def fields(table: pa.Table) -> Iterator[str]:
    """Yield a line for each column of the table's first row: its name and its value, uncut."""
    names = [printable(name) for name in table.column_names]
    widest = max(map(display_width, names), default=0)
    for row in _rows(table.slice(0, 1)):
        for name, cell in zip(names, row, strict=True):
            yield f"{name}{' ' * (widest - display_width(name))}{_GAP}{cell}".rstrip()


def display_width(text: str) -> int:
    """Return how many terminal columns the text takes."""
    return len(text) if text.isascii() else sum(map(_char_width, text))


def clip(text: str, width: int) -> str:
    """Return the text cut to `width` terminal columns, a path in its middle, others at the end."""
    if display_width(text) <= width:
        return text
    room = width - 1
    tail = _head(text[::-1], room - room // 3)[::-1] if "/" in text else ""
    return _head(text, room - display_width(tail)) + ELLIPSIS + tail


def _head(text: str, width: int) -> str:
    used = 0
    for index, char in enumerate(text):
        used += _char_width(char)
        if used > width:
            return text[:index]
    return text


@lru_cache(maxsize=4096)
def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _rows(table: pa.Table) -> Iterator[Sequence[str]]:
    import pyarrow.types as pt

    from hamsight_core.show.values import batches, values

    whole = [pt.is_floating(c.type) and _is_whole(c) for c in table.columns]
    for batch in batches(table):
        columns = [
            [_whole(value) if exact else _cell(value) for value in values(column, finite=False)]
            for column, exact in zip(batch.columns, whole, strict=True)
        ]
        yield from zip(*columns, strict=True)


def _is_whole(column: pa.ChunkedArray) -> bool:
    """Return whether no number of the float column has a fraction or is very large."""
    return all(
        value is None or not math.isfinite(value) or (value.is_integer() and abs(value) < 1e15)
        for chunk in column.chunks
        for value in chunk.to_pylist()
    )


def _whole(value: float | None) -> str:
    return "NULL" if value is None else f"{value:.0f}"


def _cell(value: Any) -> str:
    return "NULL" if value is None else printable(_text(value))


def _text(value: Any, nested: bool = False) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        pairs = ", ".join(f"{key} {_text(item, True)}" for key, item in value.items())
        return f"{{{pairs}}}" if nested else pairs
    if isinstance(value, list):
        items = ", ".join(_text(item, True) for item in value)
        return f"[{items}]" if nested else items
    return str(value)


def _float(value: float) -> str:
    size = abs(value)
    if value == 0 or (1e-3 <= size < 1e9):
        return f"{value:.4f}"
    return f"{value:.6g}" if math.isfinite(value) else str(value)


def _fit(natural: list[int], right: list[bool], width: int) -> list[int]:
    """Return column widths of which the widest texts are narrowed until a line fits `width`."""
    widths = list(natural)
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    while excess > 0:
        texts = [i for i, number in enumerate(right) if not number and widths[i] > _NARROWEST]
        if not texts:
            break
        widest = max(widths[i] for i in texts)
        group = [i for i in texts if widths[i] == widest]
        below = max([_NARROWEST, *(widths[i] for i in texts if widths[i] < widest)])
        step = min(widest - below, max(1, excess // len(group)))
        for i in group:
            step_here = min(step, max(excess, 0))
            widths[i] -= step_here
            excess -= step_here
    return widths


def _line(cells: Sequence[str], widths: list[int], right: list[bool]) -> str:
    padded = []
    for cell, width, number in zip(cells, widths, right, strict=True):
        shown = clip(cell, width)
        blank = " " * (width - display_width(shown))
        padded.append(blank + shown if number else shown + blank)
    return _GAP.join(padded).rstrip()
