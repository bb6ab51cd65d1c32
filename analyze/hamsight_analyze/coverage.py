"""Few items that stand for many."""

from __future__ import annotations

from heapq import heapify, heapreplace
from typing import TYPE_CHECKING

from hamsight_analyze.even import even
from hamsight_analyze.progress import Advance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PART = 20_000
_PICKS = 2000
_ROWS = 1024
_POWER = 0.5
"""The exponent of the standard deviation by which features are divided: see `even`."""


def cover(
    features: NDArray[np.floating],
    number: int,
    kept: NDArray[np.int64] | None = None,
    *,
    on_progress: Advance = lambda _: None,
) -> NDArray[np.int64]:
    """Return the places of `number` items, (number,) int64, the most representative first.

    `features` are (n, d) of unit length. The items maximise the sum, over all items, of the cosine
    to the nearest chosen item (facility location), greedily and with lazy evaluation (Minoux
    1978), on features made half `even`. `kept` are places of items that are chosen already; they
    are not returned, and fewer than `number` places are returned if fewer items are free. Of more
    than 20,000 items, 20,000 drawn at random are candidates; more than 2,000 picks are made from
    several such draws, at most 2,000 from each.
    """
    import numpy as np

    held = np.empty(0, np.int64) if kept is None else kept
    free = np.setdiff1d(np.arange(len(features)), held)
    number = min(number, len(free))
    if number == 0:
        return np.empty(0, np.int64)
    parts = -(-number // _PICKS) if len(free) > _PART else 1
    mixed = np.random.default_rng(0).permutation(free) if len(free) > _PART else free
    features = even(features, _POWER)
    own = features[held].astype(np.float32)
    chosen = []
    for part in range(parts):
        size = number * (part + 1) // parts - number * part // parts
        some = mixed[part::parts][: max(_PART, size)]
        picks = _cover_part(features[some].astype(np.float32), size, own, on_progress)
        chosen.append(some[picks])
    order = np.argsort(np.concatenate([np.arange(len(picks)) for picks in chosen]), kind="stable")
    return np.concatenate(chosen)[order]


def _cover_part(
    vectors: NDArray[np.float32],
    number: int,
    kept: NDArray[np.float32],
    on_progress: Advance,
) -> list[int]:
    """Return the places of `number` picks of `vectors` (n, d), with `kept` (m, d) before them."""
    import numpy as np

    count = len(vectors)
    covered = np.full(count, -1, np.float32)
    for start in range(0, len(kept), _ROWS):
        covered = np.maximum(covered, (kept[start : start + _ROWS] @ vectors.T).max(axis=0))
    gains = np.empty(count)
    for start in range(0, count, _ROWS):
        likeness = vectors[start : start + _ROWS] @ vectors.T
        likeness -= covered
        np.maximum(likeness, 0, out=likeness)
        gains[start : start + _ROWS] = likeness.sum(axis=1)
    heap = [(-gain, place) for place, gain in enumerate(gains)]
    heapify(heap)
    picks: list[int] = []
    while len(picks) < number:
        _, place = heap[0]
        likeness = vectors @ vectors[place]
        gain = float(np.maximum(likeness - covered, 0).sum())
        following = min(heap[1:3], default=(np.inf, 0))
        if (-gain, place) <= following:
            picks.append(place)
            covered = np.maximum(covered, likeness)
            heapreplace(heap, (np.inf, place))
            on_progress(1)
        else:
            heapreplace(heap, (-gain, place))
    return picks
