"""From pairs of copies to groups of items."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def group_pairs(pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return groups of two items and more; `pairs` of places of items are the nearest first.

    Complete linkage (Sorensen 1948): two groups become one where all their items are pairs, so that
    a chain of pairs brings no unlike pictures together. Groups stand by their first pair, items
    by place.
    """
    links: dict[int, dict[int, int]] = defaultdict(dict)
    for one, other in pairs:
        links[one][other] = links[other][one] = 1
    members: dict[int, list[int]] = {place: [place] for place in links}
    group_of: dict[int, int] = {place: place for place in links}
    made: dict[int, None] = {}
    for one, other in pairs:
        a, b = group_of[one], group_of[other]
        if a == b or links[a].get(b) != len(members[a]) * len(members[b]):
            continue
        if len(members[a]) < len(members[b]):
            a, b = b, a
        for near, count in links.pop(b).items():
            links[near].pop(b)
            if near != a:
                links[a][near] = links[near][a] = links[a].get(near, 0) + count
        for place in members[b]:
            group_of[place] = a
        members[a] += members.pop(b)
        made.pop(b, None)
        made.setdefault(a)
    return [sorted(members[group]) for group in made]


def connected(first: NDArray[np.int64], second: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the items (k,) int64 of each group that chains of pairs (m,) and (m,) make.

    Items stand by place, and groups by their first item.
    """
    import numpy as np
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not len(first):
        return []
    places, at = np.unique(np.concatenate([first, second]), return_inverse=True)
    ones = np.ones(len(first), bool)
    links = coo_matrix((ones, (at[: len(first)], at[len(first) :])), [len(places)] * 2)
    _, group = connected_components(links, directed=False)
    order = np.argsort(group, kind="stable")
    return np.split(places[order], np.flatnonzero(np.diff(group[order])) + 1)
