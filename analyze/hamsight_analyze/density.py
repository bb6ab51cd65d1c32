"""Clusters of a map: where items lie close together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHARE = 100
_LEAST = 5
_FITTED = 20_000


def dense_clusters(
    positions: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the cluster of each item, from 1 on and 0 for none, and how surely it is of it.

    `positions` (n, 2) are finite. HDBSCAN (Campello, Moulavi & Sander 2013). A cluster has a
    hundredth of the items at least, and five, and half of them at most: without that bound a whole
    map is often one cluster beside a small one. Of more than 20,000 items 20,000 drawn at random
    take part, and the others are of the cluster of the nearest of them.
    """
    import numpy as np

    count = len(positions)
    if count < 2 * _LEAST:
        return np.zeros(count, np.int64), np.zeros(count, np.float32)
    from sklearn.cluster import HDBSCAN

    fitted = np.arange(count)
    if count > _FITTED:
        fitted = np.sort(np.random.default_rng(0).choice(count, _FITTED, replace=False))
    made = HDBSCAN(
        min_cluster_size=max(_LEAST, len(fitted) // _SHARE),
        min_samples=_LEAST,
        max_cluster_size=len(fitted) // 2,
        copy=True,
    ).fit(positions[fitted].astype(np.float64))
    labels, sure = made.labels_ + 1, made.probabilities_
    if count > _FITTED:
        from sklearn.neighbors import KDTree

        nearest = KDTree(positions[fitted]).query(positions, return_distance=False)[:, 0]
        labels, sure = labels[nearest], sure[nearest]
    return labels.astype(np.int64), sure.astype(np.float32)
