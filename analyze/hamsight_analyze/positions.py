"""Where items lie on a map: near each other where their features are alike."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from hamsight_analyze.neighbours import Neighbours, find_neighbours, nearest_among
from hamsight_analyze.progress import Advance
from hamsight_core.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

METHODS = ("tsne", "umap", "pacmap", "pca")
FITTED = 50_000
"""Items at most to which a map is fitted; further ones are placed among them."""
_EXTRAS = ("umap", "pacmap")
"""Methods that need a package of that name."""
COMPONENTS = 50
"""Principal components to which features are brought before a fit."""
_ROUNDS = (250, 500)
"""Iterations of t-SNE with early exaggeration, and without."""
_HEARD = 25
_SEVERAL_THREADS = 5000
"""Items from which on t-SNE gains more by threads than they wait for each other."""
_LEAST = 20
"""Items of fewer than which principal components make a better map than neighbours do."""
_AMONG = 10
_ROWS = 8192
_JUDGED, _JUDGING, _K = 10_000, 1000, 10


def check_method(method: str) -> None:
    """Raise UsageError for a method that there is not, or whose package is not installed."""
    if method not in METHODS:
        raise UsageError(f"there is no map {method!r}; expected {', '.join(METHODS)}")
    if method in _EXTRAS and find_spec(method) is None:
        raise UsageError(
            f"a map by {method} needs a package that is not installed:"
            f" pip install 'hamsight[{method}]', or take --method tsne"
        )


def lay_out(
    features: NDArray[np.floating],
    method: str,
    *,
    seed: int = 0,
    near: Neighbours | None = None,
    on_progress: Advance = lambda _: None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return where each item lies, (n, 2) float32, and which took part in the fit, (n,) bool.

    `features` are (n, d) of unit length. The features are brought to 50 principal components.
    `pca` takes the first two of all items. The others are fitted to 50,000 items at most, drawn
    by `seed`, and the rest are placed among them. `near` are the neighbours of all n items where
    they are known. `on_progress` hears n in all. Raises UsageError for a method that is not
    installed.
    """
    import numpy as np

    check_method(method)
    count = len(features)
    vectors = principal_components(features, COMPONENTS)
    fitted = np.ones(count, bool)
    if method == "pca" or count < _LEAST:
        on_progress(count)
        flat = np.zeros((count, 2), np.float32)
        flat[:, : vectors.shape[1]] = vectors[:, :2]
        return flat, fitted
    if count > FITTED:
        fitted[:] = False
        fitted[np.random.default_rng(seed).choice(count, FITTED, replace=False)] = True
    some = vectors[fitted]
    positions = np.empty((count, 2), np.float32)
    if method == "tsne":
        if near is None or count > FITTED:
            near = find_neighbours(features[fitted])
        positions[fitted] = _tsne(some, near, seed, on_progress)
    else:
        positions[fitted] = {"umap": _umap, "pacmap": _pacmap}[method](some, seed, on_progress)
    if count > FITTED:
        rest = ~fitted
        positions[rest] = place(vectors[rest], some, positions[fitted], on_progress=on_progress)
    return positions, fitted


def principal_components(features: NDArray[np.floating], number: int) -> NDArray[np.float32]:
    """Return the values (n, number) float32 of items in the first principal components.

    There are as many components as features have dimensions at most. Each points where its
    greatest weight is positive, so that the same items always give the same values.
    """
    import numpy as np

    count, width = features.shape
    number = min(number, width)
    if count == 0:
        return np.empty((0, number), np.float32)
    mean = features.mean(axis=0, dtype=np.float64)
    square = np.zeros((width, width))
    for start in range(0, count, _ROWS):
        off = (features[start : start + _ROWS] - mean).astype(np.float32)
        square += off.T @ off
    _, waves = np.linalg.eigh(square)
    waves = waves[:, ::-1][:, :number]
    greatest = waves[np.abs(waves).argmax(axis=0), np.arange(number)]
    waves = (waves * np.sign(greatest)).astype(np.float32)
    made = np.empty((count, number), np.float32)
    for start in range(0, count, _ROWS):
        off = (features[start : start + _ROWS] - mean).astype(np.float32)
        made[start : start + _ROWS] = off @ waves
    return made


def place(
    vectors: NDArray[np.floating],
    known: NDArray[np.floating],
    positions: NDArray[np.float32],
    *,
    on_progress: Advance = lambda _: None,
) -> NDArray[np.float32]:
    """Return where further items lie, (m, 2), among n known ones at `positions` (n, 2).

    Each lies at the mean of its 10 nearest, weighted by one over the square of the distance.
    """
    import numpy as np

    near, apart = nearest_among(vectors, known, _AMONG, on_progress=on_progress)
    weights = 1 / np.maximum(apart, 1e-6) ** 2
    weights /= weights.sum(axis=1, keepdims=True)
    placed: NDArray[np.float32] = np.einsum("ij,ijk->ik", weights, positions[near])
    return placed.astype(np.float32)


def trustworthiness(features: NDArray[np.floating], positions: NDArray[np.float32]) -> float | None:
    """Return how far the nearest on the map are near by features: 1 where all are.

    Venna & Kaski 2001, for the 10 nearest of 1,000 items among 10,000, both drawn at random; None
    for fewer than 40 items.
    """
    import numpy as np

    draw = np.random.default_rng(0)
    some = draw.permutation(len(features))[:_JUDGED]
    count = len(some)
    if count < 4 * _K:
        return None
    vectors, points = features[some].astype(np.float32), positions[some]
    asked = np.arange(min(_JUDGING, count))
    likeness = vectors[asked] @ vectors.T
    likeness[asked, asked] = np.inf
    ranks = (-likeness).argsort(axis=1).argsort(axis=1)
    apart = np.square(points[asked, None] - points[None]).sum(axis=2)
    apart[asked, asked] = np.inf
    near = np.argpartition(apart, _K - 1, axis=1)[:, :_K]
    beyond = np.maximum(np.take_along_axis(ranks, near, 1) - _K, 0).sum() / len(asked)
    return float(1 - 2 * beyond / (_K * (2 * count - 3 * _K - 1)))


def _tsne(
    vectors: NDArray[np.float32], near: Neighbours, seed: int, on_progress: Advance
) -> NDArray[Any]:
    """Fit t-SNE (van der Maaten & Hinton 2008; openTSNE, Policar et al. 2024).

    All neighbours attract alike, and it begins with the first two principal components.
    """
    import numpy as np
    from openTSNE import TSNE
    from openTSNE.affinity import Uniform
    from openTSNE.initialization import rescale
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    places = np.maximum(near.places, 0).astype(np.int64)
    apart = np.ones(places.shape)
    heard = _Heard(len(vectors), sum(_ROUNDS), on_progress)
    made: NDArray[Any] = TSNE(
        early_exaggeration_iter=_ROUNDS[0],
        n_iter=_ROUNDS[1],
        n_jobs=1 if len(vectors) < _SEVERAL_THREADS else os.cpu_count() or 1,
        callbacks=heard,
        callbacks_every_iters=_HEARD,
        random_state=seed,
    ).fit(
        affinities=Uniform(
            knn_index=PrecomputedNeighbors(places, apart), k_neighbors=places.shape[1]
        ),
        initialization=rescale(vectors[:, :2].astype(np.float64)),
    )
    heard.finish()
    return made


def _umap(vectors: NDArray[np.float32], seed: int, on_progress: Advance) -> NDArray[Any]:
    """Fit UMAP (McInnes et al. 2018)."""
    from umap import UMAP

    near = min(15, len(vectors) - 1)
    made: NDArray[Any] = UMAP(n_neighbors=near, random_state=seed, n_jobs=1).fit_transform(vectors)
    on_progress(len(vectors))
    return made


def _pacmap(vectors: NDArray[np.float32], seed: int, on_progress: Advance) -> NDArray[Any]:
    """Fit PaCMAP (Wang et al. 2021)."""
    from pacmap import PaCMAP

    made: NDArray[Any] = PaCMAP(apply_pca=False, random_state=seed).fit_transform(vectors)
    on_progress(len(vectors))
    return made


class _Heard:
    """Tells how far a fit is: `steps` in all, after `rounds` iterations."""

    def __init__(self, steps: int, rounds: int, on_progress: Advance) -> None:
        self._steps, self._rounds, self._told = steps, rounds, 0
        self._calls = 0
        self._on_progress = on_progress

    def __call__(self, iteration: int, error: float, embedding: NDArray[Any]) -> bool:
        self._calls += 1
        self._tell(min(self._steps, self._steps * self._calls * _HEARD // self._rounds))
        return False

    def finish(self) -> None:
        self._tell(self._steps)

    def _tell(self, steps: int) -> None:
        self._on_progress(steps - self._told)
        self._told = steps
