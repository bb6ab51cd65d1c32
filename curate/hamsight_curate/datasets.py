"""Whole datasets: listing, renaming and deleting them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.catalog.generations import new_generation, renew_views, view_of
from hamsight_core.catalog.statements import fill, union_of
from hamsight_core.catalog.successor import Successor
from hamsight_core.errors import CatalogError, UsageError
from hamsight_core.names import MAX_NAME, nearest, within
from hamsight_curate.delete import delete, forget, has_items
from hamsight_curate.selection import Selection

if TYPE_CHECKING:
    import pyarrow as pa

_RECORDS = {
    "rejects": "model, subset, id, rejected_at",
    "ingests": "model, started_at, finished_at",
}
"""The tables that say something of datasets besides the items, and what tells their rows apart."""
_TRIES = 3


def list_datasets(catalog: Catalog) -> pa.Table:
    """Return a row for each dataset that has items, rejects or a record of an ingest.

    Columns: dataset, subsets, items, annotated, image_bytes, models, rejects, last_ingest.
    """
    if not catalog.has_table("ingests"):
        raise catalog.nothing_yet()
    parts, parameters = [fill("dataset_rejects"), fill("dataset_ingests")], {}
    for number, model in enumerate(catalog.models()):
        parameters[f"model_{number}"] = model.name
        parts.append(fill("dataset_items", table=model.items_table, model=f"model_{number}"))
    return catalog.arrow(fill("dataset_summaries", selects=union_of(parts)), parameters)


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

    Each model's items are seen under the one name or the other, never both: they get another
    generation, as a rehash gives. When interrupted, the same call goes on. Raises UsageError for an
    unknown dataset, and for a name that is wrong or that another dataset has, and CatalogError
    where another process gives a model another generation each time.
    """
    if not name or "/" in name:
        raise UsageError(f"{name!r} cannot name a dataset: a name is not empty and has no '/'")
    within("the name of a dataset", name, MAX_NAME)
    catalog.create()
    with catalog.locked("the renaming of a dataset"):
        goes_on = _interrupted(catalog, former, name)
        if not goes_on:
            check_dataset(catalog, former)
            _check_free(catalog, name)
            catalog.run("create_renames")
            catalog.run("begin_rename", {"former": former, "name": name})
    for _ in range(_TRIES):
        if _rename(catalog, former, name, goes_on):
            return
    raise CatalogError(
        f"the renaming of {former!r} was not done: other processes hash or encode all items again."
        f" Once they have ended, `hamsight datasets rename` with the same names goes on"
    )


def _rename(catalog: Catalog, former: str, name: str, goes_on: bool) -> bool:
    """Do what is left of a rename; return False where a model got another generation meanwhile."""
    both, models = {"former": former, "name": name}, catalog.models(None)
    cells = _cells(catalog)
    with ExitStack() as opened:
        for table in cells:
            _copy(catalog, both, table, "subset, id, hash")
        successors = []
        for model in models:
            if catalog.rows("any_of_dataset", {"dataset": former}, table=model.items_table):
                made = replace(model, items_table=new_generation(view_of(model.items_table)))
                successors.append(opened.enter_context(_renamed(catalog, model, made, both)))
        with catalog.locked("the renaming of a dataset") as lock:
            if catalog.models(None) != models:
                return False
            if not goes_on:
                _check_free(catalog, name, both)
            for successor in successors:
                successor.catch_up()
            for table in cells:
                _copy(catalog, both, table, "subset, id, hash")
            lock.check()
            for successor in successors:
                successor.switch(same_hashes=True)
            renew_views(catalog)
            for table, key in _RECORDS.items():
                _copy(catalog, both, table, key)
            for table in (*_RECORDS, *cells):
                catalog.run("delete_dataset_rows", {"dataset": former}, table=table)
            catalog.run("end_rename", both)
    return True


def _renamed(
    catalog: Catalog, model: CatalogModel, made: CatalogModel, both: Mapping[str, str]
) -> Successor:
    """Return the next generation of a model's items, in which the dataset has its new name.

    It has the files of the present generation, but for the rows of the dataset.
    """
    dataset = fill("renamed_dataset")
    own = fill("own_of_objects") if model.kind is TableKind.OBJECTS else ""
    successor = Successor(catalog, model, made, "renamed_rows", both, dataset=dataset, own=own)
    try:
        other = catalog.layout.shard_table(model.items_table)
        catalog.run("attach_rows", table=made.items_table, other=other)
        catalog.await_replicas(made.items_table)
        _copy(catalog, both, made.items_table, "subset, id, ingested_at")
        gone = {"dataset": both["former"]}
        catalog.run("delete_dataset_rows", gone, table=made.items_table)
    except BaseException:
        successor.close()
        raise
    return successor


def _copy(catalog: Catalog, both: Mapping[str, str], table: str, key: str) -> None:
    """Put the rows of a dataset once more into a table, under the new name."""
    uncopied = fill("uncopied_rows", table=table, key=key)
    catalog.run("copy_renamed", both, table=table, uncopied=uncopied)
    catalog.await_replicas(table)


def _check_free(catalog: Catalog, name: str, begun: Mapping[str, str] | None = None) -> None:
    """Raise UsageError where a dataset has the name already; a rename that has begun then ends."""
    if name in list_datasets(catalog)["dataset"].to_pylist():
        if begun is not None:
            catalog.run("end_rename", begun)
        raise UsageError(
            f"the catalog has a dataset {name!r} already: choose another name, or delete it"
            " first with `hamsight datasets delete`"
        )


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
