"""From pairs of copies to groups of items."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence


def group_pairs(pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return groups of two items and more; `pairs` of places of items are the nearest first.

    Complete linkage: two groups become one where all their items are pairs (Defays 1977), so that
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


def connected(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the groups that chains of pairs make, items by place, groups by their first item."""
    above: dict[int, int] = {}

    def top(place: int) -> int:
        while above.setdefault(place, place) != place:
            above[place] = above[above[place]]
            place = above[place]
        return place

    for one, other in pairs:
        a, b = sorted((top(one), top(other)))
        above[b] = a
    groups: dict[int, list[int]] = {}
    for place in sorted(above):
        groups.setdefault(top(place), []).append(place)
    return list(groups.values())
