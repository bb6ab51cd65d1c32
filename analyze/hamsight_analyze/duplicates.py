"""Pairs of items that show the same picture, be it scaled, cropped, mirrored or edited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hamsight_analyze.blocks import EXACT, all_blocks, near_blocks
from hamsight_analyze.copy_groups import connected
from hamsight_analyze.even import even
from hamsight_analyze.hash_distances import HashDistances
from hamsight_analyze.progress import Advance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hamsight_analyze.blocks import Block

_UNLIKE = 21
"""Coarse bits, a third of them: few photos that have nothing in common differ in no more."""
_GROUND = 0.05
_COMPARED = 400_000_000
"""Pairs that are compared to find the ground."""
_PAIRS = 1_000_000
"""Pairs that are looked at together."""
_GIANT = 1000
_BY_HASH, _BY_FEATURE = 16, 16
"""Near cells in which the pairs of a large catalog are sought: 99 % of them are found so."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Which pairs are duplicates.

    Those whose perceptual hashes differ in `bits` of 256 at most; and those that differ in `coarse`
    of the 64 coarse bits at most and whose even cosine distance is at most `most` x ground, and at
    most `reach` x ground x (`end` - coarse bits that differ) / 64. The ground is the 5th percentile
    of the distance of an item to the nearest other that looks different.
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
        ground: float,
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
    are (n, d) of unit length, or None: hashes alone decide then. Up to `exact` items all pairs are
    compared; above, those of near cells, by hash and by feature. `near` are pairs, (m,) and (m,),
    of items that are neighbours by their features, where these are known: no others are compared
    by features then. Items that such pairs connect are all compared. `on_progress` hears of each
    item once for hashes and once for features.
    """
    import numpy as np

    count = len(hashes)
    limits = STRICT if strict else MANY if count >= _MANY else USUAL
    looks = HashDistances(hashes)
    every = count <= exact
    blocks = all_blocks(count, upper=True) if every else near_blocks(looks.vectors(), _BY_HASH)
    found = [_alike(looks, blocks, limits, on_progress)]
    if features is not None and count > 1:
        vectors = even(features)
        ground = _ground(looks, vectors)
        if near is not None:
            keys = np.unique(np.minimum(*near) * count + np.maximum(*near))
            found.append(_held(looks, vectors, keys, limits, ground))
            on_progress(count)
        else:
            blocks = all_blocks(count, upper=True) if every else near_blocks(vectors, _BY_FEATURE)
            found.append(_near(looks, vectors, blocks, limits, ground, on_progress))
        if near is not None or not every:
            between = _between(np.unique(np.concatenate(found)), count)
            found.append(_held(looks, vectors, between, limits, ground))
    keys = np.unique(np.concatenate(found))
    first, second = np.divmod(keys, max(count, 1))
    similarity = _similarity(features, first, second)
    distance, _ = looks.of_pairs(first, second)
    order = np.lexsort((second, first, -similarity, distance))
    return Pairs(first[order], second[order], distance[order], similarity[order])


def _alike(
    looks: HashDistances, blocks: Iterable[Block], limits: Limits, on_progress: Advance
) -> NDArray[np.int64]:
    """Return the pairs whose hashes alone say that they are duplicates, as keys."""
    import numpy as np

    found = [np.empty(0, np.int64)]
    for rows, parts in blocks:
        for columns in parts:
            at = np.flatnonzero(looks.matrix(rows, columns) <= limits.bits)
            found.append(_keys(rows, columns, at, len(looks)))
        on_progress(len(rows))
    return np.concatenate(found)


def _near(
    looks: HashDistances,
    vectors: NDArray[np.floating],
    blocks: Iterable[Block],
    limits: Limits,
    ground: float,
    on_progress: Advance,
) -> NDArray[np.int64]:
    """Return the pairs that features say are duplicates, as keys."""
    import numpy as np

    most = limits.most * ground
    found = [np.empty(0, np.int64)]
    for rows, parts in blocks:
        own = vectors[rows].astype(np.float32)
        for columns in parts:
            likeness = own @ vectors[columns].astype(np.float32).T
            keys = _keys(rows, columns, np.flatnonzero(likeness >= 1 - most), len(looks))
            found.append(_held(looks, vectors, keys, limits, ground))
        on_progress(len(rows))
    return np.concatenate(found)


def _held(
    looks: HashDistances,
    vectors: NDArray[np.floating],
    keys: NDArray[np.int64],
    limits: Limits,
    ground: float,
) -> NDArray[np.int64]:
    """Return those of the pairs, as keys, that are duplicates."""
    import numpy as np

    held = [np.empty(0, np.int64)]
    for start in range(0, len(keys), _PAIRS):
        some = keys[start : start + _PAIRS]
        first, second = np.divmod(some, len(looks))
        distance = 1 - _similarity(vectors, first, second)
        held.append(some[limits.hold(*looks.of_pairs(first, second), distance, ground)])
    return np.concatenate(held)


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
    return np.unique(np.minimum(one, other) * count + np.maximum(one, other))


def _ground(looks: HashDistances, vectors: NDArray[np.floating]) -> float:
    """Return the 5th percentile of the distance to the nearest item that looks different."""
    import numpy as np

    count = len(vectors)
    most = max(1, _COMPARED // count)
    asked = np.arange(count)
    if most < count:
        asked = np.sort(np.random.default_rng(0).choice(count, most, replace=False))
    nearest = np.full(len(asked), -np.inf, np.float32)
    for places, parts in all_blocks(len(asked), others=count):
        rows = asked[places]
        own = vectors[rows].astype(np.float32)
        for columns in parts:
            likeness = own @ vectors[columns].astype(np.float32).T
            likeness[looks.matrix(rows, columns, coarse=True) <= _UNLIKE] = -np.inf
            likeness[rows[:, None] == columns] = -np.inf
            nearest[places] = np.maximum(nearest[places], likeness.max(axis=1))
    nearest = nearest[np.isfinite(nearest)]
    return float(np.quantile(1 - nearest, _GROUND)) if len(nearest) else 0.0


def _similarity(
    features: NDArray[np.floating] | None, first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float32]:
    import numpy as np

    found = np.full(len(first), np.nan, np.float32)
    if features is not None:
        for start in range(0, len(first), 65_536):
            some = slice(start, start + 65_536)
            one, other = (features[at[some]].astype(np.float32) for at in (first, second))
            found[some] = np.einsum("ij,ij->i", one, other)
    return found
