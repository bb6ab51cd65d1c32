"""Stored items by name, as people write them: [DATASET/][SUBSET/]ID."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.model_row import TableKind, kind_of
from hamsight_core.catalog.paging import pages
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UnknownItemError
from hamsight_core.items import item_name

_LISTED = 5


def items_named(
    catalog: Catalog, table: str, names: Iterable[str]
) -> dict[str, list[Sequence[Any]]]:
    """Return for each name the rows of a table that it may mean.

    A name is ID, SUBSET/ID, DATASET/ID or DATASET/SUBSET/ID; a row is dataset, subset, id, uri,
    hash in hex, feature, and a list of the box, x, y, width, height, that an object is.
    """
    box = fill("box_of_object" if kind_of(table) is TableKind.OBJECTS else "no_box")
    found: dict[str, list[Sequence[Any]]] = {name: [] for name in names}
    for page in pages(_ends(name) for name in found):
        wanted = {"names": [ends[0] for ends in page], "ids": sorted({e for p in page for e in p})}
        for row in catalog.rows("items_of_names", wanted, table=table, box=box):
            dataset, subset, id = row[:3]
            forms = (id, f"{subset}/{id}", f"{dataset}/{id}", f"{dataset}/{subset}/{id}")
            for form in dict.fromkeys(forms):
                if form in found:
                    found[form].append(row)
    return found


def item_rows(
    catalog: Catalog,
    table: str,
    names: Sequence[str],
    datasets: Sequence[str] = (),
    subsets: Sequence[str] = (),
    others: Callable[[], Sequence[str]] = list,
) -> list[Sequence[Any]]:
    """Return the row of each name, as `items_named` has them; of several, that of the datasets.

    Names that the table does not have are looked for in the tables that `others` returns, whose
    hashes are others and left out: rows of these have "" in place of one. Raises UnknownItemError
    for a name of none, which tells the nearest, and of several.
    """
    if not names:
        return []
    found = items_named(catalog, table, names)
    if missing := [name for name, rows in found.items() if not rows]:
        for other in others():
            for name, rows in items_named(catalog, other, missing).items():
                found[name].extend([*row[:4], "", *row[5:]] for row in rows)
    return [_chosen(catalog, table, name, found[name], datasets, subsets) for name in names]


def _chosen(
    catalog: Catalog,
    table: str,
    name: str,
    rows: Sequence[Sequence[Any]],
    datasets: Sequence[str],
    subsets: Sequence[str],
) -> Sequence[Any]:
    if len(rows) > 1:
        within = [
            row
            for row in rows
            if (not datasets or row[0] in datasets) and (not subsets or row[1] in subsets)
        ]
        rows = within or rows
    if len(rows) > 1:
        listed = ", ".join(_unlike(name, row) for row in rows[:_LISTED])
        more = f" and {len(rows) - _LISTED} more" if len(rows) > _LISTED else ""
        raise UnknownItemError(
            f"--item {name!r} names {len(rows)} items: {listed}{more}."
            " Say DATASET/SUBSET/ID, or narrow with --dataset and --subset"
        )
    if not rows:
        near = items_like(catalog, table, name, _LISTED)
        listed = ", ".join(item_name(row) for row in near)
        raise UnknownItemError(f"there is no item {name!r}; the nearest ids: {listed or 'none'}")
    return rows[0]


def _unlike(given: str, row: Sequence[str]) -> str:
    """Return the item's name, in full where the short one is the ambiguous one."""
    short = item_name(row[:3])
    return "/".join(row[:3]) if short == given else short


def items_like(catalog: Catalog, table: str, name: str, count: int) -> Sequence[Sequence[str]]:
    """Return (dataset, subset, id) of the items of a table whose names are most like a name."""
    given = {"name": name, "limit": count}
    unlikeness = catalog.layout.fill("unlikeness")
    return catalog.rows("items_like_name", given, table=table, unlikeness=unlikeness)


def _ends(name: str) -> tuple[str, ...]:
    """Return what may be the id in a name: the name, and what follows each slash in it."""
    parts = name.split("/")
    return tuple("/".join(parts[start:]) for start in range(len(parts)))
