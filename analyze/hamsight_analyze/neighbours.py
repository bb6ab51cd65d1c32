"""The nearest items of each item by cosine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hamsight_analyze.blocks import EXACT, all_blocks, in_threads, near_blocks
from hamsight_analyze.progress import Advance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hamsight_analyze.blocks import Block

NEIGHBOURS = 20
_PROBES = 16
_ASKED = 256
"""Items whose neighbours are also sought exactly, to measure the recall of cells."""
_GROUP = 16


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest of n items: `places` (n, k) int32, nearest first, `similarity` (n, k) float32.

    An item is no neighbour of its own. Where fewer than k are known, places are -1 and
    similarities -1. `recall` is the share of exact neighbours that are there: 1 where all pairs
    were compared, else measured on 256 items.
    """

    places: NDArray[np.int32]
    similarity: NDArray[np.float32]
    recall: float

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the places of each item and of each neighbour that is known, (m,) and (m,)."""
        import numpy as np

        known = self.places >= 0
        items = np.repeat(np.arange(len(self.places)), known.sum(axis=1))
        return items, self.places[known].astype(np.int64)


def find_neighbours(
    features: NDArray[np.floating],
    k: int = NEIGHBOURS,
    *,
    exact: int = EXACT,
    on_progress: Advance = lambda _: None,
) -> Neighbours:
    """Return the k nearest of each item by cosine.

    `features` are (n, d) of unit length, float16 or float32. Up to `exact` items all pairs are
    compared, block by block, in some 400 MiB beside the features; above, each item with those of
    16 near cells (`near_blocks`).
    """
    import numpy as np

    count = len(features)
    k = min(k, max(count - 1, 0))
    places = np.full((count, k), -1, np.int32)
    similarity = np.full((count, k), -1, np.float32)
    if k == 0:
        return Neighbours(places, similarity, 1.0)
    if count <= exact:
        _fill(places, similarity, features, features, all_blocks(count), on_progress)
        return Neighbours(places, similarity, 1.0)

    def fill(block: Block) -> int:
        _fill(places, similarity, features, features, [block])
        return len(block[0])

    for done in in_threads(fill, near_blocks(features, _PROBES)):
        on_progress(done)
    asked = np.sort(np.random.default_rng(0).choice(count, min(_ASKED, count), replace=False))
    # Of these arrays only the asked rows are ever touched.
    exact_places, exact_similarity = np.empty_like(places), np.empty_like(similarity)
    exact_places[asked], exact_similarity[asked] = -1, -1
    some = _blocks_of(asked, np.arange(count))
    _fill(exact_places, exact_similarity, features, features, some)
    held = [len(np.intersect1d(places[one], exact_places[one])) for one in asked]
    return Neighbours(places, similarity, float(np.mean(held)) / k)


def update_neighbours(
    features: NDArray[np.floating],
    near: Neighbours,
    asked: NDArray[np.bool_],
    changed: NDArray[np.bool_],
) -> Neighbours:
    """Return neighbours after a change of some items, from those of before.

    `features` are (n, d) of all items and `near` their neighbours. Those of the `asked` items, (n,)
    bool, are found among all; the others get the `changed` ones, which are asked too, where these
    are nearer.
    """
    import numpy as np

    places, similarity = near.places.copy(), near.similarity.copy()
    rest, new = np.flatnonzero(~asked), np.flatnonzero(changed)
    sought = np.flatnonzero(asked)
    places[sought], similarity[sought] = -1, -1
    everything = np.arange(len(asked))
    for blocks in (_blocks_of(sought, everything), _blocks_of(rest, new)):
        _fill(places, similarity, features, features, blocks)
    return Neighbours(places, similarity, near.recall)


def _blocks_of(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Iterator[Block]:
    """Yield blocks of all pairs of these rows and these columns."""
    for of_rows, parts in all_blocks(len(rows), others=len(columns)):
        yield rows[of_rows], (columns[part] for part in parts)


def nearest_among(
    asked: NDArray[np.floating],
    known: NDArray[np.floating],
    k: int,
    *,
    on_progress: Advance = lambda _: None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the places (m, k) of the nearest known vectors of each asked one, and distances.

    `asked` are (m, d) and `known` (n, d); distances are Euclidean, the nearest first. Where fewer
    than k are known, k is their number.
    """
    import numpy as np

    k = min(k, len(known))
    places = np.full((len(asked), k), -1, np.int32)
    least = np.full((len(asked), k), -np.inf, np.float32)
    # The nearest by distance are those of the greatest product less half the square of a length.
    known = known.astype(np.float32)
    lengths = np.square(known).sum(axis=1, keepdims=True)
    longer = np.concatenate([asked.astype(np.float32), np.ones((len(asked), 1), np.float32)], 1)
    others = np.concatenate([known, -lengths / 2], axis=1)
    blocks = all_blocks(len(asked), others=len(known)) if k else ()
    _fill(places, least, longer, others, blocks, on_progress)
    squares = np.square(longer[:, :-1]).sum(axis=1, keepdims=True) - 2 * least
    return places, np.sqrt(np.maximum(squares, 0))


def _fill(
    places: NDArray[np.int32],
    similarity: NDArray[np.float32],
    features: NDArray[np.floating],
    others: NDArray[np.floating],
    blocks: Iterable[Block],
    on_progress: Advance = lambda _: None,
) -> None:
    """Put the best of all blocks into `places` and `similarity`.

    Rows are of `features` and columns of `others`; where both are the same array, an item is no
    neighbour of its own.
    """
    import numpy as np

    for rows, parts in blocks:
        held = features[rows].astype(np.float32)
        for columns in parts:
            likeness = held @ others[columns].astype(np.float32).T
            if others is features:
                likeness[rows[:, None] == columns] = -np.inf
            _keep_best(places, similarity, rows, columns, likeness)
        on_progress(len(rows))


def _keep_best(
    places: NDArray[np.int32],
    similarity: NDArray[np.float32],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    likeness: NDArray[np.float32],
) -> None:
    """Merge the best of a block (rows, columns) into the best of its rows so far.

    The k-th best of the bests of groups of columns is a bound that few values reach, and that
    all of the best k do; it takes a small part of the time of sorting.
    """
    import numpy as np

    k = places.shape[1]
    bound = similarity[rows, -1]
    groups = len(columns) // _GROUP
    if groups > k:
        grouped = likeness[:, : groups * _GROUP].reshape(len(rows), _GROUP, groups).max(axis=1)
        bound = np.maximum(bound, np.partition(grouped, groups - k, axis=1)[:, groups - k])
    flat = np.flatnonzero(likeness >= bound[:, None])
    row, column = np.divmod(flat, len(columns))
    counts = np.bincount(row, minlength=len(rows))
    if not len(row):
        return
    place = np.arange(len(row)) - (np.cumsum(counts) - counts)[row]
    width = int(counts.max())
    found = np.full((len(rows), width), -1, np.int32)
    values = np.full((len(rows), width), -np.inf, np.float32)
    found[row, place] = columns[column]
    values[row, place] = likeness[row, column]
    both = np.concatenate([places[rows], found], axis=1)
    best = np.concatenate([similarity[rows], values], axis=1)
    order = np.argsort(-best, axis=1, kind="stable")[:, :k]
    places[rows] = np.take_along_axis(both, order, 1)
    similarity[rows] = np.take_along_axis(best, order, 1)
