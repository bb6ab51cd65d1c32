"""Items by name, as people write them: [DATASET/][SUBSET/]ID."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.errors import UnknownItemError, UsageError
from hamsight_core.items import Identity, item_name
from hamsight_core.names import is_text
from hamsight_curate.selection import Selection, models_of
from hamsight_query.named import items_like, items_named

if TYPE_CHECKING:
    from hamsight_query.result import Match

    Items: TypeAlias = str | Iterable[str | Identity | Match]

_LISTED = 5


def select(
    catalog: Catalog,
    items: Items | None,
    where: str | None,
    datasets: tuple[str, ...],
    subsets: tuple[str, ...],
    model: str | None,
) -> Selection:
    """Return the selection of items given as names, identities or matches, or else by filters.

    A match that is an object stands for its picture.

    Datasets and subsets narrow what a name may mean. Raises UnknownItemError for a name that
    means no item, or several, and what `Selection` raises.
    """
    if items is None:
        return Selection(None, where, datasets, subsets, model)
    given = [items] if isinstance(items, str) else list(items)
    names = dict.fromkeys(one for one in given if isinstance(one, str))
    tables = [one.items_table for one in models_of(catalog, model)]
    meant = _meant(catalog, tables, names)
    known = {name: _chosen(catalog, tables, name, meant, datasets, subsets) for name in names}
    identities = [known[one] if isinstance(one, str) else _identity(one) for one in given]
    return Selection(identities, where, model=model)


def _identity(given: Match | Identity) -> Identity:
    identity = given if isinstance(given, tuple) else given.item
    if len(identity) != 3 or not all(isinstance(part, str) for part in identity):
        raise UsageError(f"{given!r} is no item: give a name, (dataset, subset, id) or a match")
    return identity


def _meant(
    catalog: Catalog, tables: Sequence[str], names: Iterable[str]
) -> dict[str, set[Identity]]:
    """Return the items that each name may mean, by ID, SUBSET/ID, DATASET/ID, DATASET/SUBSET/ID."""
    for name in names:
        if not name.strip():
            raise UsageError("the name of an item is empty; expected [DATASET/][SUBSET/]ID")
        if not is_text(name):
            raise UsageError(f"the name {name!r} is not UTF-8")
    found: dict[str, set[Identity]] = {name: set() for name in names}
    for table in tables:
        for name, rows in items_named(catalog, table, names).items():
            found[name].update((row[0], row[1], row[2]) for row in rows)
    return found


def _chosen(
    catalog: Catalog,
    tables: Sequence[str],
    name: str,
    meanings: Mapping[str, set[Identity]],
    datasets: Sequence[str],
    subsets: Sequence[str],
) -> Identity:
    found = meanings[name]
    meant = sorted(
        one
        for one in found
        if (not datasets or one[0] in datasets) and (not subsets or one[1] in subsets)
    )
    if not meant and found:
        raise UnknownItemError(
            f"there is no item {name!r} in the datasets and subsets asked for;"
            f" elsewhere: {_listed(sorted(found))}"
        )
    if not meant:
        raise UnknownItemError(
            f"there is no item {name!r}; the nearest: {_near(catalog, tables, name)}"
        )
    if len(meant) > 1:
        raise UnknownItemError(
            f"{name!r} names {len(meant)} items: {_listed(meant)}."
            " Say DATASET/SUBSET/ID, or narrow with --dataset and --subset"
        )
    return meant[0]


def _listed(identities: Sequence[Identity]) -> str:
    names = ", ".join(item_name(one) for one in identities[:_LISTED])
    more = len(identities) - _LISTED
    return f"{names} and {more} more" if more > 0 else names


def _near(catalog: Catalog, tables: Sequence[str], name: str) -> str:
    rows = items_like(catalog, tables[0], name.rsplit("/", 1)[-1], _LISTED)
    return ", ".join(item_name(row) for row in rows) or "none"
