"""Logistic regression from few marked items, shrunk towards the direction of words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHRINKAGE = 0.3
"""How strongly the weights are drawn to those of the words; bench/classifier.py has the figures."""
_LENGTH_OF_WORDS = 5.0
"""The length of the weights that words give before any mark."""
_SHRINKAGE_OF_BIAS = 0.01
"""Keeps the bias finite where all marks say the same."""
_ENOUGH = 1e-5
"""Steps that lower the loss by a smaller share end the search: directions differ by 0.5 degrees."""


def fit_border(
    features: NDArray[np.float32],
    wanted: NDArray[np.bool_],
    weights: NDArray[np.floating],
    words: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], float]:
    """Return the weights of a logistic regression, (d,) float32, and its bias.

    `features` are (n, d) and centred, `wanted` (n,) says which items are wanted, and `weights`
    (n,) how much each item counts. The ridge penalty shrinks the weights to the direction `words`,
    (d,) of unit length, or to zero without words. An item is wanted if feature @ weights + bias is
    above 0; the logistic function of that sum is the probability.
    """
    import numpy as np
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    sign = np.where(wanted, np.float32(1), np.float32(-1))
    count = weights.astype(np.float32)
    dimension = features.shape[1]
    start = np.zeros(dimension + 1)
    if words is not None:
        start[:-1] = _LENGTH_OF_WORDS * words

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (features @ at[:-1].astype(np.float32) + np.float32(at[-1]))
        pulled = -sign * count / (1 + np.exp(np.clip(margin, -50, 50)))
        off = at[:-1] - start[:-1]
        total = float(count @ np.logaddexp(0, -margin, dtype=np.float64))
        total += float(_SHRINKAGE * off @ off + _SHRINKAGE_OF_BIAS * at[-1] ** 2) / 2
        slope = np.append(
            (pulled @ features).astype(np.float64) + _SHRINKAGE * off,
            float(pulled.sum()) + _SHRINKAGE_OF_BIAS * at[-1],
        )
        return total, slope

    with threadpool_limits(1):  # threads for a millisecond of work wait on each other
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"ftol": _ENOUGH}).x
    return found[:-1].astype(np.float32), float(found[-1])
