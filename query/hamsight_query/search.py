"""The search itself: a request becomes targets, one statement, ranked matches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import IMPORTED, Catalog, CatalogModel
from hamsight_core.catalog.fits import hash_of
from hamsight_core.catalog.statements import all_of, fill
from hamsight_core.errors import HamsightError, StatementError, UsageError
from hamsight_core.models.network import HERE, Compute
from hamsight_query.candidates import described_by
from hamsight_query.filters import (
    Conditions,
    check_filled,
    check_names,
    conditions_of,
    order_of_items,
)
from hamsight_query.fusion import check_models, fused, of_each_model
from hamsight_query.named import items_named
from hamsight_query.percentiles import Scales, measure_scales
from hamsight_query.request import Combine, Kind, Rank, Request
from hamsight_query.result import Matches
from hamsight_query.statement import build
from hamsight_query.steps import Statement, ask
from hamsight_query.target import Target, blended, resolve

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_query.answer_sheet import Boxes


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request with all that answers it. Names that it filters by are not checked yet.

    `scales` are those of a calibrated request. A request of several models has `parts`, one for
    each, and the model, targets and conditions of the first.
    """

    request: Request
    model: CatalogModel
    targets: Sequence[Target]
    conditions: Conditions
    statement: Statement
    scales: Scales = field(default_factory=dict)
    parts: tuple[Prepared, ...] = ()

    @property
    def of_models(self) -> tuple[Prepared, ...]:
        """What is prepared for each model."""
        return self.parts or (self,)

    def check(self, catalog: Catalog, answer: pa.Table | None = None) -> None:
        """Check the names in the request's filters, of an answer or before a statement is told.

        Raises EmptyCatalogError, UsageError and ExpressionError.
        """
        for one in self.of_models:
            check_names(catalog, one.model, one.request, one.conditions, answer)

    def answer(self, catalog: Catalog) -> Matches:
        """Return the matches; raises what `check` raises and StatementError."""
        found = ask(catalog, self.statement, self.model.items_table)
        self.check(catalog, found)
        names = ", ".join(one.model.name for one in self.of_models)

        def boxes(matches: Matches) -> Boxes:
            from hamsight_query.answer_sheet import boxes_of

            return boxes_of(catalog, self.model.items_table, matches) if catalog.is_open else {}

        offset = self.request.offset
        return Matches.of(found, self.targets, offset, self.statement, names, boxes)

    def is_current(self, catalog: Catalog) -> bool:
        """Tell whether the catalog's models are still those for which this was prepared."""
        models = catalog.models(None)
        return all(one.model in models for one in self.of_models)


def search(catalog: Catalog, request: Request, compute: Compute = HERE) -> Matches:
    """Answer a request; raises what `prepare` and `Prepared.answer` raise."""
    return answer(catalog, lambda: prepare(catalog, request, compute))


def answer(catalog: Catalog, make: Callable[[], Prepared]) -> Matches:
    """Answer what `make` prepares, a second time where the model's table was replaced meanwhile.

    Raises what `make` and `Prepared.answer` raise.
    """
    prepared = make()
    try:
        return prepared.answer(catalog)
    except StatementError:
        if prepared.is_current(catalog):
            raise
    # another process has given the model other hashes since, in another table
    return make().answer(catalog)


def prepare(
    catalog: Catalog, request: Request, compute: Compute = HERE, *, is_part: bool = False
) -> Prepared:
    """Return what answers a request, which may be a part of a request of several models.

    Raises EmptyCatalogError, ModelMismatchError, ModelError, UnknownItemError, ImageError,
    ExpressionError, and UsageError for a model that the catalog lacks.
    """
    if request.models:
        check_models(catalog, request)
        each = of_each_model(request)
        parts = [prepare(catalog, one, compute, is_part=True) for one in each]
        return fuse(catalog, request, parts)
    model = _model_of(catalog, request)
    try:
        conditions_of(catalog, model, request)  # before a model is loaded
        targets = resolve(catalog, model, request, compute)
    except HamsightError:  # that there is nothing to search is to be told first
        check_filled(catalog, model)
        raise
    return prepare_targets(catalog, model, request, targets, None, compute, is_part=is_part)


def fuse(catalog: Catalog, request: Request, parts: Sequence[Prepared]) -> Prepared:
    """Return what answers a request of several models, from what answers it of each.

    Raises ExpressionError, and UsageError for too many queries.
    """
    order = None
    if request.sort is not None:
        order = order_of_items(catalog, parts[0].model, request)
        sorted_too = replace(parts[0], conditions=parts[0].conditions.sorted_as(order))
        parts = [sorted_too, *parts[1:]]
    statement = fused([one.statement for one in parts], request, order)
    return replace(parts[0], request=request, statement=statement, parts=tuple(parts))


def _model_of(catalog: Catalog, request: Request) -> CatalogModel:
    """Return the model that a request names, or the only one with its datasets and items.

    Raises what `Catalog.model` raises.
    """
    items = [query.given for query in request.queries if query.kind is Kind.ITEM]

    def has_items(model: CatalogModel) -> bool:
        return all(items_named(catalog, model.items_table, items).values())

    suits = has_items if items else None
    return catalog.model(request.model, request.datasets, suits, kind=request.table_kind)


def prepare_targets(
    catalog: Catalog,
    model: CatalogModel,
    request: Request,
    targets: Sequence[Target],
    scales: Scales | None = None,
    compute: Compute = HERE,
    *,
    also: Conditions | None = None,
    is_part: bool = False,
) -> Prepared:
    """Return what answers a request whose queries are targets, of items that `also` holds for.

    The scales of a calibrated request are measured unless they are given. Raises ExpressionError
    and UsageError, and what `measure_scales` raises.
    """
    if not request.queries:
        return _prepare_list(catalog, model, request)
    bare = [target for target in targets if not target.feature]
    if bare and (request.rank is Rank.COSINE or request.combine is Combine.BLEND):
        raise UsageError(
            f"--{bare[0].query.kind.value} {bare[0].query.given!r} has a hash but no feature:"
            " rank by the hash alone, with --rank hamming"
        )
    imported = request.rank is Rank.COSINE and model.source == IMPORTED
    if imported and catalog.rows("find_featureless", table=model.items_table):
        raise UsageError(
            f"items of the model {model.name!r} were imported with hashes alone:"
            " rank by the hash, with --rank hamming"
        )
    if request.combine is Combine.BLEND and not bare:
        targets = [blended(targets, hash_of(catalog, model))]
    conditions = conditions_of(catalog, model, request, targets)
    if also is not None:
        conditions = conditions.joined(also)
    if not request.calibrated:
        scales = None
    elif not scales:
        kinds = {target.kind for target in targets}
        scales = measure_scales(catalog, model, kinds, request.model, compute)
    order = None
    if request.sort is not None and not is_part:
        order = order_of_items(catalog, model, request)
        conditions = conditions.sorted_as(order)
    statement = build(request, targets, model, conditions, catalog.layout, scales, order)
    return Prepared(request, model, targets, conditions, statement, scales or {})


def _prepare_list(catalog: Catalog, model: CatalogModel, request: Request) -> Prepared:
    """Return what lists items, without a query. Raises ExpressionError."""
    table = model.items_table
    conditions = conditions_of(catalog, model, request)
    order = order_of_items(catalog, model, request)
    sql = fill(
        "list_items",
        first_columns=fill("identity_and_place"),
        described=described_by(table),
        table=table,
        conditions=all_of(conditions.sql),
        order=order.sql[0],
    )
    page = {"k": request.k, "offset": request.offset}
    statement = Statement(sql, {**conditions.parameters, **order.parameters, **page})
    return Prepared(request, model, (), conditions.sorted_as(order), statement)
