"""Stored items by name, as people write them: [DATASET/][SUBSET/]ID."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.paging import pages


def items_named(
    catalog: Catalog, table: str, names: Iterable[str]
) -> dict[str, list[Sequence[Any]]]:
    """Return for each name the rows of a table that it may mean.

    A name is ID, SUBSET/ID, DATASET/ID or DATASET/SUBSET/ID; a row is dataset, subset, id, uri,
    hash in hex, feature.
    """
    found: dict[str, list[Sequence[Any]]] = {name: [] for name in names}
    for page in pages(_ends(name) for name in found):
        wanted = {"names": [ends[0] for ends in page], "ids": sorted({e for p in page for e in p})}
        for row in catalog.rows("items_of_names", wanted, table=table):
            dataset, subset, id = row[:3]
            forms = (id, f"{subset}/{id}", f"{dataset}/{id}", f"{dataset}/{subset}/{id}")
            for form in dict.fromkeys(forms):
                if form in found:
                    found[form].append(row)
    return found


def items_like(catalog: Catalog, table: str, name: str, count: int) -> Sequence[Sequence[str]]:
    """Return (dataset, subset, id) of the items of a table whose names are most like a name."""
    given = {"name": name, "limit": count}
    unlikeness = catalog.layout.fill("unlikeness")
    return catalog.rows("items_like_name", given, table=table, unlikeness=unlikeness)


def _ends(name: str) -> tuple[str, ...]:
    """Return what may be the id in a name: the name, and what follows each slash in it."""
    parts = name.split("/")
    return tuple("/".join(parts[start:]) for start in range(len(parts)))
