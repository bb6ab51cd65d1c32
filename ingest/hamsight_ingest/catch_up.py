"""Bringing a table that is being made up to date with the items table that it is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.item_pages import item_pages
from hamsight_core.catalog.statements import fill

_PAGE = 200_000
PASSES = 5
"""How often a table is brought up to date before it is leased, each time with less to do."""

Place = Callable[[str], str]
Expected = Callable[[str, Place], str]
Refill = Callable[[str, Mapping[str, Any]], None]


def catch_up(
    catalog: Catalog,
    former: str,
    made: str,
    expected: Expected,
    refill: Refill,
    renew: Callable[[], None] = lambda: None,
) -> int:
    """Give the items of `made` that differ from those of `former` their rows anew; say how many.

    `expected` turns a condition into a SELECT of the rows that `made` should have, with tables
    named as a function of their names says; `refill` puts those that are missing there. `renew`
    is called after each page.
    """

    def differing(condition: str, place: Place) -> str:
        rows = {"expected": expected(condition, place), "made": place(made)}
        return fill("differing", **rows, digest=fill("row_digest"), conditions=condition)

    count = 0
    for condition, values in item_pages(catalog, former, _PAGE):
        rows = differing(condition, str)
        found = int(catalog.rows("count_differing", values, differing=rows)[0][0])
        if found:
            rows = differing(condition, catalog.layout.shard_table)
            catalog.run("delete_differing", values, table=made, differing=rows)
            refill(condition, values)
            count += found
        renew()
    return count
