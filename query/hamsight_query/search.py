"""The search itself: a request becomes targets, one statement, ranked matches."""

from __future__ import annotations

from collections.abc import Sequence

from hamsight_core.catalog.catalog import IMPORTED, Catalog, CatalogModel
from hamsight_core.errors import EmptyCatalogError, StatementError, UsageError
from hamsight_core.models.network import HERE, Compute
from hamsight_core.names import check_within
from hamsight_query.request import Rank, Request
from hamsight_query.result import Matches
from hamsight_query.statement import build
from hamsight_query.steps import Statement, ask
from hamsight_query.target import Target, resolve

_TAGS = 100_000


def search(catalog: Catalog, request: Request, compute: Compute = HERE) -> Matches:
    """Answer a request; raises what `prepare` raises and StatementError."""
    targets, statement, model = prepare(catalog, request, compute)
    try:
        return answer(catalog, request, targets, statement, model)
    except StatementError:
        if catalog.model(request.model, request.datasets) == model:
            raise
    # another process has given the model other hashes since, in another table
    targets, statement, model = prepare(catalog, request, compute)
    return answer(catalog, request, targets, statement, model)


def answer(
    catalog: Catalog,
    request: Request,
    targets: Sequence[Target],
    statement: Statement,
    model: CatalogModel,
) -> Matches:
    """Return the matches that the statement of a request finds. Raises StatementError."""
    table = ask(catalog, statement, model.items_table)
    return Matches.of(table, targets, request.offset, statement, model.name)


def prepare(
    catalog: Catalog, request: Request, compute: Compute = HERE
) -> tuple[Sequence[Target], Statement, CatalogModel]:
    """Return the targets, the statement and the model that answer a request.

    Raises EmptyCatalogError, ModelMismatchError, ModelError, UnknownItemError, ImageError,
    ExpressionError, and UsageError for a model, dataset or subset that the catalog lacks.
    """
    model = catalog.model(request.model, request.datasets)
    check_names(catalog, model, request)
    targets = resolve(catalog, model, request, compute)
    return targets, statement_of(catalog, model, request, targets), model


def statement_of(
    catalog: Catalog, model: CatalogModel, request: Request, targets: Sequence[Target]
) -> Statement:
    """Return the statement that answers a request whose queries are targets.

    Its filter may name the tags that the catalog has now. Raises ExpressionError and UsageError.
    """
    bare = [target for target in targets if not target.feature]
    if bare and request.rank is Rank.COSINE:
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
    tags: list[str] = []
    if request.where is not None:
        rows = catalog.rows("tag_names", {"limit": _TAGS}, table=model.items_table)
        tags = [row[0] for row in rows]
    return build(request, targets, model, tags, catalog.layout)


def check_names(catalog: Catalog, model: CatalogModel, request: Request) -> None:
    """Check that there are items, and the datasets and subsets that the request names.

    Raises EmptyCatalogError and UsageError.
    """
    named = bool(request.datasets or request.subsets)
    rows = catalog.rows("dataset_names" if named else "any_item", table=model.items_table)
    if not rows:
        raise EmptyCatalogError(
            f"{catalog.location} holds no items of the model {model.name!r}:"
            " fill it with `hamsight ingest FOLDER`"
        )
    if named:
        check_within(rows, request.datasets, request.subsets)
