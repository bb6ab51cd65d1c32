"""Features like real CLIP vectors, as many as wanted, made in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

VECTORS = Path(__file__).resolve().parents[2] / "shared/data/clip-vit-b-32-vectors.npz"
CHUNK = 50_000
_COARSE = 32
_FINE = 4096
_FACTORS = 128
_SHARED = 20_000
_POOL = 100_000
Bytes = NDArray[np.uint8]
Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Likeness:
    """What made features share with real ones: the mean, clusters of two levels, the covariance.

    `centres` float32 (clusters, dimension) are those of small clusters, each drawn about the
    centre of one of the `_COARSE` clusters of the real vectors. An item lies about a small
    centre. Both steps have half of the covariance that the real vectors have within their
    clusters: `factors` float32 (`_FACTORS`, dimension) hold its largest directions, `rest` the
    standard deviation of all others.
    """

    centres: Float32
    factors: Float32
    rest: float

    spread: bool = False
    """Whether clusters do not suit coarse cells: there are three levels of them, the noise of each
    a third of the covariance; of a chunk, two fifths lie about centres of its own, 20 items each,
    two fifths about `_SHARED` centres that all chunks share, some of them far more often than
    others, and a fifth about none; and items lie closer or less close, by a factor of 0.6 to 1.4.
    """

    @property
    def dimension(self) -> int:
        """Length of a feature."""
        return int(self.centres.shape[1])

    def chunk(self, rows: int, *seed: int) -> Float32:
        """Return features (rows, dimension) of unit length; the same seed gives the same."""
        random = np.random.default_rng(seed)
        if self.spread:
            made = self._spread(rows, random)
        else:
            made = self.centres[random.integers(len(self.centres), size=rows)]
            made += self._noise(rows, random)
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        return made

    def chunks(
        self, rows: int, seed: int, encode: Callable[[Float32], Bytes]
    ) -> Iterator[tuple[Float32, Bytes]]:
        """Yield features and hashes of `rows` items, `CHUNK` at a time, made by two threads."""

        def make(size: int, number: int) -> tuple[Float32, Bytes]:
            features = self.chunk(size, seed, number)
            return features, encode(features)

        sizes = [min(CHUNK, rows - start) for start in range(0, rows, CHUNK)]
        with ThreadPoolExecutor(2) as pool:
            numbered = iter(enumerate(sizes))
            pending = [pool.submit(make, size, n) for n, size in islice(numbered, 3)]
            while pending:
                yield pending.pop(0).result()
                for n, size in islice(numbered, 1):
                    pending.append(pool.submit(make, size, n))

    def _spread(self, rows: int, random: np.random.Generator) -> Float32:
        scale = np.float32((2 / 3) ** 0.5)

        def small(count: int, random: np.random.Generator) -> Float32:
            picked = (len(self.centres) * random.random(count) ** 1.5).astype(int)
            return self.centres[picked] + scale * self._noise(count, random)

        shared = small(_SHARED, np.random.default_rng(_SHARED))
        own = small(max(1, rows // 20), random)
        kind = random.random(rows)
        first, second = kind < 0.4, (kind >= 0.4) & (kind < 0.8)
        about_none = ~(first | second)
        made = self._noise(rows, random)
        made *= scale * random.uniform(0.6, 1.4, size=(rows, 1)).astype(np.float32)
        made[first] += shared[(_SHARED * random.random(first.sum()) ** 1.5).astype(int)]
        made[second] += own[random.integers(len(own), size=second.sum())]
        made[about_none] += small(int(about_none.sum()), random)
        return made

    def _noise(self, rows: int, random: np.random.Generator) -> Float32:
        """Return the sums of two of `_POOL` samples each: drawing each takes far longer."""
        noise = self._pool[random.integers(_POOL, size=rows)]
        noise += self._pool[random.integers(_POOL, size=rows)]
        return noise

    @cached_property
    def _pool(self) -> Float32:
        random = np.random.default_rng(_POOL)
        noise = random.standard_normal((_POOL, self.dimension), dtype=np.float32)
        noise *= self.rest
        noise += random.standard_normal((_POOL, len(self.factors)), dtype=np.float32) @ self.factors
        noise /= np.float32(2**0.5)
        return noise


def real_images(path: Path = VECTORS) -> Float32:
    """Return the real CLIP vectors of images, (n, 512), of unit length."""
    with np.load(path) as file:
        vectors: Float32 = file["image"]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def likeness(vectors: Float32, seed: int = 0, spread: bool = False) -> Likeness:
    """Return what features made like `vectors` share with them."""
    random = np.random.default_rng(seed)
    coarse, members = _clusters(vectors, random)
    within = np.cov((vectors - coarse[members]).T) / 2
    values, directions = np.linalg.eigh(within)
    largest = slice(len(values) - _FACTORS, None)
    rest = float(np.sqrt(values[: largest.start].mean()))
    # the rest is added in every direction, so the factors carry only what is above it
    widths = np.sqrt(np.maximum(values[largest] - rest**2, 0))
    factors = (directions[:, largest] * widths).T.astype(np.float32)
    bare = Likeness(coarse, factors, rest)
    centres = coarse[members[random.integers(len(members), size=_FINE)]]
    scale = np.float32((2 / 3) ** 0.5) if spread else np.float32(1)
    return Likeness(centres + scale * bare._noise(_FINE, random), factors, rest, spread)


def _clusters(vectors: Float32, random: np.random.Generator) -> tuple[Float32, NDArray[np.int64]]:
    """Return centres and each vector's centre, by k-means on unit vectors."""
    centres = vectors[random.choice(len(vectors), _COARSE, replace=False)]
    for _ in range(20):
        members = (vectors @ centres.T).argmax(axis=1)
        centres = np.stack(
            [
                vectors[members == n].mean(axis=0) if (members == n).any() else centres[n]
                for n in range(_COARSE)
            ]
        )
    return centres, members
