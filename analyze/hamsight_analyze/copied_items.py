"""Which items of a catalog show the same picture: by their files, and by how they look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from hamsight_analyze.decisions import Decided
from hamsight_analyze.duplicates import Pairs, find_duplicates
from hamsight_analyze.items import Items
from hamsight_analyze.neighbours import Neighbours
from hamsight_core.items import Identity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ALL_PAIRS = 100
"""Items of one file up to which all their pairs are listed; beyond, each with the first."""
_NO_FILE = bytes(32)


@dataclass(frozen=True, slots=True)
class Copies:
    """Pairs of items: places of both, bits that differ, cosine, whether the files are the same.

    `distance` is 0 and `similarity` 1 for items of the same file. `unseen` items have neither a
    perceptual hash nor scores of quality.
    """

    pairs: list[tuple[int, int]]
    distance: list[int]
    similarity: list[float]
    exact: list[bool]
    unseen: int


def find_copies(
    items: Items,
    *,
    strict: bool = False,
    near: Neighbours | None = None,
    decided: Decided = frozenset(),
    on_progress: Callable[[int], None] = lambda _: None,
) -> Copies:
    """Return all pairs of items that show the same picture, the nearest first.

    `items` have features, `phash` and `phash_trimmed`, and `near` are their neighbours where they
    are known. Of items of the same file one is compared with the others.
    """
    import numpy as np

    same: dict[bytes, list[int]] = {}
    for place, digest in enumerate(items.sha256):
        key = digest if digest != _NO_FILE else str(place).encode()
        same.setdefault(key, []).append(place)
    first = np.array([places[0] for places in same.values()], np.int64)
    hashes = items.hashes()
    features = items.features
    assert features is not None
    found = find_duplicates(
        hashes[first],
        features if len(first) == len(items) else features[first],
        strict=strict,
        near=None if near is None else _pairs_of_files(near, list(same.values())),
        on_progress=on_progress,
    )
    of_file = list(same.values())
    rows = [(one, other, 0, 1.0, True) for places in of_file for one, other in _listed(places)]
    rows += _spread(found, of_file)
    kept = [row for row in rows if not decided or _key(items, row[0], row[1]) not in decided]
    kept.sort(key=lambda row: (not row[4], row[2], -row[3]))
    unseen = int((~hashes.any(axis=(1, 2))).sum())
    return Copies(
        [(row[0], row[1]) for row in kept],
        [row[2] for row in kept],
        [row[3] for row in kept],
        [row[4] for row in kept],
        unseen,
    )


def _pairs_of_files(
    near: Neighbours, of_file: list[list[int]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the files, by number, of each item and of each of its neighbours, but for the same."""
    import numpy as np

    file = np.empty(len(near.places), np.int64)
    for number, places in enumerate(of_file):
        file[places] = number
    known = near.places >= 0
    one = np.repeat(file, known.sum(axis=1))
    other = file[near.places[known]]
    return one[one != other], other[one != other]


def _listed(places: list[int]) -> Iterator[tuple[int, int]]:
    """Yield all pairs of items of one file; of very many, the first with each other."""
    if len(places) <= _ALL_PAIRS:
        yield from combinations(places, 2)
    else:
        yield from ((places[0], other) for other in places[1:])


def _spread(found: Pairs, of_file: list[list[int]]) -> Iterator[tuple[int, int, int, float, bool]]:
    """Yield pairs of files as pairs of all items that have these files."""
    numbers = zip(
        found.first.tolist(),
        found.second.tolist(),
        found.distance.tolist(),
        found.similarity.tolist(),
        strict=True,
    )
    for first, second, distance, similarity in numbers:
        some = of_file[first][:_ALL_PAIRS]
        for one in some:
            for other in of_file[second][:_ALL_PAIRS]:
                yield min(one, other), max(one, other), distance, similarity, False


def _key(items: Items, one: int, other: int) -> tuple[Identity, Identity]:
    return items.identities[one], items.identities[other]


def similarity_of(
    features: NDArray[np.floating], one: int, others: list[int]
) -> NDArray[np.float32]:
    """Return the cosines (m,) of an item with m others."""
    import numpy as np

    found: NDArray[np.float32] = features[others].astype(np.float32) @ features[one].astype(
        np.float32
    )
    return found
