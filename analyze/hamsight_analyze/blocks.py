"""Which items are compared with which: all with all, or those of near cells."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Block: TypeAlias = tuple[NDArray[np.int64], Iterable[NDArray[np.int64]]]
    """Rows, and parts of the columns that they are compared with."""

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

EXACT = 100_000
"""Up to so many items all pairs are compared."""
_ROWS, _COLUMNS = 2048, 16_384
_ASSIGNED = 512
"""Items whose cells one thread finds at a time."""
_CENTRES, _LEAST = 4.0, 100
"""Cells are 4 times the root of the number of items, of 100 items at least on average."""
_SEED = 0


def all_blocks(count: int, *, others: int | None = None, upper: bool = False) -> Iterator[Block]:
    """Yield blocks that together hold all pairs of places of items.

    Columns are of `others` items where that is given, else of the same. With `upper`, parts that
    lie wholly below the diagonal are left out.
    """
    import numpy as np

    columns = list(_parts(np.arange(count if others is None else others)))
    for start in range(0, count, _ROWS):
        rows = np.arange(start, min(start + _ROWS, count))
        yield rows, [part for part in columns if not upper or part[-1] > start]


def near_blocks(vectors: NDArray[np.floating], probes: int) -> Iterator[Block]:
    """Yield blocks of items that are likely to be near.

    `vectors` are (n, d), float16 or float32, of equal length. Cells have a centre each, an item
    drawn at random; of a million items there are 4,000. Rows are the items of a cell, those to
    which its centre is the nearest, and columns the items to which it is one of the `probes`
    nearest. Each item is in the rows of one cell alone.
    """
    import numpy as np

    count = len(vectors)
    number = max(1, min(int(_CENTRES * count**0.5), count // _LEAST))
    drawn = np.random.default_rng(_SEED).choice(count, number, replace=False)
    centres = vectors[np.sort(drawn)].astype(np.float32)
    near = _nearest_cells(vectors, centres, min(probes, len(centres)))
    own = _members(near[:, :1], len(centres))
    for mine, columns in zip(own, _members(near, len(centres)), strict=True):
        for first in range(0, len(mine), _ROWS):
            yield mine[first : first + _ROWS], _parts(columns)


def in_threads(work: Callable[[Asked], Answer], asked: Iterable[Asked]) -> Iterator[Answer]:
    """Yield the answers of `work` in the order of what is asked, worked out by all cores.

    It is for many small pieces of work, such as near blocks: a product of small matrices gains
    nothing from several threads of its own, so it has one meanwhile.
    """
    from threadpoolctl import threadpool_limits

    threads = os.cpu_count() or 1
    waiting: deque[Future[Answer]] = deque()
    with threadpool_limits(1), ThreadPoolExecutor(threads, "analysis") as pool:
        for one in asked:
            waiting.append(pool.submit(work, one))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _parts(columns: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for first in range(0, len(columns), _COLUMNS):
        yield columns[first : first + _COLUMNS]


def _nearest_cells(
    vectors: NDArray[np.floating], centres: NDArray[np.float32], probes: int
) -> NDArray[np.int32]:
    """Return the cells (n, probes) whose centres are nearest to each item, the nearest first."""
    import numpy as np

    def nearest(start: int) -> NDArray[np.int64]:
        likeness = vectors[start : start + _ASSIGNED].astype(np.float32) @ centres.T
        best = np.argpartition(-likeness, probes - 1, axis=1)[:, :probes]
        order = np.argsort(-np.take_along_axis(likeness, best, 1), axis=1, kind="stable")
        return np.take_along_axis(best, order, 1)

    near = np.empty((len(vectors), probes), np.int32)
    starts = range(0, len(vectors), _ASSIGNED)
    for start, found in zip(starts, in_threads(nearest, starts), strict=True):
        near[start : start + _ASSIGNED] = found
    return near


def _members(near: NDArray[np.int32], cells: int) -> list[NDArray[np.int64]]:
    """Return the items of each cell, of items that are each in some cells (n, probes)."""
    import numpy as np

    order = np.argsort(near.ravel(), kind="stable")
    starts = np.searchsorted(near.ravel()[order], np.arange(cells + 1))
    return [order[start:end] // near.shape[1] for start, end in pairwise(starts)]
