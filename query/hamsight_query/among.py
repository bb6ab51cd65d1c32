"""The condition that an item comes first by hashes apart from it, in cells or in memory."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import indent

from hamsight_core.catalog.layout import Layout
from hamsight_core.catalog.resident import resident_table
from hamsight_core.catalog.statements import fill
from hamsight_query.near_cells import NearCells
from hamsight_query.term import Term


def among_resident(
    terms: Sequence[Term], nearness: str, table: str, conditions: Sequence[str]
) -> str:
    """Return the condition that an item of `table` is near by the hashes that are in memory.

    `conditions` are those of the search, on identities and hashes alone.
    """
    return _among(terms, nearness, True, resident_table(table), conditions, "scanned")


def among_cells(
    terms: Sequence[Term], nearness: str, tied: bool, cells: NearCells, layout: Layout
) -> str:
    """Return the condition that an item is near by hashes of cells near to one of the queries.

    If not `tied`, of items as near as the last some may be missing: to read the identities of all,
    to order those by them, takes a quarter of a search.
    """
    near = [
        fill(
            "near_cells",
            centres=cells.centres,
            measured=measured([term]),
            nearness=term.ordered,
            probes=f"probes_{term.number}",
        )
        for term in terms
    ]
    selects = indent(f"\n{fill('or_also')}\n".join(near), " " * 8).lstrip()
    of_cells = fill("in_near_cells", near=selects)
    return _among(terms, nearness, tied, layout.shard_table(cells.table), [of_cells], "probed")


def measured(terms: Sequence[Term]) -> str:
    """Return distances, and the places in the order of candidates that have names of their own."""
    orders = [term.order for term in terms if term.ordered != term.named]
    return ", ".join([*(term.distance for term in terms), *orders])


def _among(
    terms: Sequence[Term],
    nearness: str,
    tied: bool,
    hashes: str,
    conditions: Sequence[str],
    limit: str,
) -> str:
    return fill(
        "among_hashes",
        hashes=hashes,
        conditions=f" {fill('and_also')} ".join(conditions) or fill("every_item"),
        measured=measured(terms),
        nearness=nearness,
        ties=f", {fill('identity')}" if tied else "",
        limit=limit,
    )
