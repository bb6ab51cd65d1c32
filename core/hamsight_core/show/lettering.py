"""Text on pictures: Pillow's own font, and the machine's fonts for characters that it lacks."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from PIL import ImageFont

from hamsight_core.errors import UsageError

if TYPE_CHECKING:
    from PIL import ImageDraw

_ELLIPSIS = "…"
_PROBE = 16  # pixels
_MOST_KEPT = 500  # characters in a line
# Fonts of Linux, macOS and Windows with many scripts, by file name.
_WIDE_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "DroidSansFallbackFull.ttf",
    "wqy-microhei.ttc",
    "Arial Unicode.ttf",
    "msyh.ttc",
    "meiryo.ttc",
    "malgun.ttf",
    "NotoEmoji-Regular.ttf",
    "Symbola.ttf",
    "seguiemj.ttf",
)


def text_width(text: str, size: int) -> float:
    """Return the width in pixels of the text at a font size in pixels."""
    return sum(font.getlength(run) for font, run in _runs(text, size))


def draw_text(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int, fill: str
) -> None:
    """Draw one line of text with the left end of its baseline at `place`."""
    x, y = place
    for font, run in _runs(text, size):
        draw.text((x, y), run, font=font, fill=fill, anchor="ls")
        x += font.getlength(run)


def cut_end(text: str, size: int, width: float) -> str:
    """Return the text, its end replaced by an ellipsis where it is wider than `width` pixels."""
    return _cut(text, size, width, lambda kept: text[:kept].rstrip() + _ELLIPSIS)


def cut_middle(text: str, size: int, width: float) -> str:
    """Return the text, its middle replaced by an ellipsis where it is wider than `width` pixels.

    Most of what stays is the end, which tells file names apart.
    """

    def shortened(kept: int) -> str:
        head = kept // 3
        return text[:head] + _ELLIPSIS + text[len(text) - (kept - head) :]

    return _cut(text, size, width, shortened)


def wrap(text: str, size: int, width: float, lines: int) -> list[str]:
    """Return the text in at most `lines` lines, the last cut where not all of it fits.

    Lines break at spaces, and within a word that is wider than a line.
    """
    wrapped: list[str] = []
    rest = " ".join(text.split())
    while rest and len(wrapped) < lines - 1:
        fitting = _prefix(rest, size, width)
        space = rest.rfind(" ", 0, fitting + 1)
        end = fitting if fitting == len(rest) or space <= 0 else space
        wrapped.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*wrapped, cut_end(rest, size, width)] if rest else wrapped


def _prefix(text: str, size: int, width: float) -> int:
    """Return how many characters fit in `width` pixels, 1 at least."""
    return max(1, _most(len(text), lambda kept: text_width(text[:kept], size) <= width))


def _cut(text: str, size: int, width: float, shortened: Callable[[int], str]) -> str:
    """Return the text, or the longest `shortened(kept characters)` that fits."""
    if len(text) <= _MOST_KEPT and text_width(text, size) <= width:
        return text
    return shortened(_most(len(text) - 1, lambda kept: text_width(shortened(kept), size) <= width))


def _most(limit: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number from 0 to `limit` that fits, by bisection."""
    low, high = 0, min(limit, _MOST_KEPT)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _runs(text: str, size: int) -> Iterator[tuple[ImageFont.FreeTypeFont, str]]:
    """Yield the text in pieces, each with the first font that has its characters."""
    for face, chars in groupby(text, key=_face):
        yield _fonts(size)[face], "".join(chars)


@lru_cache(maxsize=4096)
def _face(char: str) -> int:
    """Return the place in `_fonts` of a font that has the character, 0 where none has."""
    if char.isascii() or unicodedata.category(char) == "Cf":
        return 0
    own = _fonts(_PROBE)[0]
    if _has(own, char):
        return 0
    found = (i for i, font in enumerate(_fonts(_PROBE)) if i and _has(font, char))
    return next(found, 0)


def _has(font: ImageFont.FreeTypeFont, char: str) -> bool:
    """Return whether the font draws the character unlike one that no font has."""
    return bytes(font.getmask(char)) != bytes(font.getmask("\U0010ffff"))


@lru_cache(maxsize=16)
def _fonts(size: int) -> list[ImageFont.FreeTypeFont]:
    """Return Pillow's own font, then those of `_WIDE_FONTS` that this machine has."""
    own = ImageFont.load_default(size)
    if not isinstance(own, ImageFont.FreeTypeFont):
        raise UsageError("this Pillow was built without FreeType; install one from a wheel")
    return [own, *(ImageFont.truetype(name, size) for name in _installed())]


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    return tuple(name for name in _WIDE_FONTS if _opens(name))


def _opens(name: str) -> bool:
    try:
        ImageFont.truetype(name, _PROBE)
    except OSError:
        return False
    return True
