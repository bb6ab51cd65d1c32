"""Clusters of a map: where items lie close together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHARE = 100
_LEAST = 5
"""A cluster has at least a hundredth of the items, and at least five items."""
_FITTED = 20_000


def dense_clusters(
    positions: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the cluster of each item, (n,) int64, and the strength of membership, (n,) float32.

    `positions` (n, 2) are finite. Clusters count from 1; 0 means no cluster. The strength is from
    0 to 1. The method is HDBSCAN (Campello, Moulavi & Sander 2013). A cluster has at least a
    hundredth of the items and at least five, and at most half of them: without the upper bound a
    whole map is often one cluster beside a small one. Of more than 20,000 items, 20,000 drawn at
    random are clustered, and each other item joins the cluster of the nearest of these.
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
