"""Tags that do not fit their pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hamsight_analyze.even import even
from hamsight_analyze.kernel_ridge import KernelRidge
from hamsight_analyze.progress import Advance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS = 4096
_CELLS = 4_000_000
"""Numbers of a block of scores, of items by tags, at most."""


@dataclass(frozen=True, slots=True)
class Suspicions:
    """A judgement of each of m given tags, in their order.

    `score` (m,) float32: the higher, the less the tag fits; NaN where it cannot be told.
    `suggested` (m,) int64 is the tag that fits best of those that the item does not have, -1
    for a tag that cannot be judged. `flagged` (m,) bool: both margins prefer another tag, and the
    same tag.
    """

    score: NDArray[np.float32]
    suggested: NDArray[np.int64]
    flagged: NDArray[np.bool_]


def find_mislabelled(
    features: NDArray[np.floating],
    items: NDArray[np.int64],
    tags: NDArray[np.int64],
    *,
    on_progress: Advance = lambda _: None,
) -> Suspicions:
    """Judge each given tag: item `items[i]`, a row of `features` (n, d), has the tag `tags[i]`.

    Pairs of item and tag are each given once. The score is the sum of two margins, by how much
    the given tag fits less than the best that is not given, each over its spread: of likeness to
    the mean of the tag's items, and of a ridge regression with a Gaussian kernel on the tags; both
    made without the item itself. A tag of one item alone cannot be judged, and none is when fewer
    than two tags have several items.
    """
    import numpy as np

    score = np.full(len(tags), np.nan, np.float32)
    suggested = np.full(len(tags), -1, np.int64)
    flagged = np.zeros(len(tags), bool)
    counts = np.bincount(tags, minlength=1)
    known = np.flatnonzero(counts > 1)
    if len(known) < 2:
        return Suspicions(score, suggested, flagged)
    at = np.flatnonzero(counts[tags] > 1)
    number = np.full(len(counts), -1, np.int64)
    number[known] = np.arange(len(known))
    rows, row = np.unique(items[at], return_inverse=True)
    given = _Given(row, number[tags[at]], len(rows), len(known))
    judged = _judge(even(features[rows]), given, on_progress)
    score[at], suggested[at], flagged[at] = judged.score, known[judged.suggested], judged.flagged
    return Suspicions(score, suggested, flagged)


class _Given:
    """The given tags in the order of their items: `row` and `tag` of each, (m,)."""

    def __init__(
        self, row: NDArray[np.int64], tag: NDArray[np.int64], rows: int, tags: int
    ) -> None:
        import numpy as np

        self.order = np.lexsort((tag, row))
        self.row, self.tag, self.tags = row[self.order], tag[self.order], tags
        self._starts = np.searchsorted(self.row, np.arange(rows + 1))
        self._rows = rows

    def blocks(self) -> Iterator[tuple[slice, slice]]:
        """Yield which items, and which of the given tags, are of each block."""
        size = max(1, min(_ROWS, _CELLS // self.tags))
        for start in range(0, self._rows, size):
            end = min(start + size, self._rows)
            yield slice(start, end), slice(int(self._starts[start]), int(self._starts[end]))

    def ones(self, rows: slice, some: slice) -> NDArray[np.float32]:
        """Return the tags of a block of items as ones (rows, tags), others as zeros."""
        import numpy as np

        made = np.zeros((rows.stop - rows.start, self.tags), np.float32)
        made[self.row[some] - rows.start, self.tag[some]] = 1
        return made


def _judge(vectors: NDArray[np.floating], given: _Given, on_progress: Advance) -> Suspicions:
    import numpy as np

    count = len(given.row)
    sums = np.zeros((given.tags, vectors.shape[1]), np.float32)
    for rows, some in given.blocks():
        sums += given.ones(rows, some).T @ vectors[rows].astype(np.float32)
    ridge = KernelRidge(vectors, ((rows, given.ones(rows, some)) for rows, some in given.blocks()))
    margins = np.empty((2, count), np.float32)
    others = np.empty((2, count), np.int64)
    for rows, some in given.blocks():
        block = vectors[rows].astype(np.float32)
        ones = given.ones(rows, some)
        row, tag = given.row[some] - rows.start, given.tag[some]
        without = sums[tag] - block[row]
        own = np.einsum("ij,ij->i", block[row], without) / _lengths(without)
        likeness = block @ (sums / _lengths(sums)[:, None]).T
        for way, scores in enumerate((likeness, ridge.without_own(block, ones))):
            fits = own if way == 0 else scores[row, tag]
            scores[ones > 0] = -np.inf
            others[way, some] = scores.argmax(axis=1)[row]
            margins[way, some] = fits - scores.max(axis=1)[row]
        on_progress(rows.stop - rows.start)
    # An item that has every tag has none to prefer.
    known = margins[:, np.isfinite(margins).all(axis=0)]
    spread = known.std(axis=1) if known.shape[1] else np.ones(2, np.float32)
    scaled = margins / np.maximum(spread, 1e-9)[:, None]
    flagged = (margins < 0).all(axis=0) & (others[0] == others[1])
    better = np.where(scaled[0] < scaled[1], others[0], others[1])
    score, suggested = np.empty(count, np.float32), np.empty(count, np.int64)
    put = given.order
    score[put], suggested[put] = -scaled.sum(axis=0), better
    told = np.empty(count, bool)
    told[put] = flagged
    score[~np.isfinite(score)] = np.nan
    return Suspicions(score, suggested, told)


def _lengths(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    lengths: NDArray[np.float32] = np.linalg.norm(vectors, axis=-1)
    return np.where(lengths == 0, 1, lengths)
