"""Weighted sums of stored items and texts, as `--combine blend` asks, to measure recall with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hamsight_core.catalog.calibration import Queries
from hamsight_core.errors import UsageError
from hamsight_core.hashing.sign import Hash
from hamsight_query.request import Kind, Query
from hamsight_query.target import Target, blended

ASKED = 50
"""So many queries of each kind are asked as searches."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Queries of one kind, and the first of them as targets of searches.

    `is_stored` says that they are items, which are none of their own answers.
    """

    label: str
    queries: Queries
    targets: Sequence[Target]
    is_stored: bool = False
    is_blend: bool = False


def blends(kinds: Sequence[Queries], hash: Hash) -> list[Asked]:
    """Return sums of two pictures, of a picture and words, and of words less other words."""
    by_kind = {queries.kind: queries for queries in kinds if len(queries.features) > 1}
    found = []
    for label, first, second, weight in (
        ("picture + picture", "image", "image", 1.0),
        ("picture + words", "image", "words", 1.0),
        ("words - words", "words", "words", -1.0),
    ):
        if first in by_kind and second in by_kind:
            targets = _sums(by_kind[first], by_kind[second], weight, hash)
            if targets:
                found.append(_of(label, targets))
    return found


def target_of(queries: Queries, place: int) -> Target:
    """Return a query as a target without a hash."""
    is_words = queries.kind == "words"
    given = queries.given[place] if is_words else str(queries.keys[place])
    query = Query(Kind.TEXT if is_words else Kind.IMAGE, given)
    return Target(query, "", queries.features[place].tolist())


def _sums(first: Queries, second: Queries, weight: float, hash: Hash) -> list[Target]:
    """Return each query of the first plus the weighted one that stands half a list farther."""
    count = min(len(first.features), len(second.features))
    found = []
    for place in range(count):
        one, other = target_of(first, place), target_of(second, (place + count // 2) % count)
        parts = [one, replace(other, query=replace(other.query, weight=weight))]
        try:
            found.append(blended(parts, hash))
        except UsageError:  # copies of one another, which cancel each other out
            continue
    return found


def _of(label: str, targets: Sequence[Target]) -> Asked:
    features = np.array([target.feature for target in targets], np.float32)
    keys = np.zeros(len(targets), np.uint64)
    given = tuple(target.label for target in targets)
    queries = Queries(targets[0].kind, features, keys, given)
    return Asked(label, queries, targets[:ASKED], is_blend=True)
