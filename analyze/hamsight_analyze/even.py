"""Features centred and scaled, so that no dimension counts for more than another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS = 8192


def even(features: NDArray[np.floating], power: float = 1.0) -> NDArray[np.floating]:
    """Return features (n, d) centred, divided by their standard deviations, and of unit length.

    Centring takes away what all items share, which makes any two of them alike. `power` is the
    exponent of the standard deviation of each dimension: 0 leaves the scale as it is. The answer
    is (n, d), float16 where the features are, else float32.
    """
    import numpy as np

    if not len(features):
        return features
    mean = features.mean(axis=0, dtype=np.float32)
    square = np.zeros(features.shape[1])
    for start in range(0, len(features), _ROWS):
        off = features[start : start + _ROWS].astype(np.float32) - mean
        square += np.square(off, dtype=np.float64).sum(axis=0)
    spread = np.sqrt(square / max(1, len(features))).astype(np.float32)
    scale = np.divide(1, spread**power, out=np.zeros_like(spread), where=spread > 1e-9)
    made = np.empty(features.shape, features.dtype if features.dtype == np.float16 else np.float32)
    for start in range(0, len(features), _ROWS):
        rows = (features[start : start + _ROWS].astype(np.float32) - mean) * scale
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        made[start : start + _ROWS] = rows / np.where(lengths == 0, 1, lengths)
    return made
