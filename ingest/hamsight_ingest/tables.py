"""Items tables that a model had, has or is about to have: their names, and what is left of them.

A model's first table is `items_NAME`. Encoding again and hashing again fill a table of another
name and then switch the model's row to it: `…_r` and `…_h` with a digest.
"""

from __future__ import annotations

import re

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.layout import CENTRES

MAKING = "_making"
_MARK = re.compile(r"_[rh][0-9a-f]{8}$")


def base_of(table: str) -> str:
    """Return a table's name without the mark of what it was made by."""
    return _MARK.sub("", table)


def sweep(catalog: Catalog, table: str, keep: str = "") -> None:
    """Drop what killed runs left of a model's tables; its own and that of `keep` stay."""
    _drop_unused(catalog, table, "tables_of_prefix", "[rh]", keep)


def sweep_old(catalog: Catalog, table: str) -> None:
    """Drop what runs that hashed again left more than a day ago; others may be under way."""
    _drop_unused(catalog, table, "old_tables_of_prefix", "h", "")


def cells_prefix(items_table: str) -> str:
    """Return what the names of the tables of cells of an items table begin with."""
    return f"cells_{items_table}_"


def drop_cells(catalog: Catalog, items_table: str, only: str = "", keep: str = "") -> None:
    """Drop the tables of cells of an items table: all but `keep`, or `only` the one named."""
    prefix = cells_prefix(items_table)
    leftover = re.compile(re.escape(only or prefix) + r"([0-9a-f]{8})?" + f"({CENTRES})?")
    # a run that was killed may have left shards without the table that stands for them
    for shown in dict.fromkeys([prefix, catalog.layout.shard_table(prefix)]):
        for (found,) in catalog.rows("tables_of_prefix", {"prefix": shown}):
            name = prefix + found.removeprefix(shown)
            if leftover.fullmatch(name) and not (keep and name in (keep, keep + CENTRES)):
                catalog.drop(name)


def _drop_unused(catalog: Catalog, table: str, listed: str, marks: str, keep: str) -> None:
    base = base_of(table)
    leftover = re.compile(re.escape(base) + rf"(_{marks}[0-9a-f]{{8}}({MAKING})?)?")
    used = {model.items_table for model in catalog.models()} | {keep}
    for (name,) in catalog.rows(listed, {"prefix": base}):
        if leftover.fullmatch(name) and name not in used:
            catalog.drop(name)
            drop_cells(catalog, name)


def stays(catalog: Catalog, model: CatalogModel) -> bool:
    """Tell whether a model still has its table: another process may have given it another."""
    return any(one.items_table == model.items_table for one in catalog.models())
