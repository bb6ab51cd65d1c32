"""Features like real CLIP vectors, as many as wanted, made in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

VECTORS = Path(__file__).resolve().parents[2] / "shared/data/clip-vit-b-32-vectors.npz"
CHUNK = 50_000
_COARSE = 32
_FINE = 4096
_FACTORS = 128
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

    @property
    def dimension(self) -> int:
        """Length of a feature."""
        return int(self.centres.shape[1])

    def chunk(self, rows: int, *seed: int) -> Float32:
        """Return features (rows, dimension) of unit length; the same seed gives the same."""
        random = np.random.default_rng(seed)
        made = self.centres[random.integers(len(self.centres), size=rows)]
        made += self._noise(rows, random)
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        return made

    def chunks(self, rows: int, seed: int) -> Iterator[Float32]:
        """Yield features of `rows` items, `CHUNK` at a time, made by two threads."""
        sizes = [min(CHUNK, rows - start) for start in range(0, rows, CHUNK)]
        with ThreadPoolExecutor(2) as pool:
            numbered = iter(enumerate(sizes))
            pending = [pool.submit(self.chunk, size, seed, n) for n, size in islice(numbered, 3)]
            while pending:
                yield pending.pop(0).result()
                for n, size in islice(numbered, 1):
                    pending.append(pool.submit(self.chunk, size, seed, n))

    def _noise(self, rows: int, random: np.random.Generator) -> Float32:
        noise = random.standard_normal((rows, self.dimension), dtype=np.float32)
        noise *= self.rest
        noise += random.standard_normal((rows, len(self.factors)), dtype=np.float32) @ self.factors
        return noise


def real_images(path: Path = VECTORS) -> Float32:
    """Return the real CLIP vectors of images, (n, 512), of unit length."""
    with np.load(path) as file:
        vectors: Float32 = file["image"]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def likeness(vectors: Float32, seed: int = 0) -> Likeness:
    """Return what features made like `vectors` share with them."""
    random = np.random.default_rng(seed)
    coarse, members = _clusters(vectors, random)
    within = np.cov((vectors - coarse[members]).T) / 2
    values, directions = np.linalg.eigh(within)
    largest = slice(len(values) - _FACTORS, None)
    rest = float(np.sqrt(values[: largest.start].mean()))
    # the rest is added in every direction, so the factors carry only what is above it
    spread = np.sqrt(np.maximum(values[largest] - rest**2, 0))
    factors = (directions[:, largest] * spread).T.astype(np.float32)
    bare = Likeness(coarse, factors, rest)
    centres = coarse[members[random.integers(len(members), size=_FINE)]]
    return Likeness(centres + bare._noise(_FINE, random), factors, rest)


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
