"""Which items of a catalog show the same picture: by their files, and by how they look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from hamsight_analyze.decisions import Decided
from hamsight_analyze.duplicates import Pairs, find_duplicates
from hamsight_analyze.items import Items
from hamsight_analyze.neighbours import Neighbours
from hamsight_analyze.progress import Advance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ALL_PAIRS = 100
"""Items of one file up to which all their pairs are listed; beyond, each with the first."""
_NO_FILE = bytes(32)


class Copy(NamedTuple):
    """Two items that show the same picture, by their places, `one` < `other`.

    `distance` is the number of bits, of 256, in which perceptual hashes differ, `similarity` the
    cosine of the features. `exact` says that the files are the same: distance 0, similarity 1.
    """

    one: int
    other: int
    distance: int
    similarity: float
    exact: bool


def find_copies(
    items: Items,
    *,
    strict: bool = False,
    near: Neighbours | None = None,
    decided: Decided = frozenset(),
    on_progress: Advance = lambda _: None,
) -> list[Copy]:
    """Return all pairs of items that show the same picture, the nearest first.

    `items` have features, `phash` and `phash_trimmed`, and `near` are their neighbours where they
    are known. Of items of the same file the first is compared with the others, in place of all.
    Pairs that are `decided` are left out.
    """
    import numpy as np

    same: dict[bytes, list[int]] = {}
    for place, digest in enumerate(items.sha256):
        key = digest if digest != _NO_FILE else str(place).encode()
        same.setdefault(key, []).append(place)
    of_file = list(same.values())
    first = np.array([places[0] for places in of_file], np.int64)
    features = items.features
    assert features is not None
    found = find_duplicates(
        items.hashes()[first],
        features if len(first) == len(items) else features[first],
        strict=strict,
        near=None if near is None else _pairs_of_files(near, of_file),
        on_progress=on_progress,
    )
    copies = [Copy(*pair, 0, 1.0, True) for places in of_file for pair in _listed(places)]
    copies += _spread(found, of_file)
    if decided:
        named = items.identities
        copies = [copy for copy in copies if (named[copy.one], named[copy.other]) not in decided]
    copies.sort(key=lambda copy: (not copy.exact, copy.distance, -copy.similarity))
    return copies


def _pairs_of_files(
    near: Neighbours, of_file: list[list[int]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the files, by number, of each item and of each of its neighbours, but for the same."""
    import numpy as np

    file = np.empty(len(near.places), np.int64)
    for number, places in enumerate(of_file):
        file[places] = number
    one, other = (file[places] for places in near.pairs())
    return one[one != other], other[one != other]


def _listed(places: list[int]) -> Iterator[tuple[int, int]]:
    """Yield all pairs of items of one file; of very many, the first with each other."""
    if len(places) <= _ALL_PAIRS:
        yield from combinations(places, 2)
    else:
        yield from ((places[0], other) for other in places[1:])


def _spread(found: Pairs, of_file: list[list[int]]) -> Iterator[Copy]:
    """Yield pairs of files as pairs of all items that have these files."""
    columns = (found.first, found.second, found.distance, found.similarity)
    for first, second, distance, similarity in zip(*(one.tolist() for one in columns), strict=True):
        for one in of_file[first][:_ALL_PAIRS]:
            for other in of_file[second][:_ALL_PAIRS]:
                yield Copy(min(one, other), max(one, other), distance, similarity, False)


def similarity_of(
    features: NDArray[np.floating], one: int, others: Sequence[int]
) -> NDArray[np.float32]:
    """Return the cosines (m,) of an item with m others, of `features` (n, d) of unit length."""
    import numpy as np

    own = features[one].astype(np.float32)
    found: NDArray[np.float32] = features[others].astype(np.float32) @ own
    return found
