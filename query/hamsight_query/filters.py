"""The conditions of a request on items: datasets, subsets, pictures left out, and `--where`.

Names that no item has are told after the search, by what its answer does not show: to read all
tags and datasets before each search would take longer than the search itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import EmptyCatalogError, ExpressionError, UsageError
from hamsight_core.names import check_within, nearest
from hamsight_query.request import Request
from hamsight_query.target import Target

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_query.where import Filter, Parents

_TAGS = 100_000
_SHOWN = 1000
"""So many rows of an answer are looked through for names before the table is."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What items must hold: SQL that stands between ANDs, the values of its parameters.

    `assumed_tags` are names of the request's `where` that count as tags until they are checked,
    `assumed_of_parents` those that count as tags of the pictures that objects are on. `sorted_by`
    are attributes and scores of an order, as `Filter.entries`.
    """

    sql: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    assumed_tags: frozenset[str] = frozenset()
    assumed_of_parents: frozenset[str] = frozenset()
    sorted_by: frozenset[tuple[str, str]] = frozenset()

    def joined(self, other: Conditions) -> Conditions:
        """Return both; their parameters have different names."""
        return Conditions(
            (*self.sql, *other.sql),
            {**self.parameters, **other.parameters},
            self.assumed_tags | other.assumed_tags,
            self.assumed_of_parents | other.assumed_of_parents,
            self.sorted_by | other.sorted_by,
        )

    def sorted_as(self, order: Conditions) -> Conditions:
        """Return the conditions with the names of an order, which are to be checked too."""
        return replace(
            self,
            assumed_tags=self.assumed_tags | order.assumed_tags,
            sorted_by=self.sorted_by | order.sorted_by,
        )


def conditions_of(
    catalog: Catalog, model: CatalogModel, request: Request, targets: Sequence[Target] = ()
) -> Conditions:
    """Return the conditions of a request on the items of a model. Raises ExpressionError."""
    found: list[str] = []
    parameters: dict[str, Any] = {}
    assumed = of_parents = frozenset[str]()
    if request.datasets:
        found.append(fill("of_datasets"))
        parameters["datasets"] = list(request.datasets)
    if request.subsets:
        found.append(fill("of_subsets"))
        parameters["subsets"] = list(request.subsets)
    pictures = [one.sha256 for target in targets for one in target.asked if one.sha256]
    if pictures and request.exclude_self:
        found.append(fill("not_the_pictures"))
        parameters["pictures"] = pictures
    groups = [query.given for query in request.queries if query.kind.is_group]
    if groups and request.exclude_self is not False and not request.objects:
        found.append(fill("not_in_the_groups"))
        parameters["own_groups"] = groups
    if request.where is not None:
        from hamsight_query.where import compile_filter

        where = _compiled(catalog, model, compile_filter, request.where)
        found.append(where.sql)
        parameters.update(where.parameters)
        assumed, of_parents = where.assumed_tags, where.assumed_of_parents
    return Conditions(tuple(found), parameters, assumed, of_parents)


def order_of_items(catalog: Catalog, model: CatalogModel, request: Request) -> Conditions:
    """Return the order that a request gives items, as the only part of `sql`.

    Raises ExpressionError.
    """
    identity = fill("identity")
    if request.random is not None:
        return Conditions((f"{fill('order_at_random')}, {identity}",), {"seed": request.random})
    if request.sort is None:
        return Conditions((identity,))
    from hamsight_query.where import compile_key

    key = _compiled(catalog, model, compile_key, request.sort)
    return Conditions(
        (f"{key.sql}, {identity}",), key.parameters, key.assumed_tags, sorted_by=key.entries
    )


def check_names(
    catalog: Catalog,
    model: CatalogModel,
    request: Request,
    conditions: Conditions,
    answer: pa.Table | None = None,
) -> None:
    """Check that the table of a model has items, and the names that the request filters by.

    What an answer shows is there; the table is asked for the rest alone. Raises EmptyCatalogError,
    UsageError for a dataset, a subset, and an attribute or score to sort by, and ExpressionError
    for a name in `where` or `sort`.
    """
    table = model.items_table
    shown = None if answer is None else answer.slice(0, _SHOWN)
    empty = shown is None or not len(shown)
    named = _unseen(shown, "dataset", request.datasets) or _unseen(shown, "subset", request.subsets)
    if empty and not named:
        check_filled(catalog, model)
    if named:
        held = catalog.rows("dataset_names", table=table)
        if not held:
            check_filled(catalog, model)
        check_within(held, request.datasets, request.subsets)
    tags = conditions.assumed_tags
    if shown is not None and tags:
        tags = tags.difference(*(_tags_shown(shown)))
    of_parents = conditions.assumed_of_parents
    pictures = _parents(catalog, model).table if of_parents else ""
    if _lacks(catalog, table, tags) or _lacks(catalog, pictures, of_parents):
        from hamsight_query.where import compile_filter, compile_key

        known = _tags(catalog, table)
        parents = _parents(catalog, model, known=True) if request.objects else None
        if request.where is not None:
            compile_filter(request.where, known, parents)
        if request.sort is not None:
            compile_key(request.sort, known, parents)
    for column, name in sorted(conditions.sorted_by):
        quoted = json.dumps(name, ensure_ascii=False)
        if not catalog.rows("any_with_entry", {"name": name}, table=table, column=column):
            names = [row[0] for row in catalog.rows("entry_names", table=table, column=column)]
            raise UsageError(f"--sort: no item has {column}[{quoted}]; {nearest(name, names)}")


def _tags_shown(answer: pa.Table) -> Iterable[Iterable[str]]:
    """Return the tags of the rows of an answer."""
    if "tag" in answer.column_names:
        return [answer["tag"].to_pylist()]
    return (dict(row) for row in answer["tags"].to_pylist())


def _lacks(catalog: Catalog, table: str, tags: Collection[str]) -> bool:
    """Tell whether no item of a table has one of some tags."""
    if not tags:
        return False
    asked = {"names": sorted(tags), "limit": len(tags)}
    return len(catalog.rows("tags_of_names", asked, table=table)) < len(tags)


def check_filled(catalog: Catalog, model: CatalogModel) -> None:
    """Raise EmptyCatalogError where the table of a model has no items."""
    if not catalog.rows("any_item", table=model.items_table):
        option = "" if model.kind is TableKind.ITEMS else " --objects"
        raise EmptyCatalogError(
            f"{catalog.location} holds no {model.kind.value} of the model {model.name!r}:"
            f" fill it with `hamsight ingest FOLDER{option}`"
        )


def _unseen(answer: pa.Table | None, column: str, names: Iterable[str]) -> list[str]:
    wanted = list(names)
    seen = set(answer[column].to_pylist()) if wanted and answer is not None else set()
    return [name for name in wanted if name not in seen]


def _compiled(
    catalog: Catalog,
    model: CatalogModel,
    compiling: Callable[[str, Collection[str] | None, Parents | None], Filter],
    text: str,
) -> Filter:
    parents = parents_of(catalog, model, text)
    try:
        return compiling(text, None, parents)
    except ExpressionError:  # behind which a name may be that is neither column nor tag
        known = parents and _parents(catalog, model, known=True)
        return compiling(text, _tags(catalog, model.items_table), known)


def parents_of(
    catalog: Catalog, model: CatalogModel, text: str, *, known: bool = False
) -> Parents | None:
    """Return the pictures of objects for an expression; None where the model's rows are pictures.

    The catalog is asked for their table, and with `known` for their tags, where the expression
    names them.
    """
    from hamsight_query.where import Parents

    if model.kind is TableKind.ITEMS:
        return None
    return _parents(catalog, model, known=known) if "parent" in text else Parents("")


def _parents(catalog: Catalog, model: CatalogModel, *, known: bool = False) -> Parents:
    from hamsight_query.where import Parents

    table = catalog.model(model.name).items_table
    return Parents(table, _tags(catalog, table) if known else None)


def _tags(catalog: Catalog, table: str) -> list[str]:
    return [row[0] for row in catalog.rows("tag_names", {"limit": _TAGS}, table=table)]
