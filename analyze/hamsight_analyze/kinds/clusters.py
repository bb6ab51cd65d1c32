"""`hamsight cluster`: kinds of pictures, named by their tags and captions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import TYPE_CHECKING, ClassVar

from hamsight_analyze.analysis import Analysis, Asked, Found, identity_columns, settings_of
from hamsight_analyze.density import dense_clusters
from hamsight_analyze.items import Items, Scope
from hamsight_analyze.kinds.maps import Map
from hamsight_analyze.progress import Advance, Progress
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.errors import UsageError
from hamsight_core.show.row_sheet import Section

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NUMBER = 16
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

    With `density` clusters are where items lie close on a map, and items that lie apart are in
    cluster 0, which is none. With `name` each item gets the number of its cluster as an attribute.
    """

    kind: ClassVar[str] = "clusters"
    finding: ClassVar[str] = "cluster"
    of_objects: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = (
        "analyzed_features",
        "analyzed_tags",
        "analyzed_captions",
        "analyzed_key",
    )
    number: int | None = None
    name: str | None = None
    density: bool = False

    def __post_init__(self) -> None:
        """Raise UsageError for a number below 1, and for one of clusters by density."""
        if self.number is not None and self.number < 1:
            raise UsageError(f"{self.number} clusters; expected 1 or more")
        if self.number is not None and self.density:
            raise UsageError("the number of clusters by density is not given: leave out -k")

    def columns(self) -> tuple[str, ...]:
        """Return the columns; those of density are of items on a map."""
        if not self.density:
            return self.reads
        return tuple(name for name in self.reads if name != "analyzed_features")

    def needs(self) -> Sequence[Analysis]:
        """Return the map on which density is looked for."""
        return (Map(),) if self.density else ()

    def read(self, catalog: Catalog, scope: Scope, on_progress: Progress) -> Items:
        """Read the items, and where they lie on the map."""
        items = super().read(catalog, scope, on_progress)
        if self.density:
            items.beside["positions"] = Map().known_positions(catalog, scope, items)
        return items

    def find(self, items: Items, asked: Asked, on_progress: Advance) -> Found:
        """Return a cluster a row; with all, an item a row."""
        import numpy as np
        import pyarrow as pa

        labels, near = self._labels(items)
        number = int(labels.max(initial=0))
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
        # Items of no cluster come last.
        order = np.lexsort((-near, np.where(labels == 0, number + 1, labels)))
        each = pa.table(
            {
                **identity_columns([items.identities[place] for place in order]),
                "cluster": pa.array(labels[order], pa.uint32()),
                "name": pa.array([["", *names][one] for one in labels[order]], pa.string()),
                "similarity": pa.array(near[order], pa.float32()),
            }
        )
        table = each if asked.all else clusters
        found = Found(table, table.num_rows, f"{number} clusters", settings_of(self))
        apart = int((labels == 0).sum())
        found.figures = {"clusters": number, "apart": apart}
        if apart:
            found.notes.append(f"{apart:,} items lie apart: they are in no cluster, or cluster 0")
        found.stored = each.rename_columns(
            ["dataset", "subset", "id", "group", "tag", "similarity"]
        )
        for cluster in range(1, number + 1):
            mine = order[labels[order] == cluster][:_SHOWN]
            heading = (
                f"{cluster}: {names[cluster - 1] or 'no words'} ({counts[cluster - 1]:,} items)"
            )
            tiles = tuple(items.tile(place, (items.identities[place][2],)) for place in mine)
            found.sections.append(Section(heading, tiles))
        found.members = list(items.identities)
        if self.name is not None:
            found.attributes = {self.name: [str(one) for one in labels.tolist()]}
            found.notes.append(f"attribute {self.name!r} set on {len(items):,} items")
        return found

    def _labels(self, items: Items) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the cluster of each item, 0 for none, and how much it is of it."""
        import numpy as np

        if not self.density:
            assert items.features is not None
            return _k_means(items.features, min(self.number or _NUMBER, len(items)))
        positions = items.beside["positions"]
        known = np.isfinite(positions).all(axis=1)
        labels, near = np.zeros(len(items), np.int64), np.zeros(len(items), np.float32)
        labels[known], near[known] = dense_clusters(positions[known])
        return _by_size(labels), near


def _by_size(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return clusters numbered from 1 by the number of their items; 0 stays."""
    import numpy as np

    counts = np.bincount(labels)[1:]
    rank = np.zeros(len(counts) + 1, np.int64)
    rank[np.argsort(-counts, kind="stable") + 1] = np.arange(1, len(counts) + 1)
    return rank[labels]


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
    centres = made.cluster_centers_ / np.maximum(
        np.linalg.norm(made.cluster_centers_, axis=1, keepdims=True), 1e-9
    )
    near = np.einsum("ij,ij->i", vectors, centres[made.labels_]).astype(np.float32)
    return _by_size(made.labels_.astype(np.int64) + 1), near


def _names(words: Sequence[set[str]], labels: NDArray[np.int64], number: int) -> list[str]:
    """Return up to three words for each cluster: those that are commonest there beside elsewhere.

    By log-odds with a prior, each over its standard error (Monroe, Colaresi & Quinn 2008). A word
    is of a greater share of the cluster's items than of all items, too: else the only tag of a few
    items would name a cluster of items without tags.
    """
    import numpy as np

    total: Counter[str] = Counter()
    own = [Counter[str]() for _ in range(number)]
    for held, label in zip(words, labels.tolist(), strict=True):
        total.update(held)
        if label:
            own[label - 1].update(held)
    shares = np.bincount(labels, minlength=number + 1)[1:] / max(1, len(words))
    pairs = zip(own, shares.tolist(), strict=True)
    return [", ".join(_commonest(counts, total, share)) for counts, share in pairs]


def _commonest(own: Counter[str], total: Counter[str], share: float) -> list[str]:
    """Return the words of a cluster that has this share of all items."""
    mine, every = sum(own.values()), sum(total.values())
    scored = []
    for word, count in own.items():
        if count <= share * total[word]:
            continue
        here, there = count + _PRIOR, total[word] - count + _PRIOR
        odds = log(here / (mine - count + 1)) - log(there / (every - mine - there + 1 + _PRIOR))
        scored.append((odds / sqrt(1 / here + 1 / there), word))
    scored.sort(key=lambda one: (-one[0], one[1]))
    return [word for score, word in scored[:_NAMED] if score >= _TELLING]
