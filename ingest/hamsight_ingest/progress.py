"""Bars on stderr that show how far a run is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from tqdm import tqdm

from hamsight_core.controls import printable


def bar(
    what: str, unit: str, progress: bool, total: int | None = None, delay: float = 0
) -> tqdm[NoReturn]:
    """Return a bar on stderr, drawn after `delay` seconds.

    None is drawn without `progress`, or where there is no terminal.
    """
    return tqdm(
        total=total,
        desc=printable(what),
        unit=unit,
        delay=delay,
        file=sys.stderr,
        disable=None if progress else True,
        dynamic_ncols=True,
    )


@contextmanager
def shown(
    what: str, unit: str, progress: bool, delay: float = 0
) -> Iterator[Callable[[int, int], None]]:
    """Yield what moves a bar of such a kind: it is told how many of how many are done."""
    with bar(what, unit, progress, delay=delay) as drawn:

        def show(done: int, items: int) -> None:
            drawn.total = items
            drawn.update(done - drawn.n)

        yield show
