"""Which items are compared with which: all with all, or those of near cells."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Block: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]

EXACT = 100_000
"""Up to so many items all pairs are compared."""
_ROWS, _COLUMNS = 2048, 16_384
_CELL = 1000
"""Items in a cell, on average."""
_SEED = 0


def all_blocks(count: int, *, others: int | None = None, upper: bool = False) -> Iterator[Block]:
    """Yield places of items, rows and columns, of blocks that together hold all pairs.

    Columns are of `others` items where that is given, else of the same.

    The blocks of the same rows follow each other and share one array of rows. With `upper`, blocks
    that lie wholly below the diagonal are left out.
    """
    import numpy as np

    width = count if others is None else others
    for start in range(0, count, _ROWS):
        rows = np.arange(start, min(start + _ROWS, count))
        for first in range(0, width, _COLUMNS):
            columns = np.arange(first, min(first + _COLUMNS, width))
            if not upper or columns[-1] > rows[0]:
                yield rows, columns


def near_blocks(vectors: NDArray[np.floating], probes: int) -> Iterator[Block]:
    """Yield blocks of items that are likely to be near: those of a cell with those of near cells.

    `vectors` are (n, d), float16 or float32, of equal length. An item is in the cell of the
    centre that is nearest to it; centres are items drawn at random, one for 1,000 items. Columns
    are of the `probes` cells whose centres are nearest to that of the rows. Each item is in the
    rows of one cell alone.
    """
    import numpy as np

    count = len(vectors)
    drawn = np.random.default_rng(_SEED).choice(count, max(1, count // _CELL), replace=False)
    centres = vectors[np.sort(drawn)].astype(np.float32)
    own = np.concatenate(
        [
            (vectors[start : start + _ROWS].astype(np.float32) @ centres.T).argmax(axis=1)
            for start in range(0, count, _ROWS)
        ]
    )
    order = np.argsort(own, kind="stable")
    starts = np.searchsorted(own[order], np.arange(len(centres) + 1))
    members = [order[start:end] for start, end in pairwise(starts)]
    for cell, centre in enumerate(centres):
        near = np.argsort(-(centres @ centre), kind="stable")[:probes]
        columns = np.concatenate([members[one] for one in near])
        for first in range(0, len(members[cell]), _ROWS):
            rows = members[cell][first : first + _ROWS]
            for begin in range(0, len(columns), _COLUMNS):
                yield rows, columns[begin : begin + _COLUMNS]
