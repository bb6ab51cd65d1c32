"""Items that go to another subset of their dataset, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UsageError
from hamsight_core.items import Identity
from hamsight_core.names import nearest


@dataclass(slots=True)
class Resettled:
    """Items by their identities before and after, and those that stay as they are.

    An item is `blocked` where its new subset has an item of the same id.
    """

    moved: list[tuple[Identity, Identity]] = field(default_factory=list)
    blocked: list[Identity] = field(default_factory=list)


def move_to_subset(catalog: Catalog, items: Iterable[Identity], subset: str) -> Resettled:
    """Move items to a subset of their datasets, in the table of every model.

    Each gets the attribute `former_subset`, by which `move_back` finds it. Files are not touched.
    A row is copied before the old one is deleted; when interrupted, the same call goes on. Raises
    UsageError for a subset that a dataset of the items does not have.
    """
    wanted = [item for item in dict.fromkeys(items) if item[1] != subset]
    tables = _tables(catalog)
    for dataset in sorted({item[0] for item in wanted}):
        held = {
            row[1]
            for table in tables
            for row in catalog.rows("dataset_names", table=table)
            if row[0] == dataset
        }
        if subset not in held:
            raise UsageError(
                f"the dataset {dataset!r} has no subset {subset!r}; {nearest(subset, held)}"
            )
    return _move(catalog, dict.fromkeys(wanted, subset), "kept_former")


def move_groups(catalog: Catalog, groups: Iterable[Iterable[Identity]], subset: str) -> Resettled:
    """Move items of groups so that all of a group that are of one dataset stand in a subset.

    Items of a dataset that stand in one subset of it already stay there. Raises what
    `move_to_subset` raises.
    """
    moving: list[Identity] = []
    for group in groups:
        of_dataset: dict[str, list[Identity]] = {}
        for item in group:
            of_dataset.setdefault(item[0], []).append(item)
        for items in of_dataset.values():
            if len({item[1] for item in items}) > 1:
                moving += items
    return move_to_subset(catalog, moving, subset)


def move_back(catalog: Catalog, items: Iterable[Identity] | None = None) -> Resettled:
    """Move items, or all of which that is known, back to the subsets where they stood before."""
    chosen = None if items is None else set(items)
    known: dict[Identity, str] = {}
    for table in _tables(catalog):
        for dataset, subset, id, former in catalog.rows("moved_items", table=table):
            if chosen is None or (dataset, subset, id) in chosen:
                known[dataset, subset, id] = former
    return _move(catalog, known, "forgotten_former")


def _move(catalog: Catalog, wanted: dict[Identity, str], attributes: str) -> Resettled:
    ways: dict[tuple[str, str, str], list[str]] = {}
    for (dataset, former, id), subset in wanted.items():
        ways.setdefault((dataset, former, subset), []).append(id)
    done = Resettled()
    with catalog.locked("a change of subsets"):
        for (dataset, former, subset), ids in ways.items():
            for page in pages((id,) for id in ids):
                part = [id for (id,) in page]
                taken = _move_some(catalog, (dataset, former, subset), part, attributes)
                done.blocked += [(dataset, former, id) for id in part if id in taken]
                done.moved += [
                    ((dataset, former, id), (dataset, subset, id)) for id in part if id not in taken
                ]
    return done


def _move_some(
    catalog: Catalog, way: tuple[str, str, str], ids: Sequence[str], attributes: str
) -> set[str]:
    """Move items of a dataset from one subset to another; return the ids that are taken there."""
    dataset, former, subset = way
    given = {"dataset": dataset, "former": former, "subset": subset, "ids": as_json(list(ids))}
    taken = {
        row[0]
        for table in _tables(catalog)
        for row in catalog.rows("taken_ids", given, table=table)
    }
    given["ids"] = as_json([id for id in ids if id not in taken])
    for model in catalog.models(TableKind.OBJECTS):
        rows = catalog.rows("objects_of_ids", given, table=model.items_table)
        for page in pages((row[0],) for row in rows):
            _move_rows(catalog, model, {**given, "ids": as_json([id for (id,) in page])}, "")
    for model in catalog.models():
        _move_rows(catalog, model, given, f", {fill(attributes)}")
    return taken


def _move_rows(
    catalog: Catalog, model: CatalogModel, given: Mapping[str, str], replaced: str
) -> None:
    """Move rows of a model's table, in which columns are `replaced`, and of its cells."""
    tables = dict.fromkeys(model.hash_settings.cell_tables, "")
    for table, changed in {**tables, model.items_table: replaced}.items():
        catalog.run("copy_to_subset", given, table=table, replaced=changed)
        catalog.await_replicas(table)
        catalog.run("delete_of_subset", given, table=table)


def _tables(catalog: Catalog) -> list[str]:
    return [model.items_table for model in catalog.models()]
