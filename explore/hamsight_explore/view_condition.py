"""The condition that a view's filters and lasso make in SQL."""

from __future__ import annotations

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.statements import all_of, fill
from hamsight_curate.selection import Condition
from hamsight_explore.view import Lasso, View
from hamsight_query.filters import check_names, conditions_of
from hamsight_query.request import Request


def condition_of(
    catalog: Catalog, model: CatalogModel, view: View, without: str | None = None
) -> Condition:
    """Return the condition that a view's filters and lasso make. Raises ExpressionError."""
    where = view.expression(without)
    held: list[Condition] = []
    if where is not None:
        request = Request(where=where)
        asked = conditions_of(catalog, model, request)
        check_names(catalog, model, request, asked)
        held.append(Condition(all_of(asked.sql), asked.parameters))
    if view.lasso is not None:
        held.append(in_lasso(view.lasso))
    parameters = {name: value for one in held for name, value in one.parameters.items()}
    return Condition(all_of(f"({one.sql})" for one in held), parameters)


def in_lasso(lasso: Lasso) -> Condition:
    """Return the condition that items lie inside of a part of a map."""
    x, y = (list(numbers) for numbers in zip(*lasso.polygon, strict=True))
    return Condition(fill("in_lasso"), {"lasso_map": lasso.map, "lasso_x": x, "lasso_y": y})
