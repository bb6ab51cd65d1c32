"""Pairs of items that show the same picture, be it scaled, cropped, mirrored or edited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hamsight_analyze.blocks import EXACT, all_blocks, in_threads, near_blocks
from hamsight_analyze.copy_groups import connected
from hamsight_analyze.even import even
from hamsight_analyze.hash_distances import HashDistances
from hamsight_analyze.neighbours import find_neighbours
from hamsight_analyze.progress import Advance
from hamsight_core.distinct import distinct

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hamsight_analyze.blocks import Block

_UNLIKE = 21
"""Coarse bits, a third of them: few photos that have nothing in common differ in no more."""
_GROUND = 0.05
_ASKED = 20_000
"""Items at most whose neighbours tell the ground."""
_LOCAL = 0.6
"""How much nearer, at least, a copy is than the second neighbour that looks different."""
_PAIRS, _COSINES = 65_536, 16_384
"""Pairs whose bits, and whose cosines, one thread works out at a time."""
_GIANT = 1000
_BY_HASH = 16
"""Near cells in which the pairs of a large catalog are sought: 99 % of them are found so."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Which pairs are duplicates.

    Those whose perceptual hashes differ in `bits` of 256 at most; and those that differ in `coarse`
    of the 64 coarse bits at most and whose even cosine distance is at most `most` x ground, and at
    most `reach` x ground x (`end` - coarse bits that differ) / 64. The ground of a pair is how near
    items are there that look different: see `_Grounds`.
    """

    bits: int
    coarse: int
    reach: float
    end: int
    most: float

    def hold(
        self,
        bits: NDArray[np.integer],
        coarse: NDArray[np.integer],
        distance: NDArray[np.floating],
        ground: NDArray[np.floating],
    ) -> NDArray[np.bool_]:
        """Return which pairs are duplicates."""
        import numpy as np

        far = np.minimum(self.reach * (self.end - coarse) / 64, self.most) * ground
        near: NDArray[np.bool_] = (distance <= far) & (coarse <= self.coarse)
        return near | (bits <= self.bits)


USUAL, MANY = Limits(64, 20, 2.75, 34, 1.3), Limits(56, 20, 2.5, 32, 1.3)
STRICT = Limits(48, 16, 1.6, 28, 0.7)
_MANY = 300_000
"""From so many items on, chance brings hashes nearer to each other: `MANY` holds."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of places of items, each once and `first` < `second`, the nearest first.

    `first` and `second` are (m,) int64; `distance` (m,) int64 is the number of bits, of 256, in
    which perceptual hashes differ; `similarity` (m,) float32 is the cosine of the features, NaN
    without features.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.int64]
    similarity: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.first)


def find_duplicates(
    hashes: NDArray[np.uint8],
    features: NDArray[np.floating] | None,
    *,
    strict: bool = False,
    near: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
    exact: int = EXACT,
    on_progress: Advance = lambda _: None,
) -> Pairs:
    """Return the pairs of items that show the same picture.

    `hashes` are (n, 2, 32) uint8: of the picture, and of the picture without margins. `features`
    are (n, d) of unit length, or None: hashes alone decide then. By hash all pairs of up to `exact`
    items are compared, and above, those of near cells. By features each item is compared with its
    neighbours, of which `near` are the pairs, (m,) and (m,), where they are known; then with all
    items that such pairs connect it with. `on_progress` hears of each item once for hashes and once
    for features.
    """
    import numpy as np

    count = len(hashes)
    limits = STRICT if strict else MANY if count >= _MANY else USUAL
    looks = HashDistances(hashes)
    keys = _alike(looks, limits, exact, on_progress)
    if features is not None and count > 1:
        if near is None:
            near = find_neighbours(features, exact=exact, on_progress=on_progress).pairs()
        else:
            on_progress(count)
        vectors = even(features)
        sought = distinct(np.minimum(*near) * count + np.maximum(*near))
        grounds = _Grounds(looks, vectors, sought)
        found = np.concatenate([keys, grounds.held(sought, limits)])
        between = _between(distinct(found), count)
        keys = distinct(np.concatenate([found, grounds.held(between, limits)]))
    first, second = np.divmod(keys, max(count, 1))
    similarity = _similarity(features, first, second)
    distance, _ = looks.of_pairs(first, second)
    order = np.lexsort((second, first, -similarity, distance))
    return Pairs(first[order], second[order], distance[order], similarity[order])


def _alike(
    looks: HashDistances, limits: Limits, exact: int, on_progress: Advance
) -> NDArray[np.int64]:
    """Return the pairs whose hashes alone say that they are duplicates, as keys."""
    import numpy as np

    def alike(block: Block) -> tuple[int, list[NDArray[np.int64]]]:
        rows, parts = block
        keys = []
        for columns in parts:
            at = np.flatnonzero(looks.matrix(rows, columns) <= limits.bits)
            keys.append(_keys(rows, columns, at, len(looks)))
        return len(rows), keys

    every = len(looks) <= exact
    found = [np.empty(0, np.int64)]
    for done, keys in (
        map(alike, all_blocks(len(looks), upper=True))
        if every
        else in_threads(alike, near_blocks(looks.vectors(), _BY_HASH))
    ):
        found += keys
        on_progress(done)
    return np.concatenate(found)


class _Grounds:
    """How near items are that look different, in all and about each item, of pairs of neighbours.

    The ground of all is the 5th percentile of the even cosine distance of an item to the nearest
    neighbour that looks different. Of a pair it is the root of this times 0.6 of the lesser of the
    distances of its two items to the second neighbour that looks different: parts of a catalog
    differ in how alike their pictures are (as in local scaling, Zelnik-Manor & Perona 2004). The
    second, as the first may be a copy that is much changed.
    """

    def __init__(
        self, looks: HashDistances, vectors: NDArray[np.floating], keys: NDArray[np.int64]
    ) -> None:
        """`keys` are all pairs of neighbours, first x n + second."""
        import numpy as np

        self._looks, self._vectors = looks, vectors
        count = len(vectors)
        self._unlike = keys[self._bits_of(keys)[1] > _UNLIKE]
        drawn = np.random.default_rng(0).permutation(count)[:_ASKED]
        nearest = self._two_nearest(drawn)[:, 0]
        nearest = nearest[np.isfinite(nearest)]
        self._of_all = float(np.quantile(nearest, _GROUND)) if len(nearest) else 0.0

    def held(self, keys: NDArray[np.int64], limits: Limits) -> NDArray[np.int64]:
        """Return those of the pairs, as keys, that are duplicates."""
        import numpy as np

        bits, coarse = self._bits_of(keys)
        some = (coarse <= limits.coarse) | (bits <= limits.bits)
        keys, bits, coarse = keys[some], bits[some], coarse[some]
        first, second = np.divmod(keys, len(self._looks))
        distance = 1 - _similarity(self._vectors, first, second)
        return keys[limits.hold(bits, coarse, distance, self._of_pairs(first, second))]

    def _bits_of(self, keys: NDArray[np.int64]) -> NDArray[np.int16]:
        """Return the bits (2, m) in which items of pairs differ, and the coarse ones."""
        import numpy as np

        count = len(self._looks)

        def bits_of(start: int) -> NDArray[np.int16]:
            pairs = np.divmod(keys[start : start + _PAIRS], count)
            return np.array(self._looks.of_pairs(*pairs), np.int16)

        found = [np.empty((2, 0), np.int16), *in_threads(bits_of, range(0, len(keys), _PAIRS))]
        return np.concatenate(found, axis=1)

    def _of_pairs(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the ground of each pair (m,); that of all where too few neighbours are known."""
        import numpy as np

        places, at = np.unique(np.concatenate([first, second]), return_inverse=True)
        local = self._two_nearest(places)[at, 1].reshape(2, -1).min(axis=0)
        local = np.where(np.isfinite(local), _LOCAL * local, self._of_all)
        ground: NDArray[np.float64] = np.sqrt(self._of_all * np.maximum(local, 0))
        return ground

    def _two_nearest(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the distances (m, 2) of items to their nearest two that look different."""
        import numpy as np

        count = len(self._looks)
        asked = np.zeros(count, bool)
        asked[places] = True
        first, second = np.divmod(self._unlike, count)
        some = asked[first] | asked[second]
        first, second = first[some], second[some]
        distance = np.tile(1 - _similarity(self._vectors, first, second), 2)
        item = np.concatenate([first, second])
        order = np.lexsort((distance, item))
        item, distance = item[order], distance[order]
        starts = np.searchsorted(item, places)
        nearest = np.full((len(places), 2), np.inf)
        for way in (0, 1):
            at = np.minimum(starts + way, max(len(item) - 1, 0))
            if len(item):
                own = (item[at] == places) & (starts + way < len(item))
                nearest[own, way] = distance[at[own]]
        return nearest


def _between(keys: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return all pairs, as keys, of items that the given pairs connect, in groups of no giants."""
    import numpy as np

    made = [np.empty(0, np.int64)]
    for members in connected(*np.divmod(keys, count)):
        if 2 < len(members) <= _GIANT:
            one, other = np.triu_indices(len(members), 1)
            made.append(members[one] * count + members[other])
    return np.concatenate(made)


def _keys(
    rows: NDArray[np.int64], columns: NDArray[np.int64], at: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Return the pairs at places of a block as first x count + second, first < second."""
    import numpy as np

    row, column = np.divmod(at, len(columns))
    one, other = rows[row], columns[column]
    apart = one != other
    one, other = one[apart], other[apart]
    return distinct(np.minimum(one, other) * count + np.maximum(one, other))


def _similarity(
    features: NDArray[np.floating] | None, first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float32]:
    import numpy as np

    if features is None or not len(first):
        return np.full(len(first), np.nan, np.float32)

    def cosines(start: int) -> NDArray[np.float32]:
        some = slice(start, start + _COSINES)
        one, other = (features[at[some]].astype(np.float32) for at in (first, second))
        found: NDArray[np.float32] = np.einsum("ij,ij->i", one, other)
        return found

    return np.concatenate(list(in_threads(cosines, range(0, len(first), _COSINES))))
