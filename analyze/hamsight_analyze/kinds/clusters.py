"""`hamsight cluster`: kinds of pictures, named by their tags and captions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import TYPE_CHECKING, ClassVar

from hamsight_analyze.analysis import Analysis, Asked, Found, identity_columns, settings_of
from hamsight_analyze.items import Items
from hamsight_core.errors import UsageError
from hamsight_core.show.row_sheet import Section, Tile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHOWN = 12
_NAMED = 3
_MANY = 20_000
"""From so many items on k-means takes batches of 4,096."""
_WORD = re.compile(r"\w{3,}")
_PRIOR = 0.1
_TELLING = 2.0
"""Standard errors by which a word is commoner in its cluster, at least."""


@dataclass(frozen=True)
class Clusters(Analysis):
    """`number` clusters of items that are alike, by k-means; cluster 1 has the most items.

    `name` is the attribute that has the number of an item's cluster, where one is set.
    """

    kind: ClassVar[str] = "clusters"
    finding: ClassVar[str] = "cluster"
    reads: ClassVar[tuple[str, ...]] = (
        "analyzed_features",
        "analyzed_tags",
        "analyzed_captions",
    )
    number: int = 16
    name: str | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for a number below 1."""
        if self.number < 1:
            raise UsageError(f"{self.number} clusters; expected 1 or more")

    def find(self, items: Items, asked: Asked, on_progress: Callable[[int], None]) -> Found:
        """Return a cluster a row; with all, an item a row."""
        import numpy as np
        import pyarrow as pa

        assert items.features is not None
        number = min(self.number, len(items))
        labels, near = _k_means(items.features, number)
        on_progress(len(items))
        words = [
            {*tags, *(word for text in captions for word in _WORD.findall(text.lower()))}
            for tags, captions in zip(
                items.columns["tag_names"], items.columns["caption_texts"], strict=True
            )
        ]
        names = _names(words, labels, number)
        counts = np.bincount(labels, minlength=number + 1)[1:]
        clusters = pa.table(
            {
                "cluster": pa.array(range(1, number + 1), pa.uint32()),
                "items": pa.array(counts, pa.uint64()),
                "name": pa.array(names, pa.string()),
            }
        )
        order = np.lexsort((-near, labels))
        each = pa.table(
            {
                **identity_columns([items.identities[place] for place in order]),
                "cluster": pa.array(labels[order], pa.uint32()),
                "name": pa.array([names[one - 1] for one in labels[order]], pa.string()),
                "similarity": pa.array(near[order], pa.float32()),
            }
        )
        table = each if asked.all else clusters
        found = Found(table, table.num_rows, f"{number} clusters", settings_of(self))
        found.figures = {"clusters": number}
        found.stored = each.rename_columns(
            ["dataset", "subset", "id", "group", "tag", "similarity"]
        )
        for cluster in range(1, number + 1):
            mine = order[labels[order] == cluster][:_SHOWN]
            heading = (
                f"{cluster}: {names[cluster - 1] or 'no words'} ({counts[cluster - 1]:,} items)"
            )
            tiles = tuple(Tile(items.uris[place], (items.identities[place][2],)) for place in mine)
            found.sections.append(Section(heading, tiles))
        found.members = list(items.identities)
        return found


def _k_means(
    features: NDArray[np.floating], number: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the cluster of each item, from 1 on by size, and its cosine with the centre."""
    import numpy as np

    if number == 0:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    from sklearn.cluster import KMeans, MiniBatchKMeans

    vectors = features.astype(np.float32)
    if len(vectors) > _MANY:
        made = MiniBatchKMeans(number, batch_size=4096, n_init=3, random_state=0).fit(vectors)
    else:
        made = KMeans(number, n_init=3, random_state=0).fit(vectors)
    order = np.argsort(-np.bincount(made.labels_, minlength=number), kind="stable")
    rank = np.empty(number, np.int64)
    rank[order] = np.arange(1, number + 1)
    centres = made.cluster_centers_ / np.maximum(
        np.linalg.norm(made.cluster_centers_, axis=1, keepdims=True), 1e-9
    )
    near = np.einsum("ij,ij->i", vectors, centres[made.labels_]).astype(np.float32)
    return rank[made.labels_], near


def _names(words: Sequence[set[str]], labels: NDArray[np.int64], number: int) -> list[str]:
    """Return up to three words for each cluster: those that are commonest there beside elsewhere.

    By log-odds with a prior, each over its standard error (Monroe, Colaresi & Quinn 2008).
    """
    total: Counter[str] = Counter()
    own = [Counter[str]() for _ in range(number)]
    for held, label in zip(words, labels.tolist(), strict=True):
        total.update(held)
        own[label - 1].update(held)
    every = sum(total.values())
    return [", ".join(_commonest(counts, total, every)) for counts in own]


def _commonest(own: Counter[str], total: Counter[str], every: int) -> list[str]:
    mine = sum(own.values())
    scored = []
    for word, count in own.items():
        here, there = count + _PRIOR, total[word] - count + _PRIOR
        odds = log(here / (mine - count + 1)) - log(there / (every - mine - there + 1 + _PRIOR))
        scored.append((odds / sqrt(1 / here + 1 / there), word))
    scored.sort(key=lambda one: (-one[0], one[1]))
    return [word for score, word in scored[:_NAMED] if score >= _TELLING]
