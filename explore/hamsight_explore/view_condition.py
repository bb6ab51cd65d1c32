"""The condition that a view's filters and lasso make in SQL."""

from __future__ import annotations

from hamsight_analyze.map_points import check_layout
from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.statements import all_of, fill
from hamsight_curate.selection import Condition
from hamsight_explore.view import Lasso, View
from hamsight_query.filters import check_names, conditions_of
from hamsight_query.request import Request


def condition_of(
    catalog: Catalog, model: CatalogModel, view: View, without: str | None = None
) -> Condition:
    """Return the condition that a view's filters and lasso make.

    Raises ExpressionError, and UsageError for a lasso on a map that is not kept any more.
    """
    if view.where is not None and view.filters:
        conditions_of(catalog, model, Request(where=view.where))  # a fault is of what was typed
    where = view.expression(without)
    held: list[Condition] = []
    if where is not None:
        request = Request(where=where)
        asked = conditions_of(catalog, model, request)
        check_names(catalog, model, request, asked)
        held.append(Condition(all_of(asked.sql), asked.parameters))
    if view.lasso is not None:
        check_layout(catalog, view.lasso.map)
        held.append(in_lasso(view.lasso))
    parameters = {name: value for one in held for name, value in one.parameters.items()}
    return Condition(all_of(f"({one.sql})" for one in held), parameters)


def in_lasso(lasso: Lasso) -> Condition:
    """Return the condition that items lie inside of a part of a map."""
    x, y = (list(numbers) for numbers in zip(*lasso.polygon, strict=True))
    sql = fill("in_lasso", is_map=fill("is_map"))
    return Condition(sql, {"lasso_map": lasso.map, "lasso_x": x, "lasso_y": y})
