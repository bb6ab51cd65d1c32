"""Deleting items, and what the catalog says of datasets that have none left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

from hamsight_core.catalog.catalog import Catalog, TableKind
from hamsight_core.catalog.statements import fill
from hamsight_core.items import Identity
from hamsight_curate.change import count, union
from hamsight_curate.selection import Condition, Selection, conditions, models_of
from hamsight_ingest.object_writer import delete_objects


def preview(catalog: Catalog, selection: Selection, names: int) -> tuple[int, list[Identity]]:
    """Return how many items are selected, and the identities of the first of them.

    Raises what `conditions` raises.
    """
    tables = _tables(catalog, selection)
    total, shown = 0, list[Identity]()
    for condition in conditions(catalog, tables, selection):
        total += count(catalog, tables, condition)
        if len(shown) < names:
            given = {**condition.parameters, "limit": names - len(shown)}
            rows = catalog.rows("first_identities", given, selects=union(tables, condition))
            shown.extend((row[0], row[1], row[2]) for row in rows)
    return total, shown


def delete(catalog: Catalog, selection: Selection) -> int:
    """Delete the selected items from the catalog and return how many they were.

    Image files are not touched. A dataset of which no model has an item any more is forgotten:
    its rejects and the record of its ingests go too. Raises what `conditions` raises.
    """
    total, datasets = 0, set[str]()
    with catalog.locked("a deletion of items"):
        tables = _tables(catalog, selection)
        for condition in conditions(catalog, tables, selection):
            total += count(catalog, tables, condition)
            selects = union(tables, condition)
            rows = catalog.rows("selected_datasets", condition.parameters, selects=selects)
            datasets.update(row[0] for row in rows)
            _delete_objects(catalog, selection, condition)
            for table in tables:
                given = condition.parameters
                catalog.run("delete_items", given, table=table, condition=condition.sql)
        forget(catalog, (name for name in sorted(datasets) if not has_items(catalog, name)))
    return total


def _delete_objects(catalog: Catalog, selection: Selection, condition: Condition) -> None:
    """Delete the objects of the selected items, before these: a run may be killed."""
    pictures = {model.name: model.items_table for model in models_of(catalog, selection.model)}
    for model in catalog.models(TableKind.OBJECTS):
        if model.name not in pictures:
            continue
        named = {"table": model.items_table, "pictures": pictures[model.name]}
        rows = catalog.rows(
            "parents_selected", condition.parameters, condition=condition.sql, **named
        )
        for dataset, of_dataset in groupby(rows, itemgetter(0)):
            parents = [(subset, id) for _, subset, id in of_dataset]
            delete_objects(catalog, model, dataset, parents)


def has_items(catalog: Catalog, dataset: str) -> bool:
    """Return whether any model has items of the dataset."""
    tables = [model.items_table for model in catalog.models()]
    return bool(count(catalog, tables, Condition(fill("of_dataset"), {"dataset": dataset})))


def forget(catalog: Catalog, datasets: Iterable[str]) -> None:
    """Delete the rejects of datasets and the record of their ingests."""
    for dataset in datasets:
        for table in ("rejects", "ingests"):
            catalog.run("delete_dataset_rows", {"dataset": dataset}, table=table)


def _tables(catalog: Catalog, selection: Selection) -> Sequence[str]:
    return [model.items_table for model in models_of(catalog, selection.model)]
