"""The search itself: a request becomes targets, one statement, ranked matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hamsight_core.catalog.catalog import IMPORTED, Catalog, CatalogModel, TableKind
from hamsight_core.catalog.fits import hash_of
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import HamsightError, StatementError, UsageError
from hamsight_core.models.network import HERE, Compute
from hamsight_query.candidates import described_by
from hamsight_query.filters import (
    Conditions,
    check_filled,
    check_names,
    conditions_of,
    order_of_list,
)
from hamsight_query.request import Combine, Rank, Request
from hamsight_query.result import Matches
from hamsight_query.statement import build
from hamsight_query.steps import Statement, ask
from hamsight_query.target import Target, blended, resolve


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request with all that answers it. Names that it filters by are not checked yet."""

    request: Request
    model: CatalogModel
    targets: Sequence[Target]
    conditions: Conditions
    statement: Statement

    def check(self, catalog: Catalog) -> None:
        """Check the names in the request's filters, for a statement that is not run here.

        Raises EmptyCatalogError, UsageError and ExpressionError.
        """
        check_names(catalog, self.model, self.request, self.conditions)

    def answer(self, catalog: Catalog) -> Matches:
        """Return the matches; raises what `check` raises and StatementError."""
        found = ask(catalog, self.statement, self.model.items_table)
        check_names(catalog, self.model, self.request, self.conditions, found)
        name, offset = self.model.name, self.request.offset
        return Matches.of(found, self.targets, offset, self.statement, name)


def search(catalog: Catalog, request: Request, compute: Compute = HERE) -> Matches:
    """Answer a request; raises what `prepare` and `Prepared.answer` raise."""
    prepared = prepare(catalog, request, compute)
    try:
        return prepared.answer(catalog)
    except StatementError:
        if model_of(catalog, request) == prepared.model:
            raise
    # another process has given the model other hashes since, in another table
    return prepare(catalog, request, compute).answer(catalog)


def model_of(catalog: Catalog, request: Request) -> CatalogModel:
    """Return the model whose items, or objects, are asked for; raises what `Catalog.model` does."""
    kind = TableKind.OBJECTS if request.objects else TableKind.ITEMS
    return catalog.model(request.model, request.datasets, kind)


def prepare(catalog: Catalog, request: Request, compute: Compute = HERE) -> Prepared:
    """Return what answers a request.

    Raises EmptyCatalogError, ModelMismatchError, ModelError, UnknownItemError, ImageError,
    ExpressionError, and UsageError for a model that the catalog lacks.
    """
    model = model_of(catalog, request)
    try:
        conditions_of(catalog, model, request)  # before a model is loaded
        targets = resolve(catalog, model, request, compute)
    except HamsightError:  # that there is nothing to search is to be told first
        check_filled(catalog, model)
        raise
    return prepare_targets(catalog, model, request, targets)


def prepare_targets(
    catalog: Catalog, model: CatalogModel, request: Request, targets: Sequence[Target]
) -> Prepared:
    """Return what answers a request whose queries are targets.

    Raises ExpressionError and UsageError.
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
    statement = build(request, targets, model, conditions, catalog.layout)
    return Prepared(request, model, targets, conditions, statement)


def _prepare_list(catalog: Catalog, model: CatalogModel, request: Request) -> Prepared:
    """Return what lists items, without a query. Raises ExpressionError."""
    table = model.items_table
    conditions = conditions_of(catalog, model, request)
    order = order_of_list(catalog, model, request)
    sql = fill(
        "list_items",
        first_columns=fill("identity_and_place"),
        described=described_by(table),
        table=table,
        conditions=f" {fill('and_also')} ".join(conditions.sql) or fill("every_item"),
        order=order.sql[0],
    )
    page = {"k": request.k, "offset": request.offset}
    statement = Statement(sql, {**conditions.parameters, **order.parameters, **page})
    assumed = conditions.assumed_tags | order.assumed_tags
    return Prepared(request, model, (), replace(conditions, assumed_tags=assumed), statement)
