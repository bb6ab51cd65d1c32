"""Whole datasets: listing, renaming and deleting them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog, TableKind
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import EmptyCatalogError, UsageError
from hamsight_core.names import MAX_NAME, nearest, within
from hamsight_curate.delete import delete, forget, has_items
from hamsight_curate.selection import Selection

if TYPE_CHECKING:
    import pyarrow as pa


def list_datasets(catalog: Catalog) -> pa.Table:
    """Return a row for each dataset that has items, rejects or a record of an ingest.

    Columns: dataset, subsets, items, annotated, image_bytes, models, rejects, last_ingest.
    """
    if not catalog.has_table("ingests"):
        raise EmptyCatalogError(
            f"{catalog.location} holds no images yet: fill it with `hamsight ingest FOLDER`"
        )
    parts, parameters = [fill("dataset_rejects"), fill("dataset_ingests")], {}
    for number, model in enumerate(catalog.models()):
        parameters[f"model_{number}"] = model.name
        parts.append(fill("dataset_items", table=model.items_table, model=f"model_{number}"))
    selects = f" {fill('or_also')} ".join(parts)
    return catalog.arrow(fill("dataset_summaries", selects=selects), parameters)


def check_dataset(catalog: Catalog, name: str) -> None:
    """Raise UsageError for a dataset that the catalog does not know."""
    known = set(list_datasets(catalog)["dataset"].to_pylist())
    if name not in known:
        raise UsageError(f"the catalog has no dataset {name!r}; {nearest(name, known)}")


def delete_dataset(catalog: Catalog, name: str) -> int:
    """Delete a dataset's items, rejects and record; return how many items it had.

    Image files are not touched. Raises UsageError for an unknown dataset.
    """
    check_dataset(catalog, name)
    items = 0
    with catalog.locked("the deletion of a dataset"):
        if has_items(catalog, name):
            objects = [one.items_table for one in catalog.models(TableKind.OBJECTS)]
            for table in objects:
                catalog.run("delete_dataset_rows", {"dataset": name}, table=table)
            items = delete(catalog, Selection(datasets=(name,)))
            for table in _cells(catalog):
                catalog.run("delete_dataset_rows", {"dataset": name}, table=table)
        forget(catalog, [name])
    return items


def _cells(catalog: Catalog) -> list[str]:
    """Return the tables of cells of all models."""
    return [table for model in catalog.models(None) for table in model.hash_settings.cell_tables]


def rename_dataset(catalog: Catalog, former: str, name: str) -> None:
    """Give a dataset another name.

    The rows are copied under the new name before those under the former are deleted: until both
    is done, searches may find an item under both. When interrupted, the same call goes on. Raises
    UsageError for an unknown dataset, and for a name that is wrong or that another dataset has.
    """
    if not name or "/" in name:
        raise UsageError(f"{name!r} cannot name a dataset: a name is not empty and has no '/'")
    within("the name of a dataset", name, MAX_NAME)
    with catalog.locked("the renaming of a dataset"):
        _rename(catalog, former, name)


def _rename(catalog: Catalog, former: str, name: str) -> None:
    both = {"former": former, "name": name}
    if not _interrupted(catalog, former, name):
        check_dataset(catalog, former)
        if name in list_datasets(catalog)["dataset"].to_pylist():
            raise UsageError(
                f"the catalog has a dataset {name!r} already: choose another name, or delete it"
                " first with `hamsight datasets delete`"
            )
        catalog.run("create_renames")
        catalog.run("begin_rename", both)
    keys = {
        "rejects": "model, subset, id, rejected_at",
        "ingests": "model, started_at, finished_at",
    }
    keys |= {model.items_table: "subset, id, ingested_at" for model in catalog.models(None)}
    keys |= dict.fromkeys(_cells(catalog), "subset, id, hash")
    for table, key in keys.items():
        uncopied = fill("uncopied_rows", table=table, key=key)
        catalog.run("copy_renamed", both, table=table, uncopied=uncopied)
        catalog.await_replicas(table)
    for table in keys:
        catalog.run("delete_dataset_rows", {"dataset": former}, table=table)
    catalog.run("end_rename", both)


def _interrupted(catalog: Catalog, former: str, name: str) -> bool:
    """Return whether this very rename began before; raises UsageError where another did."""
    if not catalog.has_table("renames"):
        return False
    names = [row[0] for row in catalog.rows("find_renames", {"former": former})]
    if names and name not in names:
        raise UsageError(
            f"the dataset {former!r} was being renamed to {names[0]!r}: first let that end,"
            f" with `hamsight datasets rename {former} {names[0]}`"
        )
    return bool(names)
