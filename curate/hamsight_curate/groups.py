"""Groups: names that any number of items have, each item any number of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.statements import fill, union_of
from hamsight_core.errors import UsageError
from hamsight_core.names import checked, nearest
from hamsight_curate.change import Change, update
from hamsight_curate.selection import Selection, models_of
from hamsight_query.where.scope import quoted

if TYPE_CHECKING:
    import pyarrow as pa


def list_groups(catalog: Catalog) -> pa.Table:
    """Return the columns group, items (how many) and datasets (their names), a row a group."""
    tables = [model.items_table for model in models_of(catalog, None)]
    selects = union_of(fill("grouped_items", table=table) for table in tables)
    return catalog.arrow(fill("list_groups", selects=selects))


def add_to_group(catalog: Catalog, name: str, selection: Selection) -> Change:
    """Put the selected items into a group, which need not exist; those in it stay as they are.

    Raises UsageError for a wrong name, and what `update` raises.
    """
    group = {"group": checked("the group", name)}
    return update(catalog, selection, fill("group_added"), fill("not_in_group"), group)


def remove_from_group(catalog: Catalog, name: str, selection: Selection) -> Change:
    """Take the selected items out of a group; raises UsageError for a group that nobody is in."""
    _check(catalog, name)
    return update(catalog, selection, fill("group_removed"), fill("in_group"), {"group": name})


def delete_group(catalog: Catalog, name: str) -> int:
    """Take all items out of a group, and return how many they were.

    Raises UsageError for a group that nobody is in.
    """
    with catalog.locked("a change of items"):
        _check(catalog, name)
        everything = Selection(datasets=_datasets(catalog, name))
        group = {"group": name}
        done = update(catalog, everything, fill("group_removed"), fill("in_group"), group)
    return done.changed


def _datasets(catalog: Catalog, name: str) -> tuple[str, ...]:
    rows = list_groups(catalog).to_pylist()
    return next(tuple(row["datasets"]) for row in rows if row["group"] == name)


def _check(catalog: Catalog, name: str) -> None:
    known = set(list_groups(catalog)["group"].to_pylist())
    if name not in known:
        raise UsageError(f"no item is in a group {name!r}; {nearest(name, known)}")


def in_group(group: str, where: str | None) -> str:
    """Return the expression for items of a group for which `where` holds too.

    Raises UsageError for a name that is empty.
    """
    if not group.strip():
        raise UsageError("--group is empty: name the group")
    held = f"{quoted(group)} in groups"
    return held if where is None else f"({where}) and {held}"
