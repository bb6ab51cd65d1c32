"""A plot of what the hash keeps, by the number of candidates."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageDraw

from hamsight_core.show.lettering import draw_text, text_width
from hamsight_core.show.sheet import save_picture, sheet_format
from hamsight_query.evaluate import Curve, Evaluation

_WIDTH, _HEIGHT = 960, 600
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 30, 104, 64
_COLOURS = ("#1f6fb4", "#d1571b", "#2f8f5b", "#8a5fb0", "#8c6d1f")
_IN_A_ROW = 3
_INK, _GRID = "#222222", "#dddddd"
_TEXT = 17
_POINTS = 300


def draw_plot(evaluation: Evaluation, path: Path) -> None:
    """Write a picture of recall by candidates, a line for each kind of query.

    The suffix of `path` chooses PNG, JPEG or WebP. Raises UsageError as `draw_sheet` does.
    """
    file_format = sheet_format(path)
    page = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    _Plot(ImageDraw.Draw(page), evaluation).all()
    save_picture(page, path, file_format)


class _Plot:
    def __init__(self, draw: ImageDraw.ImageDraw, evaluation: Evaluation) -> None:
        self._draw, self._evaluation = draw, evaluation
        self._most = max(evaluation.items, 2)

    def all(self) -> None:
        self._axes()
        for number, curve in enumerate(self._evaluation.curves):
            self._curve(curve, number)

    def _x(self, candidates: float) -> float:
        share = math.log(max(candidates, 1)) / math.log(self._most)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def _y(self, recall: float) -> float:
        return _HEIGHT - _BOTTOM - recall * (_HEIGHT - _TOP - _BOTTOM)

    def _axes(self) -> None:
        one, draw = self._evaluation, self._draw
        title = f"{one.model.name}: {one.items:,} items, {one.model.hash_scheme} of"
        title += f" {one.model.bits} bits, share of exact cosine's best {one.k}"
        draw_text(draw, (_LEFT, 30), title, _TEXT + 1, _INK)
        for tenth in range(0, 11, 2):
            y = self._y(tenth / 10)
            draw.line([(_LEFT, y), (_WIDTH - _RIGHT, y)], _GRID)
            draw_text(draw, (_LEFT - 42, y + 6), f"{tenth / 10:.1f}", _TEXT, _INK)
        decade = 1
        while decade <= self._most:
            x = self._x(decade)
            draw.line([(x, _TOP), (x, _HEIGHT - _BOTTOM)], _GRID)
            label = f"{decade:,}"
            place = min(x - text_width(label, _TEXT) / 2, _WIDTH - 4 - text_width(label, _TEXT))
            draw_text(draw, (place, _HEIGHT - _BOTTOM + 24), label, _TEXT, _INK)
            decade *= 10
        axis = "candidates (a dot: the default)"
        if any(curve.cells for curve in one.curves):
            axis = "candidates (a dot: the default; rings: in cells, by --recall)"
        draw_text(draw, ((_WIDTH - text_width(axis, _TEXT)) / 2, _HEIGHT - 12), axis, _TEXT, _INK)

    def _curve(self, curve: Curve, number: int) -> None:
        colour = _COLOURS[number % len(_COLOURS)]
        sizes = [self._most ** (step / _POINTS) for step in range(_POINTS + 1)]
        line = [(self._x(size), self._y(curve.kept(int(size)))) for size in sizes]
        self._draw.line(line, colour, 3)
        default = min(curve.default, self._most)
        x, y = self._x(default), self._y(curve.kept(default))
        self._draw.ellipse([x - 6, y - 6, x + 6, y + 6], colour)
        for one in curve.cells:
            x, y = self._x(one.candidates), self._y(one.kept)
            if one.candidates:
                self._draw.ellipse([x - 9, y - 9, x + 9, y + 9], outline=colour, width=2)
        name = f"{curve.label} ({len(curve.places)} asked)"
        row, place = divmod(number, _IN_A_ROW)
        x, y = _LEFT + place * 290, 60 + row * 22
        self._draw.rectangle([x, y - 12, x + 22, y - 4], colour)
        draw_text(self._draw, (x + 30, y), name, _TEXT, _INK)
