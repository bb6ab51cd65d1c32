"""How far an analysis is: who is told, and the bar on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]
"""Is told how many of how many steps are done."""

Advance = Callable[[int], None]
"""Is told how many more steps are done."""


@contextmanager
def bar_of(what: str, shown: bool, on_progress: Progress | None = None) -> Iterator[Progress]:
    """Yield a callable for progress, which moves a bar on stderr and calls `on_progress`."""
    from tqdm import tqdm

    disable = None if shown else True  # None shows the bar on a terminal alone
    with tqdm(desc=what, unit=" items", disable=disable, delay=1, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
            if on_progress is not None:
                on_progress(done, total)

        yield show


def counted(show: Progress, total: int) -> Advance:
    """Return a callable that adds up steps, of `total`, and tells `show` their sum."""
    done = 0

    def add(steps: int) -> None:
        nonlocal done
        done += steps
        show(done, total)

    add(0)
    return add
