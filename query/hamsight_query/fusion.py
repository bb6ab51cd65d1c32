"""Several models at once: each ranks the items of its own table, and their ranks are fused.

Reciprocal rank fusion: G. Cormack, C. Clarke, S. Büttcher, SIGIR 2009.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from textwrap import indent
from typing import Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.statements import fill, union_of
from hamsight_core.errors import UsageError
from hamsight_core.names import listed
from hamsight_query.filters import Conditions
from hamsight_query.request import Request
from hamsight_query.statement import check_length, found_set, in_order
from hamsight_query.steps import Statement

DEPTH = 1000
"""So many matches of each model have a rank, unless the request says how many candidates."""


def of_each_model(request: Request) -> list[Request]:
    """Return the requests whose rankings a request of several models fuses."""
    depth = request.candidates or DEPTH
    return [replace(request, model=name, models=(), k=depth, offset=0) for name in request.models]


def check_models(catalog: Catalog, request: Request) -> None:
    """Raise UsageError for a dataset that one of a request's models lacks.

    That is any of the datasets that the request names, or else of those that a model has.
    """
    held = {
        name: {row[0] for row in catalog.rows("datasets_in", table=table)}
        for name in request.models
        for table in [catalog.model(name, kind=request.table_kind).items_table]
    }
    every = set().union(*held.values())
    for dataset in sorted(every.intersection(request.datasets) if request.datasets else every):
        lacking = [name for name in request.models if dataset not in held[name]]
        if lacking:
            shared = sorted(set.intersection(*held.values()))
            remedy = f", or search {listed(shared)} alone, with --dataset" if shared else ""
            raise UsageError(
                f"the dataset {dataset!r} has no items of the model {listed(lacking)}: ingest it"
                f" with --model {lacking[0]}{remedy}"
            )


def fused(statements: Sequence[Statement], request: Request, order: Conditions | None) -> Statement:
    """Return the statement that fuses the rankings of a request's models, a page of it.

    With an `order`, what is found is put into it. Raises UsageError for too many queries.
    """
    parameters: dict[str, Any] = {}
    rankings = []
    for number, one in enumerate(statements, start=1):
        sql, given = _renamed(one, f"model_{number}_")
        parameters.update(given)
        statement = indent(sql, " " * 4).lstrip()
        rankings.append(fill("ranked_by_model", number=number, statement=statement))
    both = indent(union_of(rankings), " " * 8).lstrip()
    page = request if order is None else found_set(request)
    parameters["fused"], parameters["fused_after"] = page.k, page.offset
    whole = Statement(fill("fused", rankings=both), parameters)
    if order is not None:
        whole = in_order(whole, order, request)
    check_length(whole, len(request.queries) * len(statements))
    return whole


def _renamed(statement: Statement, prefix: str) -> tuple[str, Mapping[str, Any]]:
    """Return a statement whose parameters have names of their own."""
    sql = re.sub(r"\{(\w+):", rf"{{{prefix}\1:", statement.sql)
    return sql, {f"{prefix}{name}": value for name, value in statement.parameters.items()}
