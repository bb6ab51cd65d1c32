"""Changes of selected items, in the table of every model that has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.statements import fill, union_of
from hamsight_curate.selection import Condition, Selection, conditions, models_of


@dataclass(frozen=True, slots=True)
class Change:
    """How many items were selected, and how many of these changed."""

    selected: int
    changed: int


def update(
    catalog: Catalog,
    selection: Selection,
    assignments: str,
    needed: str,
    parameters: Mapping[str, Any],
) -> Change:
    """Make the assignments to every selected item that needs it; they are visible on return.

    An item is changed in the table of every model; `where` is asked of each table's own rows.
    Raises what `conditions` raises and StatementError.
    """
    with catalog.locked("a change of items"):
        tables = [model.items_table for model in models_of(catalog, selection.model)]
        return update_tables(catalog, tables, selection, assignments, needed, parameters)


def update_tables(
    catalog: Catalog,
    tables: Sequence[str],
    selection: Selection,
    assignments: str,
    needed: str,
    parameters: Mapping[str, Any],
) -> Change:
    """Do what `update` does in certain tables, of items or of objects, while the lock is held."""
    selected = changed = 0
    for condition in conditions(catalog, tables, selection):
        given = {**condition.parameters, **parameters}
        found, changing = _count_changes(catalog, tables, condition.sql, needed, given)
        selected += found
        if changing:
            changed += changing
            pieces = {"condition": condition.sql, "assignments": assignments, "needed": needed}
            for table in tables:
                catalog.run("update_items", given, table=table, **pieces)
    return Change(selected, changed)


def _count_changes(
    catalog: Catalog, tables: Sequence[str], condition: str, needed: str, given: Mapping[str, Any]
) -> tuple[int, int]:
    """Return how many items there are for which the condition holds, and how many need a change."""
    fragments = {"condition": condition, "needed": needed}
    if len(tables) == 1:
        rows = catalog.rows("count_changes", given, table=tables[0], **fragments)
    else:
        selects = union_of(fill("needing_identities", table=table, **fragments) for table in tables)
        rows = catalog.rows("count_changed_identities", given, selects=selects)
    return int(rows[0][0]), int(rows[0][1])


def count(catalog: Catalog, tables: Sequence[str], condition: Condition) -> int:
    """Return the number of items, each counted once, for which the condition holds."""
    if len(tables) == 1:
        fragments = {"table": tables[0], "condition": condition.sql}
        rows = catalog.rows("count_rows", condition.parameters, **fragments)
    else:
        selects = union(tables, condition)
        rows = catalog.rows("count_identities", condition.parameters, selects=selects)
    return int(rows[0][0])


def union(tables: Sequence[str], condition: Condition) -> str:
    """Return a SELECT of the identities in all the tables for which the condition holds."""
    return union_of(
        fill("selected_identities", table=table, condition=condition.sql) for table in tables
    )
