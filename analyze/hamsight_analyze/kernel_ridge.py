"""Kernel ridge regression with leave-one-out predictions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Targets = Iterable[tuple[slice, NDArray[np.float32]]]

_LANDMARKS = 1500
_WIDTH = 2.0
"""How many times the median squared distance of items goes into the exponent."""
_STRENGTHS = (0.03, 0.06, 0.1, 0.2, 0.35, 0.6, 1, 2, 3.5, 6, 10, 20, 35, 60)
"""Of the ridge, in means of the eigenvalues; 0.6 to 6 are chosen on photos."""
_ASKED = 4000
"""Items at most on which the strength is chosen."""
_MOST = 0.99
"""An item's own part in its prediction, at most: without, it would divide by zero."""


class KernelRidge:
    """A regression of targets (n, t), given in blocks of rows, on vectors (n, d) of unit length.

    The kernel is exp(-2 |a - b|^2 / median), by Nystrom's method (Williams & Seeger 2000) over
    1,500 items drawn at random, which is exact for no more items than that. The strength of the
    ridge is the one of least error of the predictions that leave each item out, in closed form
    (Allen 1974, PRESS). Nothing of the size of n is kept.
    """

    def __init__(self, vectors: NDArray[np.floating], targets: Targets) -> None:
        import numpy as np

        count = len(vectors)
        drawn = np.random.default_rng(0).choice(count, min(_LANDMARKS, count), replace=False)
        self._marks = vectors[np.sort(drawn)].astype(np.float32)
        apart = np.maximum(2 - 2 * self._marks @ self._marks.T, 0)
        off = apart[~np.eye(len(apart), dtype=bool)]
        self._scale = _WIDTH / max(float(np.median(off)) if len(off) else 1.0, 1e-6)
        values, waves = np.linalg.eigh(np.exp(-self._scale * apart).astype(np.float64))
        held = values > values[-1] * 1e-7
        self._turn = (waves[:, held] / np.sqrt(values[held])).astype(np.float32)
        self._count = count
        self._fit(vectors, targets)

    def without_own(
        self, vectors: NDArray[np.float32], targets: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return predictions (m, t) for some of the items, each made without the item itself."""
        return self._predicted(self._mapped(vectors), targets, self._strength)

    def _fit(self, vectors: NDArray[np.floating], targets: Targets) -> None:
        import numpy as np

        width, step = self._turn.shape[1], -(-self._count // _ASKED)
        square, sums = np.zeros((width, width)), np.zeros(width)
        crossed = means = np.zeros(1)
        asked: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
        for rows, values in targets:
            mapped = self._mapped(vectors[rows].astype(np.float32))
            square += mapped.T @ mapped
            sums += mapped.sum(axis=0, dtype=np.float64)
            crossed = crossed + mapped.T @ values
            means = means + values.sum(axis=0, dtype=np.float64)
            asked.append((mapped[::step], values[::step]))
        self._mean, self._target = sums / self._count, means / self._count
        square -= self._count * np.outer(self._mean, self._mean)
        self._values, self._waves = np.linalg.eigh(square)
        self._values = np.maximum(self._values, 0)
        self._crossed = self._waves.T @ (crossed - np.outer(sums, self._target))
        usual = float(self._values.mean()) or 1.0
        strengths = [usual * one for one in _STRENGTHS]
        self._strength = min(strengths, key=lambda one: self._error(asked, one))

    def _error(
        self, asked: list[tuple[NDArray[np.float32], NDArray[np.float32]]], strength: float
    ) -> float:
        return sum(
            float(((self._predicted(mapped, values, strength) - values) ** 2).sum())
            for mapped, values in asked
        )

    def _predicted(
        self, mapped: NDArray[np.float32], values: NDArray[np.float32], strength: float
    ) -> NDArray[np.float32]:
        import numpy as np

        turned = (mapped - self._mean.astype(np.float32)) @ self._waves.astype(np.float32)
        shrunk = turned / (self._values + strength).astype(np.float32)
        own = np.minimum((shrunk * turned).sum(axis=1) + 1 / self._count, _MOST)[:, None]
        target = self._target.astype(np.float32)
        fitted = shrunk @ self._crossed.astype(np.float32) - own * (values - target)
        predicted: NDArray[np.float32] = fitted / (1 - own) + target
        return predicted

    def _mapped(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        import numpy as np

        apart = np.maximum(2 - 2 * vectors @ self._marks.T, 0)
        mapped: NDArray[np.float32] = np.exp(-self._scale * apart) @ self._turn
        return mapped
