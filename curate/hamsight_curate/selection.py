"""The items that a change is for, and the conditions of SQL that say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import all_of, fill
from hamsight_core.errors import UsageError
from hamsight_core.items import Identity
from hamsight_core.names import check_within
from hamsight_query.filters import parents_of
from hamsight_query.where import compile_filter

_TAGS = 100_000
_PARTS = 10
"""Parameters of identities in one statement: what a mutation says stands in one node of a
replicated table's Keeper, of 1 MiB at most."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Items by identity, or else all for which `where` holds within the datasets and subsets.

    An identity is (dataset, subset, id). `model` confines the change to one model's table;
    without it an item is meant in the table of every model that has it. Raises UsageError for
    a selection of everything.
    """

    identities: Sequence[Identity] | None = None
    where: str | None = None
    datasets: tuple[str, ...] = ()
    subsets: tuple[str, ...] = ()
    model: str | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for a selection that says nothing, or two things."""
        filters = self.where is not None or bool(self.datasets) or bool(self.subsets)
        if self.identities is None and not filters:
            raise UsageError(
                "say which items: their names, --where, --dataset or --subset, or pipe"
                " `hamsight query … --format jsonl` in"
            )
        if self.identities is not None and self.where is not None:
            raise UsageError("--where selects items by itself: give no names and pipe nothing in")


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on an items table, with the values of its `{name:Type}` parameters."""

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def models_of(catalog: Catalog, name: str | None) -> list[CatalogModel]:
    """Return the model of that name, or all models of the catalog.

    Raises EmptyCatalogError when there is none and UsageError for an unknown name.
    """
    if name is not None:
        return [catalog.model(name)]
    models = catalog.models()
    if not models:
        raise catalog.nothing_yet()
    return models


def conditions(catalog: Catalog, tables: Sequence[str], selection: Selection) -> list[Condition]:
    """Return conditions that together select the items; no item fits two of them.

    Identities come some thousand a condition. Raises UsageError for a dataset or subset that no
    table has and ExpressionError for a wrong expression.
    """
    if selection.identities is not None:
        return list(of_identities(selection.identities))
    held_names = (row for table in tables for row in catalog.rows("dataset_names", table=table))
    check_within(held_names, selection.datasets, selection.subsets)
    held: list[str] = []
    parameters: dict[str, Any] = {}
    if selection.datasets:
        held.append(fill("of_datasets"))
        parameters["datasets"] = list(selection.datasets)
    if selection.subsets:
        held.append(fill("of_subsets"))
        parameters["subsets"] = list(selection.subsets)
    if selection.where is not None:
        tags = {
            row[0]
            for table in tables
            for row in catalog.rows("tag_names", {"limit": _TAGS}, table=table)
        }
        objects = [one for one in catalog.models(TableKind.OBJECTS) if one.items_table in tables]
        parents = parents_of(catalog, objects[0], selection.where, known=True) if objects else None
        where = compile_filter(selection.where, tags, parents)
        held.append(where.sql)
        parameters.update(where.parameters)
    return [Condition(all_of(held), parameters)]


def of_identities(identities: Sequence[Identity]) -> Iterator[Condition]:
    """Yield conditions that together select items by identity, some thousand a condition."""
    groups = groupby(sorted(set(identities)), itemgetter(0, 1))
    parts = (
        {"dataset": dataset, "subset": subset, "ids": as_json([id for (id,) in page])}
        for (dataset, subset), group in groups
        for page in pages((id,) for _, _, id in group)
    )
    while some := list(islice(parts, _PARTS)):
        held, parameters = [], dict[str, Any]()
        for number, part in enumerate(some):
            names = {name: f"{name}_{number}" for name in part}
            held.append(fill("of_identities", **names))
            parameters.update({names[name]: value for name, value in part.items()})
        yield Condition(f" {fill('or_of_identities')} ".join(held), parameters)
