"""Items unlike the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_REACH = 1.0
"""How many interquartile ranges above the third quartile a score is flagged."""
_ROWS = 8192
_SAMPLE = 50_000
_TO_DEVIATION = 1.4826
"""The standard deviation of a normal distribution over its median absolute deviation."""


def outlier_scores(features: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return how unlike the others each item is, (n,) float32, and which are flagged, (n,) bool.

    `features` are (n, d) of unit length. The score is the root of the mean square, over all
    dimensions, of the robust z-value: the distance from the median over the median absolute
    deviation, both of at most 50,000 items drawn at random. A typical item has 1. Scores more than
    one interquartile range above the third quartile are flagged (Tukey's fences, 1977, with 1 in
    place of 1.5). Fewer than three items get 0 and are not flagged.
    """
    import numpy as np

    count = len(features)
    if count < 3:
        return np.zeros(count, np.float32), np.zeros(count, bool)
    some = features
    if count > _SAMPLE:
        drawn = np.random.default_rng(0).choice(count, _SAMPLE, replace=False)
        some = features[np.sort(drawn)]
    some = some.astype(np.float32)
    middle = np.median(some, axis=0)
    spread = _TO_DEVIATION * np.median(np.abs(some - middle), axis=0)
    scale = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 1e-6)
    score = np.empty(count, np.float32)
    for start in range(0, count, _ROWS):
        off = (features[start : start + _ROWS].astype(np.float32) - middle) * scale
        score[start : start + _ROWS] = np.sqrt(np.square(off).mean(axis=1))
    low, high = np.quantile(score, [0.25, 0.75])
    return score, score > high + _REACH * (high - low)
