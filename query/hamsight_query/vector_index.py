"""Candidates that MyScale's vector index finds by cosine, in place of those nearest by hash."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import indent

from hamsight_core.catalog.layout import Layout
from hamsight_core.catalog.statements import fill, union_of
from hamsight_query.request import Request


def uses_vector_index(layout: Layout, request: Request) -> bool:
    """Return whether the index finds what a search ranks by cosine.

    It finds what is near, not what is far, and not by distance in bits; `exact` leaves it out.
    """
    needs_hash = request.dissimilar or request.max_distance is not None
    return layout.myscale and not request.exact and not needs_hash


def candidates_by_index(
    numbers: Sequence[int], layout: Layout, *, condition: str, table: str, **fragments: str
) -> str:
    """Return what selects the items that the index finds nearest to queries, named by number.

    `condition` decides first what can be found; `fragments` are those of `candidates_by_index`.
    """
    selects = []
    for number in numbers:
        feature = layout.fill("given_feature", feature=f"feature_{number}")
        select = fill(
            "found_by_index",
            columns=fragments["columns"],
            distance=fill("index_distance", feature=feature),
            table=table,
            conditions=condition,
            settings=fill("unindexed_too"),
        )
        selects.append(select)
    found = union_of(selects)
    return fill("candidates_by_index", found=indent(found, " " * 4).lstrip(), **fragments)
