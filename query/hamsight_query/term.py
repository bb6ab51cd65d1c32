"""What the statement of a search says of one query: distance, similarity, order of candidates."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hamsight_core.catalog.layout import Layout
from hamsight_core.catalog.statements import fill
from hamsight_query.target import Target


@dataclass(frozen=True, slots=True)
class Term:
    """SQL for an item's `distance` in bits and `similarity` to the query of a number from 1.

    `named` is the name that `distance` has; `order` is what candidates are ordered by, lower first,
    and `ordered` the name of that.
    """

    number: int
    named: str
    distance: str
    similarity: str
    order: str
    ordered: str
    parameters: Mapping[str, Any]


def term_of(
    number: int, target: Target, layout: Layout, hash_bytes: int, *, by_index: bool
) -> Term:
    """Return what is said of the query of a number from 1.

    `by_index` says that a vector index finds candidates, in the order of similarity.
    """
    hash, feature, distance = f"hash_{number}", f"feature_{number}", f"distance_{number}"
    numbers = list(target.feature) if layout.myscale else _as_base64(target.feature)
    given = layout.fill("given_feature", feature=feature)
    similarity = fill("similarity_to", given=given, dimension=len(target.feature))
    told = fill("distance_to", bits=_differing_bits(hash, layout, hash_bytes), distance=distance)
    parameters: dict[str, Any] = {hash: target.hash, feature: numbers}
    if by_index:
        similarity = fill("named_similarity", similarity=similarity, number=number)
        order = fill("nearness_by_similarity", number=number)
        return Term(number, distance, told, similarity, order, f"nearness_{number}", parameters)
    if not target.planes:
        return Term(number, distance, told, similarity, distance, distance, parameters)
    lower = []
    for plane, bits in enumerate(target.planes):
        name = f"plane_{number}_{plane}"
        parameters[name] = bits
        differing = _differing_bits(name, layout, hash_bytes)
        lower.append(fill("plane_distance", weight=2**plane, bits=differing))
    ordered = f"nearness_{number}"
    order = fill(
        "nearness_to",
        weight=2 ** len(lower),
        distance=distance,
        lower=f" {fill('plus')} ".join(lower),
        nearness=ordered,
    )
    return Term(number, distance, told, similarity, order, ordered, parameters)


def measured(terms: Sequence[Term]) -> str:
    """Return distances, and the places in the order of candidates that have names of their own."""
    orders = [term.order for term in terms if term.ordered != term.named]
    return ", ".join([*(term.distance for term in terms), *orders])


def _differing_bits(hash: str, layout: Layout, hash_bytes: int) -> str:
    other = fill("given_hash", hash=hash, hash_bytes=hash_bytes)
    return layout.fill("differing_bits", other=other)


def _as_base64(feature: Sequence[float]) -> str:
    return b64encode(struct.pack(f"<{len(feature)}f", *feature)).decode()
