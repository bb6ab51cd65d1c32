"""How a view's items are ranked: statements of one model or of several, and totals."""

from __future__ import annotations

from collections.abc import Sequence

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.generations import view_of
from hamsight_core.catalog.statements import all_of, fill
from hamsight_curate.change import count
from hamsight_curate.selection import Condition
from hamsight_explore.view import View
from hamsight_explore.view_condition import in_lasso
from hamsight_query.filters import Conditions
from hamsight_query.fusion import check_models, of_each_model
from hamsight_query.percentiles import Scales
from hamsight_query.request import Request
from hamsight_query.search import Prepared, fuse, prepare_targets
from hamsight_query.target import Target


def ranking(
    catalog: Catalog,
    model: CatalogModel,
    view: View,
    request: Request,
    targets: Sequence[Target],
    scales: Scales | None = None,
    *,
    is_part: bool = False,
) -> Prepared:
    """Return what ranks the items of a model for a view. Raises what `prepare_targets` raises."""
    also = None
    if view.lasso is not None:
        inside = in_lasso(view.lasso)
        also = Conditions((inside.sql,), inside.parameters)
    return prepare_targets(catalog, model, request, targets, scales, also=also, is_part=is_part)


def fused(
    catalog: Catalog,
    models: Sequence[CatalogModel],
    view: View,
    request: Request,
    targets: Sequence[Sequence[Target]],
) -> Prepared:
    """Return what ranks the items of several models, `targets` of each, by their fused rankings.

    Raises UsageError, and what `prepare_targets` raises.
    """
    check_models(catalog, request)
    parts = [
        ranking(catalog, model, view, one, own, is_part=True)
        for model, one, own in zip(models, of_each_model(request), targets, strict=True)
    ]
    return fuse(catalog, request, parts)


def total_of(
    catalog: Catalog, model: CatalogModel, conditions: Conditions, targets: Sequence[Target]
) -> int:
    """Return how many items a search ranks: the items that are queries are left out."""
    sql = all_of(conditions.sql)
    condition = Condition(sql, conditions.parameters)
    excluded = [one.identity for target in targets for one in target.asked if one.identity]
    if excluded:
        sql = fill("without_queries", condition=sql)
        condition = Condition(sql, {**condition.parameters, "excluded": excluded})
    return count(catalog, [view_of(model.items_table)], condition)
