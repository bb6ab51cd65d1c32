"""What a hash keeps of exact cosine's best, measured over a stream of items in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hamsight_core.hashing.sign import PLANES, Hash, Kind

Float32 = NDArray[np.float32]


class Recall:
    """For each query the exact best k of the items seen, and at which place the hash has them.

    `queries` is float32 (n, dimension) of unit length. `keys` (n,) name the items that queries are
    themselves, which do not count among their answers; 0 where a query is no item.
    """

    def __init__(
        self,
        queries: Float32,
        kind: Kind,
        hash: Hash,
        k: int = 10,
        keys: NDArray[np.uint64] | None = None,
    ) -> None:
        self._queries, self._k = queries, k
        self._keys = np.zeros(len(queries), np.uint64) if keys is None else keys
        planes = [hash.encode_query(query, kind, PLANES) for query in queries]
        scale = 2 ** np.arange(len(planes[0]))
        bits = np.stack([np.unpackbits(one, axis=1) for one in planes]).astype(np.int64)
        weights = np.einsum("p,npb->nb", scale, 1 - 2 * bits)
        self._weights = weights.astype(np.float32)
        self._least = np.einsum("p,npb->n", scale, bits)
        self._most = int(scale.sum()) * bits.shape[2]
        self._counts = np.zeros((len(queries), self._most + 2), np.int64)
        self._similarities = np.full((len(queries), k), -np.inf, np.float32)
        self._nearness = np.full((len(queries), k), self._most + 1, np.int64)
        self.items = 0

    def add(self, features: Float32, hashes: NDArray[np.uint8], keys: NDArray[np.uint64]) -> None:
        """Take items: features (m, dimension), hashes uint8 (m, bits / 8) and keys (m,)."""
        bits = np.unpackbits(hashes, axis=1).astype(np.float32)
        nearness = (self._weights @ bits.T).astype(np.int64) + self._least[:, None]
        similarities = self._queries @ features.T
        own = self._keys[:, None] == keys[None, :]
        similarities[own], nearness[own] = -np.inf, self._most + 1
        width = self._counts.shape[1]
        flat = nearness + width * np.arange(len(nearness))[:, None]
        counted = np.bincount(flat.ravel(), minlength=self._counts.size)
        self._counts += counted.reshape(self._counts.shape)
        everything = np.concatenate([self._similarities, similarities], axis=1)
        near = np.concatenate([self._nearness, nearness], axis=1)
        best = np.argpartition(-everything, self._k - 1, axis=1)[:, : self._k]
        self._similarities = np.take_along_axis(everything, best, axis=1)
        self._nearness = np.take_along_axis(near, best, axis=1)
        self.items += len(keys)

    def places(self) -> NDArray[np.int64]:
        """Return the places by hash, from 1, of each query's exact best k: int64 (n, k).

        Of items that are equally near the last place counts. Queries with fewer than k answers
        are left out.
        """
        whole = np.isfinite(self._similarities).all(axis=1)
        below = np.cumsum(self._counts, axis=1)
        return np.take_along_axis(below, self._nearness, axis=1)[whole]

    def worst(self) -> Float32:
        """Return the similarity of each query's k-th best: float32 (n,), -inf of fewer items."""
        least: Float32 = self._similarities.min(axis=1)
        return least


def recall_within(places: NDArray[np.int64], candidates: int) -> float:
    """Return the share of the exact best that the first so many candidates hold."""
    return float((places <= candidates).mean())


def candidates_for(places: NDArray[np.int64], share: float) -> int:
    """Return how many candidates keep at least a share of the exact best.

    By the mean over the queries, less its standard error, so that other queries keep it as well.
    """
    low, high = 1, max(1, int(places.max(initial=1)))
    while low < high:
        middle = (low + high) // 2
        each = (places <= middle).mean(axis=1)
        error = float(each.std()) / max(1.0, len(each)) ** 0.5
        if float(each.mean()) - error >= share:
            high = middle
        else:
            low = middle + 1
    return low


def features_of(column: Any) -> Float32:
    """Return an Arrow column of lists of one length as float32 (n, dimension)."""
    flat = column.combine_chunks().flatten() if hasattr(column, "combine_chunks") else column
    values = flat.to_numpy(zero_copy_only=False).astype(np.float32)
    rows: Float32 = values.reshape(len(column), -1) if len(column) else np.empty((0, 0), "f4")
    return rows


def hashes_of(column: Any) -> NDArray[np.uint8]:
    """Return an Arrow column of hashes as uint8 (n, bits / 8)."""
    rows: Sequence[bytes] = column.to_pylist()
    return np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1)
