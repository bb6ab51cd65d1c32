"""Two-sample tests: whether two sets of items come from one distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hamsight_analyze.even import even

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST = 2000
"""Items of each side that take part."""
_PERMUTATIONS = 500
_NEAR = 10
"""Neighbours of each item that the tests `neighbours` and `tail` look at."""
_TAIL = 0.1
_RIDGE = 1.0
"""The ridge penalty, in means of the eigenvalues of features of unit length."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How two sets differ.

    `p` is the probability of a difference at least this large if both sets are drawn from one
    distribution, by the test with the least p. `tests` holds the statistic of each test, and
    `each` its own p:

    - `neighbours`: the share of the ten nearest items that are of the item's own set (Schilling
      1986), as the mean of the shares of both sets, so that the larger counts for no more.
    - `mean_discrepancy`: the squared maximum mean discrepancy, unbiased, with a Gaussian kernel of
      the median squared distance (Gretton et al. 2012).
    - `classifier`: the area under the ROC curve of a ridge classifier, whose predictions leave each
      item out (Lopez-Paz & Oquab 2017 test with the accuracy).
    - `tail`: of the tenth of all items that is farthest from its ten nearest, how far the share of
      b is from b's share of all.

    `typical` (n,) float32, of a's items and then b's, is the answer of the classifier: the higher,
    the more typical of b.
    """

    p: float
    tests: dict[str, float]
    each: dict[str, float]
    typical: NDArray[np.float32]


def compare_sets(a: NDArray[np.floating], b: NDArray[np.floating]) -> Difference:
    """Compare two sets of features, (n, d) and (m, d) of unit length.

    Four permutation tests share 500 permutations; the least of their p is corrected for the number
    of tests by the least p of each permutation (Westfall & Young 1993). At most 2,000 items of
    each set, drawn at random, are tested; `typical` is of all items. With fewer than two items
    in a set, `p` is 1 and there are no tests.
    """
    import numpy as np

    draw = np.random.default_rng(0)
    places = [draw.permutation(len(side))[:_MOST] for side in (a, b)]
    whole = np.concatenate([a, b])
    some = np.concatenate([np.sort(places[0]), len(a) + np.sort(places[1])])
    of_b = some >= len(a)
    vectors = even(whole)
    typical = np.zeros(len(whole), np.float32)
    if len(places[0]) < 2 or len(places[1]) < 2:
        return Difference(1.0, {}, {}, typical)
    drawn = vectors[some].astype(np.float32)
    labels = np.stack([of_b] + [draw.permutation(of_b) for _ in range(_PERMUTATIONS)], axis=1)
    tests = _statistics(whole[some].astype(np.float32), drawn, labels.astype(np.float32))
    names = list(tests)
    ranks = np.stack([_shares_above(tests[name]) for name in names])
    least = ranks.min(axis=0)
    p = float((least <= least[0]).mean())
    weights = np.linalg.solve(
        drawn.T @ drawn + _strength(drawn) * np.eye(drawn.shape[1], dtype=np.float32),
        drawn.T @ (of_b - of_b.mean()).astype(np.float32),
    )
    typical = (vectors.astype(np.float32) @ weights).astype(np.float32)
    return Difference(
        p,
        {name: float(tests[name][0]) for name in names},
        {name: float(ranks[at, 0]) for at, name in enumerate(names)},
        typical,
    )


def _statistics(
    raw: NDArray[np.float32], vectors: NDArray[np.float32], labels: NDArray[np.float32]
) -> dict[str, NDArray[np.float64]]:
    """Return each statistic of every column of `labels` (n, permutations), 1 for items of b."""
    import numpy as np

    count = len(raw)
    likeness = vectors @ vectors.T
    apart = np.maximum(2 - 2 * likeness, 0)
    off = ~np.eye(count, dtype=bool)
    kernel = np.exp(-apart / max(float(np.median(apart[off])), 1e-6))
    np.fill_diagonal(kernel, 0)
    n_b = labels[:, 0].sum()
    n_a = count - n_b
    both = kernel @ labels
    total, within = kernel.sum(), (labels * both).sum(axis=0)
    rows = kernel.sum(axis=1) @ labels
    within_a = total - 2 * rows + within
    discrepancy = (
        within_a / (n_a * (n_a - 1))
        + within / (n_b * (n_b - 1))
        - 2 * (rows - within) / (n_a * n_b)
    )
    np.fill_diagonal(likeness, -np.inf)
    k = min(_NEAR, count - 1)
    near = np.argpartition(-likeness, k - 1, axis=1)[:, :k]
    of_b = np.stack([labels[near[:, place]] for place in range(k)]).mean(axis=0)
    own = (labels * of_b).sum(axis=0) / n_b + ((1 - labels) * (1 - of_b)).sum(axis=0) / n_a
    plain = raw @ raw.T
    np.fill_diagonal(plain, -np.inf)
    far = -np.partition(plain, count - k, axis=1)[:, count - k :].mean(axis=1)
    tail = far >= np.quantile(far, 1 - _TAIL)
    more = np.abs(labels[tail].mean(axis=0) - n_b / count)
    return {
        "neighbours": own / 2,
        "mean_discrepancy": discrepancy,
        "classifier": _areas(_left_out(vectors, labels), labels),
        "tail": more,
    }


def _strength(vectors: NDArray[np.float32]) -> float:
    return float(_RIDGE * len(vectors) / vectors.shape[1])


def _left_out(vectors: NDArray[np.float32], labels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the predictions of a ridge regression that leave each item out itself."""
    import numpy as np

    left, values, _ = np.linalg.svd(vectors, full_matrices=False)
    shrink = values**2 / (values**2 + _strength(vectors))
    centred = labels - labels.mean(axis=0)
    own = ((left**2) @ shrink + 1 / len(vectors))[:, None]
    fitted = left @ (shrink[:, None] * (left.T @ centred))
    left_out: NDArray[np.float32] = (fitted - own * centred) / np.maximum(1 - own, 1e-3)
    return left_out


def _areas(scores: NDArray[np.float32], labels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the area under the ROC curve of each column."""
    import numpy as np

    ranks = np.empty(scores.shape)
    np.put_along_axis(ranks, scores.argsort(axis=0), np.arange(1.0, len(scores) + 1)[:, None], 0)
    n_b = labels[:, 0].sum()
    n_a = len(labels) - n_b
    areas: NDArray[np.float64] = (ranks * labels).sum(axis=0) - n_b * (n_b + 1) / 2
    areas /= n_a * n_b
    return areas


def _shares_above(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each value (p,) the share of all that are at least as great."""
    import numpy as np

    values = np.round(values, 6)  # else rounding errors would order equal statistics
    order = np.sort(values)
    return 1 - np.searchsorted(order, values) / len(values)
