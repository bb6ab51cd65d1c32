"""Names that a shell proposes: datasets, groups, saved queries and models of the catalog."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import typer

from hamsight_core.controls import printable
from hamsight_core.errors import HamsightError

if TYPE_CHECKING:
    from hamsight_core.catalog.catalog import Catalog

_TAGS = 10_000
_NAME = re.compile(r"(?<![\w.])(?P<parent>parent\.)?(?P<name>[^\W\d]?\w*)$")


def datasets(context: typer.Context, incomplete: str) -> list[str]:
    """Return the datasets of the catalog that begin with the text."""
    from hamsight_curate.datasets import list_datasets

    return _fitting(_of_catalog(context, _column(list_datasets, "dataset")), incomplete)


def groups(context: typer.Context, incomplete: str) -> list[str]:
    """Return the groups of the catalog that begin with the text."""
    from hamsight_curate.groups import list_groups

    return _fitting(_of_catalog(context, _column(list_groups, "group")), incomplete)


def saved_queries(context: typer.Context, incomplete: str) -> list[str]:
    """Return the saved queries that begin with the text."""
    from hamsight_query.saved import list_saved

    return _fitting(_of_catalog(context, _column(list_saved, "name")), incomplete)


def models(context: typer.Context, incomplete: str) -> list[str]:
    """Return the models of the catalog that begin with the text."""
    return _fitting(_of_catalog(context, _model_names), incomplete)


def expressions(context: typer.Context, incomplete: str) -> list[str]:
    """Return the expression with its last name whole: columns and tags, with objects theirs.

    Behind `parent.` the names are those of pictures. Nothing is proposed within a text.
    """
    found = _NAME.search(incomplete)
    if found is None or incomplete.count('"') % 2:
        return []
    objects = bool(context.params.get("objects"))
    of_pictures = not objects or found["parent"] is not None

    def read(catalog: Catalog) -> Iterable[str]:
        kind = TableKind.ITEMS if of_pictures else TableKind.OBJECTS
        given = context.params.get("model")
        model = given if isinstance(given, str) else (given or [None])[0]
        table = catalog.model(model, kind=kind).items_table
        rows = catalog.rows("tag_names", {"limit": _TAGS}, table=table)
        return [row[0] for row in rows if row[0].isidentifier()]

    from hamsight_core.catalog.model_row import TableKind
    from hamsight_query.where.names import COLUMNS, OBJECT_COLUMNS

    names = [*(COLUMNS if of_pictures else OBJECT_COLUMNS), *_of_catalog(context, read)]
    if not of_pictures:
        names.append("parent.")
    head = incomplete[: found.start("name")]
    return _fitting((head + name for name in names), incomplete)


def known_models(incomplete: str) -> list[str]:
    """Return the models that can be downloaded and begin with the text."""
    from hamsight_core.models.registry import registry

    return _fitting(registry(), incomplete)


def all_models(context: typer.Context, incomplete: str) -> list[str]:
    """Return the models of the catalog, those that ship, and those that can be downloaded."""
    from hamsight_core.models.package import built_in_names

    others = _fitting([*built_in_names(), *known_models(incomplete)], incomplete)
    return list(dict.fromkeys([*models(context, incomplete), *others]))


def _model_names(catalog: Catalog) -> Iterable[str]:
    return [model.name for model in catalog.models()]


def _column(listed: Callable[[Catalog], Any], name: str) -> Callable[[Catalog], Iterable[str]]:
    return lambda catalog: listed(catalog)[name].to_pylist()


def _of_catalog(context: typer.Context, read: Callable[[Catalog], Iterable[str]]) -> Iterable[str]:
    """Return names of the catalog; none where there is none, as the command itself will say."""
    from hamsight_core.catalog.catalog import Catalog

    try:
        with Catalog.open(context.params.get("db")) as catalog:
            return read(catalog)
    except HamsightError:
        return []


def _fitting(names: Iterable[str], incomplete: str) -> list[str]:
    """Return the names that begin with the text and that a shell can show as they are."""
    fitting = (name for name in names if name.startswith(incomplete) and printable(name) == name)
    return sorted(set(fitting))
